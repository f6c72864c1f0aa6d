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

/** Writes a setting from the struct that it went to. */
void conf_print_option(struct conf_printer *printer, const struct conf_option *option,
		       const void *base);
/** Writes all settings of the section. */
void conf_print_section(struct conf_printer *printer, const struct conf_section *section,
			const void *base);
/** Writes "{", the section and "}". */
void conf_print_group(struct conf_printer *printer, const struct conf_section *section,
		      const void *base);

/* --- for the options of kind OTHER --------------------------------------------------------- */

/** Writes "NAME = ", indented. */
void conf_print_begin(struct conf_printer *printer, const char *name);
/** Writes the end of the value and ";", and ends the line. */
void conf_print_end(struct conf_printer *printer, const char *end);
void conf_print_indent(struct conf_printer *printer);
/** Writes text in quotes, escaped. */
void conf_print_text(struct conf_printer *printer, const char *text);
/** NAME = "text"; */
void conf_print_setting(struct conf_printer *printer, const char *name, const char *text);
/** NAME = [ "a", "b" ]; of values as conf_value_text() takes them. */
void conf_print_values(struct conf_printer *printer, const char *name, enum conf_option_kind kind,
		       const void *values, size_t count);
