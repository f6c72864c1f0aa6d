/* conf/conf_web.h: the settings of `web`: where its pages are served, and by which names. */
#pragma once

#include "conf/conf_option.h"

void conf_web_read_listen(struct conf_reader *reader, const struct conf_node *node, void *base);
void conf_web_print_listen(struct conf_printer *printer, const void *base);

/** Puts the default address in place. */
void conf_web_defaults(struct conf *conf);
/** Complains where it is wanted and this program was built without. */
void conf_web_check(struct conf_reader *reader, const struct conf_node *tree);
