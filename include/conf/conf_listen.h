/* conf/conf_listen.h: the settings `listen`, `access` and `trusted`: where we listen, whom we
 * serve, and whose word we take. */
#pragma once

#include "conf/conf_option.h"

const struct conf_section *conf_listen_section(void);	     /* of one entry of `listen` */
const struct conf_section *conf_listen_access_section(void); /* of one entry of `access` */

void conf_listen_read(struct conf_reader *reader, const struct conf_node *node, void *base);
void conf_listen_print(struct conf_printer *printer, const void *base);
void conf_listen_read_access(struct conf_reader *reader, const struct conf_node *node, void *base);
void conf_listen_print_access(struct conf_printer *printer, const void *base);
void conf_listen_read_trusted(struct conf_reader *reader, const struct conf_node *node, void *base);
void conf_listen_print_trusted(struct conf_printer *printer, const void *base);

/** Puts the default lists where none were read. -ENOMEM. */
MUST_CHECK int conf_listen_defaults(struct conf *conf);
