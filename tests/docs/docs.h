/* docs.h: what of manual pages and completions is made from the tables of the program. */
#pragma once

#include <stdio.h>

#include "app/command.h"

/* In place of a line @NAME@ of a frame. */
struct docs_part {
	const char *name;
	void (*write)(FILE *out);
};
/** The last has no name. */
const struct docs_part *docs_man_parts(void);
const struct docs_part *docs_shell_parts(void);

/* What an option takes, by what its value is called. */
enum docs_value { DOCS_NONE, DOCS_FILE, DOCS_LEVEL, DOCS_COMMAND, DOCS_OTHER };
enum docs_value docs_value_of(const char *text, int len);
