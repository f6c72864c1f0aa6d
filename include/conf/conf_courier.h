/* conf/conf_courier.h: the setting `couriers`: families of an alias that dangles by design. */
#pragma once

#include "conf/conf_option.h"

/** Keeps the node for conf_courier_read(), by when all groups are known. */
void conf_courier_note(struct conf_reader *reader, const struct conf_node *node, void *base);
/** Reads what was kept, and adds the built-in families that it does not name. */
void conf_courier_read(struct conf_reader *reader);
/** Puts the built-in families where nothing was read. -ENOMEM. */
MUST_CHECK int conf_courier_defaults(struct conf *conf);
void conf_courier_print(struct conf_printer *printer, const void *base);
