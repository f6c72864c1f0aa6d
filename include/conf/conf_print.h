/* conf/conf_print.h: the effective configuration as text that loads again. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "conf/conf_option.h"

/* One printing of one configuration. */
struct conf_printer {
	FILE *out;
	const struct conf *conf;
	unsigned indent;  /* tabs before a line */
	bool on_one_line; /* no line is ended */
};

/** Writes all settings of the section from the struct that they went to. */
void conf_print_section(struct conf_printer *printer, const struct conf_section *section,
			const void *base);

/* --- for the options of kind OTHER --------------------------------------------------------- */

/** Writes "NAME = ", indented. */
void conf_print_begin(struct conf_printer *printer, const char *name);
/** Writes ";" and ends the line. */
void conf_print_end(struct conf_printer *printer);
void conf_print_indent(struct conf_printer *printer);
/** Writes text in quotes, escaped. */
void conf_print_text(struct conf_printer *printer, const char *text);

typedef const char *(*conf_print_text_fn)(const void *list, size_t at, struct name_text *into);
/** Writes NAME = [ "a", "b" ]; of `count` texts, nothing where there are none. */
void conf_print_list(struct conf_printer *printer, const char *name, const void *list, size_t count,
		     conf_print_text_fn text_of);
