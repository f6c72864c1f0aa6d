#include "conf/conf_web.h"

#include <string.h>

#include "conf/conf_control.h"
#include "conf/conf_print.h"
#include "conf/conf_value.h"

/* Loopback: whoever reaches it sees what clients ask. */
static const struct addr default_listen = { .bytes = { 127, 0, 0, 1 }, .family = ADDR_IPV4 };

void conf_web_defaults(struct conf *conf)
{
	conf->web_listen = default_listen;
}

void conf_web_read_listen(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf *conf = base;

	if (node->kind == NODE_TEXT && node->text[0] == '/') {
		if (strlen(node->text) > CONF_CONTROL_PATH_MAX)
			conf_option_refuse(reader, node, "a path of at most 107 bytes");
		else
			conf_value_copy(reader, node, &conf->web_path);
		return;
	}
	(void)conf_value_addr(reader, node, 0, &conf->web_listen);
}

void conf_web_print_listen(struct conf_printer *printer, const void *base)
{
	const struct conf *conf = base;
	struct addr_text text;

	conf_print_setting(printer, "listen",
			   conf->web_path != NULL ? conf->web_path
						  : addr_to_text(&conf->web_listen, &text));
}

/* Whichever of two sockets is opened last at one path is all that is there. */
void conf_web_check(struct conf_reader *reader, const struct conf_node *tree)
{
	const struct conf *conf = reader->conf;

	if (!COURIERDNS_WEB && conf->web_enabled)
		conf_option_refuse(reader, conf_node_find(conf_node_find(tree, "web"), "enabled"),
				   "false: this courierdns was built without it (make WEB=yes)");
	if (conf->web_path != NULL && strcmp(conf->web_path, conf->control_socket) == 0)
		conf_option_refuse(reader, conf_node_find(conf_node_find(tree, "web"), "listen"),
				   "another path than that of control.socket");
}
