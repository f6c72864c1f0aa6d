/* conf/conf_server.h: one server of a group: its address, and how it is reached. */
#pragma once

#include "conf/conf_option.h"

const struct conf_section *conf_server_section(void); /* of one written as a group */

/** "ADDRESS@PORT" or { address = "ADDRESS@PORT"; ... }. False after a complaint. */
bool conf_server_read(struct conf_reader *reader, const struct conf_node *node,
		      struct conf_server *ret_server);
/** NAME = the list of them, as plain addresses where no more is said of any. */
void conf_server_print_list(struct conf_printer *printer, const char *name,
			    const struct conf_server *servers, size_t count);
