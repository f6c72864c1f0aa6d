/* conf/conf_value.h: addresses, networks, types and names out of a configuration, or what is wrong
 * with them. */
#pragma once

#include "conf/conf_option.h"

/** ADDRESS, or with `default_port` not 0 also ADDRESS@PORT. False after a complaint. */
bool conf_value_addr(struct conf_reader *reader, const struct conf_node *node,
		     uint16_t default_port, struct addr *ret_addr);
/** "10.0.0.0/8" or a bare address. False after a complaint. */
bool conf_value_net(struct conf_reader *reader, const struct conf_node *node,
		    struct addr_prefix *ret_net);
/** All elements of a list, which may have none, sorted; complains of those that are there twice.
 * `ret_nets` is the caller's then, and untouched where memory is short. */
void conf_value_nets(struct conf_reader *reader, const struct conf_node *node,
		     struct addr_prefix **ret_nets, size_t *ret_count);
/** The same of types, of a list that has some. */
void conf_value_types(struct conf_reader *reader, const struct conf_node *node,
		      uint16_t **ret_types, size_t *ret_count);
/** A name in lower case, a template where it has {n}. False after a complaint or when memory is
 * short; ret_name->wire is then NULL. */
bool conf_value_name(struct conf_reader *reader, const struct conf_node *node,
		     struct conf_name *ret_name);
/** All names of a list that has some, none of them a template. */
void conf_value_names(struct conf_reader *reader, const struct conf_node *node,
		      const char *expected, struct conf_name **ret_names, size_t *ret_count);
/** The name of a template is none too long when {n} is as large as this. */
bool conf_value_has_room(const struct conf_name *name, uint32_t n_high);
/** Ascending by family, address, length: for qsort(). */
int conf_value_compare_nets(const void *a, const void *b);
