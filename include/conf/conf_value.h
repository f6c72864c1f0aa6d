/* conf/conf_value.h: addresses, networks, types and names out of a configuration, or what is wrong
 * with them. */
#pragma once

#include "conf/conf_option.h"
#include "wire/type.h"

#define CONF_VALUE_LINK_EXPECTED "a network interface that is here behind %"
/** ADDRESS, or with `default_port` not 0 also ADDRESS@PORT. False after a complaint;
 * ret_addr is then as it was. */
bool conf_value_addr(struct conf_reader *reader, const struct conf_node *node,
		     uint16_t default_port, struct addr *ret_addr);
/** "10.0.0.0/8" or a bare address. False after a complaint. */
bool conf_value_net(struct conf_reader *reader, const struct conf_node *node,
		    struct addr_prefix *ret_net);
/** A name in lower case, a template where it has {n}. False after a complaint or when memory is
 * short; ret_name->wire is then NULL. */
bool conf_value_name(struct conf_reader *reader, const struct conf_node *node,
		     struct conf_name *ret_name);
/** All of `count` nodes that are good, in place of what was there; `kind` is NAMES to NETS. Types
 * and networks are sorted; complains of those that are there twice. Untouched where memory is
 * short. */
void conf_value_list(struct conf_reader *reader, const struct conf_node *nodes, uint32_t count,
		     enum conf_option_kind kind, void *ret_all, size_t *ret_count);
/** Puts a copy of its text in place of what was there. */
void conf_value_copy(struct conf_reader *reader, const struct conf_node *node, char **ret_text);
/** Reads what is of kind TEXT to NETS. */
void conf_value_read(struct conf_reader *reader, const struct conf_node *node,
		     const struct conf_option *option, void *base);

union conf_value_text {
	struct name_text name;
	struct type_text type;
	struct addr_text net;
};
/** Of one value of kind NAME to NETS, "" for a name that is none; in `into` or constant. */
const char *conf_value_text(enum conf_option_kind kind, const void *value,
			    union conf_value_text *into);
/** Bytes of such a value. */
size_t conf_value_size(enum conf_option_kind kind);
/** The name of a template is none too long when {n} is as large as this. */
bool conf_value_has_room(const struct conf_name *name, uint32_t n_high);
/** Ascending by family, address, length: for qsort(). */
int conf_value_compare_nets(const void *a, const void *b);
