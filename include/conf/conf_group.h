/* conf/conf_group.h: the setting `upstreams`: groups of servers to ask. */
#pragma once

#include "conf/conf_option.h"

const struct conf_section *conf_group_section(void); /* of one group */

/** Puts the default group where it belongs. -ENOMEM. */
MUST_CHECK int conf_group_defaults(struct conf *conf);
void conf_group_read(struct conf_reader *reader, const struct conf_node *node, void *base);
void conf_group_print(struct conf_printer *printer, const void *base);
/** Index of the group that `node` names; CONF_GROUP_NONE after a complaint. */
int conf_group_find(struct conf_reader *reader, const struct conf_node *node, bool or_servfail);
