/* conf/conf_rebinding.h: the setting `rebinding.allow`: whose names may have private addresses. */
#pragma once

#include "conf/conf_option.h"

void conf_rebinding_read_allow(struct conf_reader *reader, const struct conf_node *node,
			       void *base);
void conf_rebinding_print_allow(struct conf_printer *printer, const void *base);
