/* conf/conf_zone_check.h: what may not stand together in a zone, or in two of them. */
#pragma once

#include "conf/conf_option.h"

/** One zone, read from `node`. */
void conf_zone_check(struct conf_reader *reader, const struct conf_node *node,
		     const struct conf_zone *zone);
/** All zones of reader->conf, read from the elements of reader->zones: names that are there twice
 * under the same conditions, exceptions from nothing. */
void conf_zone_check_all(struct conf_reader *reader);
