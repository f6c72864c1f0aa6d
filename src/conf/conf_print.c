#include "conf/conf_print.h"

#include <inttypes.h>
#include <string.h>

#include "wire/type.h"

/* Only what has 8 bytes can be negative. */
static int64_t get_field(const struct conf_option *option, const void *base)
{
	const uint8_t *at = (const uint8_t *)base + option->offset;
	uint16_t value16;
	uint32_t value32;
	int64_t value;

	switch (option->size) {
	case 1:
		return *at;
	case sizeof(value16):
		memcpy(&value16, at, sizeof(value16));
		return value16;
	case sizeof(value32):
		memcpy(&value32, at, sizeof(value32));
		return value32;
	case sizeof(value):
		memcpy(&value, at, sizeof(value));
		return value;
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

void conf_print_end(struct conf_printer *printer)
{
	fputs(printer->on_one_line ? ";" : ";\n", printer->out);
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

/* Text number `at` of a list has to be put between these. */
static void begin_element(struct conf_printer *printer, const char *name, size_t at)
{
	if (at == 0)
		conf_print_begin(printer, name);
	fputs(at == 0 ? "[ " : ", ", printer->out);
}

static void end_list(struct conf_printer *printer, size_t count)
{
	if (count == 0)
		return;
	fputs(" ]", printer->out);
	conf_print_end(printer);
}

void conf_print_names(struct conf_printer *printer, const char *name, const struct conf_name *names,
		      size_t count)
{
	struct name_text text;

	for (size_t i = 0; i < count; i++) {
		begin_element(printer, name, i);
		conf_print_text(printer, name_to_text(names[i].wire, &text));
	}
	end_list(printer, count);
}

void conf_print_types(struct conf_printer *printer, const char *name, const uint16_t *types,
		      size_t count)
{
	struct type_text text;

	for (size_t i = 0; i < count; i++) {
		begin_element(printer, name, i);
		conf_print_text(printer, type_to_text(types[i], &text));
	}
	end_list(printer, count);
}

void conf_print_nets(struct conf_printer *printer, const char *name, const struct addr_prefix *nets,
		     size_t count)
{
	struct addr_text text;

	for (size_t i = 0; i < count; i++) {
		begin_element(printer, name, i);
		conf_print_text(printer, addr_prefix_to_text(&nets[i], &text));
	}
	end_list(printer, count);
}

/* 2.0, 0.4, 0.125 */
static void put_milliseconds(FILE *out, int64_t milliseconds)
{
	char text[32];
	size_t len = (size_t)snprintf(text, sizeof(text), "%" PRId64 ".%03d", milliseconds / 1000,
				      (int)(milliseconds % 1000));
	while (text[len - 1] == '0' && text[len - 2] != '.')
		text[--len] = '\0';
	fputs(text, out);
}

static void put_scalar(FILE *out, const struct conf_option *option, int64_t value)
{
	struct complaint_quote size;

	switch (option->kind) {
	case OPTION_INTEGER:
	case OPTION_SECONDS:
		fprintf(out, "%" PRId64, value);
		return;
	case OPTION_MILLISECONDS:
		put_milliseconds(out, value);
		return;
	case OPTION_SIZE:
		fprintf(out, "\"%s\"", conf_option_size_text(value, &size));
		return;
	case OPTION_BOOL:
		fputs(value != 0 ? "true" : "false", out);
		return;
	case OPTION_WORD:
		fprintf(out, "\"%s\"", option->words[value]);
		return;
	case OPTION_SECTION:
	case OPTION_OTHER:
		break;
	}
	UNREACHABLE();
}

static void print_group(struct conf_printer *printer, const struct conf_option *option,
			const void *base)
{
	conf_print_begin(printer, option->name);
	fputs("{\n", printer->out);
	printer->indent++;
	conf_print_section(printer, option->section, base);
	printer->indent--;
	conf_print_indent(printer);
	fputc('}', printer->out);
	conf_print_end(printer);
}

void conf_print_section(struct conf_printer *printer, const struct conf_section *section,
			const void *base)
{
	for (size_t i = 0; i < section->count; i++) {
		const struct conf_option *option = &section->options[i];
		if (option->kind == OPTION_OTHER) {
			option->print(printer, base);
			continue;
		}
		if (option->kind == OPTION_SECTION) {
			print_group(printer, option, base);
			continue;
		}
		const int64_t value = get_field(option, base);
		if (value == CONF_OPTION_UNSET)
			continue;
		conf_print_begin(printer, option->name);
		put_scalar(printer->out, option, value);
		conf_print_end(printer);
	}
}
