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

/* NAME = [ "a", "b" ]; and nothing where there are none. */
void conf_print_names(struct conf_printer *printer, const char *name, const struct conf_name *names,
		      size_t count);
void conf_print_types(struct conf_printer *printer, const char *name, const uint16_t *types,
		      size_t count);
void conf_print_nets(struct conf_printer *printer, const char *name, const struct addr_prefix *nets,
		     size_t count);
