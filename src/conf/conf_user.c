#include "conf/conf_user.h"

#include <errno.h>
#include <string.h>

#include "conf/conf_print.h"

#define NAME_LEN_MAX 63u

void conf_user_read(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf *conf = base;

	if (node->kind != NODE_TEXT || strlen(node->text) > NAME_LEN_MAX) {
		conf_option_refuse(
			reader, node,
			"the name of an account, such as \"courierdns\", or \"\" to stay root");
		return;
	}
	mem_free(conf->user);
	conf->user = mem_strdup(node->text);
	conf->user_place = conf_option_place(reader, node);
	if (conf->user == NULL)
		reader->err = -ENOMEM;
}

void conf_user_print(struct conf_printer *printer, const void *base)
{
	const struct conf *conf = base;

	if (conf->user == NULL)
		return;
	conf_print_begin(printer, "user");
	conf_print_text(printer, conf->user);
	conf_print_end(printer);
}
