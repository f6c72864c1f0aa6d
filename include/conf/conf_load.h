/* conf/conf_load.h: libconfig text to struct conf, from one table of options.
 *
 * The table also drives conf_print() and the test of etc/courierdns.conf. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "conf/complaint.h"
#include "conf/conf.h"

#define CONF_LOAD_DEFAULT_PATH "/etc/courierdns.conf"

/** Reads the file, or with NULL the built-in default alone. -ENOMEM; ERR_CONF where complaints were
 * added: then `ret_conf` is what could be read, or NULL. It is good for finding further complaints
 * and for conf_free(), nothing else. Group and action names are resolved; record texts are checked
 * later, by policy. */
MUST_CHECK int conf_load(const char *path, struct complaints *complaints, struct conf **ret_conf);

/** The same from text; `name` stands for the file in complaints. @include is refused. */
MUST_CHECK int conf_load_text(const char *text, const char *name, struct complaints *complaints,
			      struct conf **ret_conf);

/** Prints the whole effective configuration in the syntax conf_load() reads; reading it back and
 * printing it again gives the same bytes. */
void conf_load_print(const struct conf *conf, FILE *out);

/* One option, for what is made from the table: "cache", "size", "how many bytes ..." */
struct conf_load_row {
	const char *section; /* "" where it stands alone; "upstreams.NAME" in each group */
	const char *name;
	const char *help; /* NULL but in tests */
	const struct conf_option *option;
};
/** Row number `at`, in the order in which they are printed; false past the last. */
bool conf_load_row(size_t at, struct conf_load_row *ret_row);
