/* conf/conf_user.h: the setting `user`: whom to become once what needs root is open. */
#pragma once

#include "conf/conf_option.h"

void conf_user_read(struct conf_reader *reader, const struct conf_node *node, void *base);
