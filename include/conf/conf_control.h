/* conf/conf_control.h: the setting `control.socket`: where the running program is talked to. */
#pragma once

#include "conf/conf_option.h"

#define CONF_CONTROL_PATH_MAX 107u /* what the system has room for in the address of a socket */

#define CONF_CONTROL_DEFAULT "/run/courierdns/control.sock"

/** A path that a socket can have, or "" for none. */
bool conf_control_is_socket(const char *text);

/** Puts the default path in place. -ENOMEM. */
MUST_CHECK int conf_control_defaults(struct conf *conf);
