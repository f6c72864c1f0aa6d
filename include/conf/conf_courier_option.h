/* conf/conf_courier_option.h: the settings of one family of `couriers`. */
#pragma once

#include "conf/conf_option.h"

/** Their defaults are those of a family that is not built in, but for lists and names. */
const struct conf_section *conf_courier_option_section(void);
