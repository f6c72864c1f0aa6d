/* conf/conf_listen.h: the settings `listen` and `access`: where we listen, whom we serve;
 * and the default of `trusted`. */
#pragma once

#include "conf/conf_option.h"

const struct conf_section *conf_listen_section(void);	     /* of one entry of `listen` */
const struct conf_section *conf_listen_access_section(void); /* of one entry of `access` */

void conf_listen_read(struct conf_reader *reader, const struct conf_node *node, void *base);
void conf_listen_read_access(struct conf_reader *reader, const struct conf_node *node, void *base);

/** Puts the default lists where none were read. -ENOMEM. */
MUST_CHECK int conf_listen_defaults(struct conf *conf);
