/* conf/conf_zone.h: the setting `zones`: which names are treated how. */
#pragma once

#include "conf/conf_option.h"

const struct conf_section *conf_zone_section(void); /* of one zone */

/** Keeps the node: zones are read when all groups are known. */
void conf_zone_note(struct conf_reader *reader, const struct conf_node *node, void *base);
/** Reads what was kept. */
void conf_zone_read(struct conf_reader *reader);
