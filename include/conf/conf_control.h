/* conf/conf_control.h: the setting `control.socket`: where the running program is talked to. */
#pragma once

#include "conf/conf_option.h"

#define CONF_CONTROL_PATH_MAX 107u /* what the system has room for in the address of a socket */

void conf_control_read_socket(struct conf_reader *reader, const struct conf_node *node, void *base);
void conf_control_print_socket(struct conf_printer *printer, const void *base);

/** Puts the default path in place. -ENOMEM. */
MUST_CHECK int conf_control_defaults(struct conf *conf);
