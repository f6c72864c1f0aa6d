#include "conf/conf_control.h"

#include <errno.h>
#include <string.h>

bool conf_control_is_socket(const char *text)
{
	return text[0] == '\0' || (text[0] == '/' && strlen(text) <= CONF_CONTROL_PATH_MAX);
}

int conf_control_defaults(struct conf *conf)
{
	conf->control_socket = mem_strdup(CONF_CONTROL_DEFAULT);
	return conf->control_socket != NULL ? 0 : -ENOMEM;
}
