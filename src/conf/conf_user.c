#include "conf/conf_user.h"

#include <string.h>

#include "conf/conf_value.h"

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
	conf_value_copy(reader, node, &conf->user);
	conf_option_place(reader, node, &conf->user_place);
}
