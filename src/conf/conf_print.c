#include "conf/conf_print.h"

#include <inttypes.h>
#include <string.h>

#include "conf/conf_value.h"

static int32_t get_number(const struct conf_option *option, const void *field)
{
	switch (option->size) {
	case sizeof(uint8_t):
		return *(const uint8_t *)field;
	case sizeof(uint16_t):
		return *(const uint16_t *)field;
	case sizeof(int32_t):
		return *(const int32_t *)field;
	}
	UNREACHABLE();
}

void conf_print_indent(struct conf_printer *printer)
{
	for (unsigned i = 0; i < printer->indent; i++)
		fputc('\t', printer->out);
}

void conf_print_begin(struct conf_printer *printer, const char *name)
{
	if (printer->on_one_line)
		fputc(' ', printer->out);
	else
		conf_print_indent(printer);
	fprintf(printer->out, "%s = ", name);
}

void conf_print_end(struct conf_printer *printer, const char *end)
{
	fprintf(printer->out, printer->on_one_line ? "%s;" : "%s;\n", end);
}

void conf_print_text(struct conf_printer *printer, const char *text)
{
	FILE *const out = printer->out;

	fputc('"', out);
	for (; *text != '\0'; text++) {
		const unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\x%02X", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

void conf_print_setting(struct conf_printer *printer, const char *name, const char *text)
{
	conf_print_begin(printer, name);
	conf_print_text(printer, text);
	conf_print_end(printer, "");
}

void conf_print_values(struct conf_printer *printer, const char *name, enum conf_option_kind kind,
		       const void *values, size_t count)
{
	const uint8_t *value = values;
	union conf_value_text text;

	conf_print_begin(printer, name);
	for (size_t i = 0; i < count; i++, value += conf_value_size(kind)) {
		fputs(i == 0 ? "[ " : ", ", printer->out);
		conf_print_text(printer, conf_value_text(kind, value, &text));
	}
	conf_print_end(printer, count > 0 ? " ]" : "[ ]");
}

/* 2.0, 0.4, 0.125 */
static void put_seconds(FILE *out, int32_t milliseconds)
{
	struct complaint_quote text;

	fputs(conf_option_seconds(milliseconds, &text), out);
	if (milliseconds % 1000 == 0)
		fputs(".0", out);
}

static void put_number(FILE *out, const struct conf_option *option, int32_t number)
{
	if (option->kind == OPTION_WORD)
		fprintf(out, "\"%s\"", option->words[number]);
	else if (option->kind == OPTION_BOOL)
		fputs(number != 0 ? "true" : "false", out);
	else if (option->kind == OPTION_MILLISECONDS)
		put_seconds(out, number);
	else
		fprintf(out, "%" PRId32, number);
}

void conf_print_group(struct conf_printer *printer, const struct conf_section *section,
		      const void *base)
{
	printer->on_one_line = section->on_one_line;
	fputs(printer->on_one_line ? "{" : "{\n", printer->out);
	printer->indent++;
	conf_print_section(printer, section, base);
	printer->indent--;
	if (printer->on_one_line)
		fputc(' ', printer->out);
	else
		conf_print_indent(printer);
	fputc('}', printer->out);
	printer->on_one_line = false;
}

static void print_groups(struct conf_printer *printer, const struct conf_option *option,
			 const uint8_t *group, size_t count)
{
	if (count == 0) {
		fprintf(printer->out, "// %s: none\n", option->name);
		return;
	}
	conf_print_begin(printer, option->name);
	printer->indent = 1;
	for (size_t i = 0; i < count; i++, group += option->size) {
		fputs(i == 0 ? "(\n\t" : ",\n\t", printer->out);
		conf_print_group(printer, option->entry(), group);
	}
	printer->indent = 0;
	conf_print_end(printer, "\n)");
}

static void print_list(struct conf_printer *printer, const struct conf_option *option,
		       const uint8_t *base)
{
	const void *all;
	size_t count;

	memcpy(&all, base + option->offset, sizeof(all));
	memcpy(&count, base + option->count_offset, sizeof(count));
	if (option->kind == OPTION_GROUPS)
		print_groups(printer, option, all, count);
	else if (count > 0 || option->may_be_empty)
		conf_print_values(printer, option->name, option->kind, all, count);
}

static void print_number(struct conf_printer *printer, const struct conf_option *option,
			 const void *field)
{
	const int32_t number = get_number(option, field);

	if (number == CONF_OPTION_UNSET)
		return;
	conf_print_begin(printer, option->name);
	put_number(printer->out, option, number);
	conf_print_end(printer, "");
}

void conf_print_option(struct conf_printer *printer, const struct conf_option *option,
		       const void *base)
{
	const void *const field = (const uint8_t *)base + option->offset;
	struct complaint_quote size;
	union conf_value_text text;

	switch (option->kind) {
	case OPTION_INTEGER:
	case OPTION_SECONDS:
	case OPTION_MILLISECONDS:
	case OPTION_BOOL:
	case OPTION_WORD:
		print_number(printer, option, field);
		return;
	case OPTION_SIZE:
		conf_print_setting(printer, option->name,
				   conf_option_size_text(*(const uint64_t *)field, &size));
		return;
	case OPTION_SECTION:
		conf_print_begin(printer, option->name);
		conf_print_group(printer, option->section, base);
		conf_print_end(printer, "");
		return;
	case OPTION_TEXT:
		if (*(char *const *)field != NULL)
			conf_print_setting(printer, option->name, *(char *const *)field);
		return;
	case OPTION_NAME:
		conf_print_setting(printer, option->name,
				   conf_value_text(option->kind, field, &text));
		return;
	case OPTION_NAMES:
	case OPTION_TEMPLATES:
	case OPTION_VARIANTS:
	case OPTION_TYPES:
	case OPTION_NETS:
	case OPTION_GROUPS:
		print_list(printer, option, base);
		return;
	case OPTION_OTHER:
		option->print(printer, base);
		return;
	}
	UNREACHABLE();
}

void conf_print_section(struct conf_printer *printer, const struct conf_section *section,
			const void *base)
{
	for (size_t i = 0; i < section->count; i++)
		conf_print_option(printer, &section->options[i], base);
}
