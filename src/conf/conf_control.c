#include "conf/conf_control.h"

#include <errno.h>
#include <string.h>

#include "conf/conf_print.h"

#define DEFAULT_SOCKET "/run/courierdns/control.sock"

static int set_socket(struct conf *conf, const char *path)
{
	char *copy = mem_strdup(path);

	if (copy == NULL)
		return -ENOMEM;
	mem_free(conf->control_socket);
	conf->control_socket = copy;
	return 0;
}

int conf_control_defaults(struct conf *conf)
{
	return set_socket(conf, DEFAULT_SOCKET);
}

void conf_control_read_socket(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	if (node->kind != NODE_TEXT ||
	    (node->text[0] != '\0' &&
	     (node->text[0] != '/' || strlen(node->text) > CONF_CONTROL_PATH_MAX))) {
		conf_option_refuse(reader, node,
				   "the path of a socket from / on, of at most 107 bytes, such as "
				   "\"" DEFAULT_SOCKET "\", or \"\" for none");
		return;
	}
	if (set_socket(base, node->text) != 0)
		reader->err = -ENOMEM;
}

void conf_control_print_socket(struct conf_printer *printer, const void *base)
{
	const struct conf *conf = base;

	conf_print_begin(printer, "socket");
	conf_print_text(printer, conf->control_socket);
	conf_print_end(printer);
}
