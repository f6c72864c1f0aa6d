/* conf/conf_courier_check.h: what may not stand together in a family, or in two of them. */
#pragma once

#include "conf/conf_option.h"

/** All families of reader->conf, those that are off too: names that are there twice, or that a
 * template makes. The first `unwritten` of them are built in, the others were read from the
 * elements of reader->couriers. */
void conf_courier_check_all(struct conf_reader *reader, size_t unwritten);
