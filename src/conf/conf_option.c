#include "conf/conf_option.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define KIBI ((int64_t)1 << 10)
#define MEBI ((int64_t)1 << 20)
#define GIBI ((int64_t)1 << 30)
#define OPTIONS_MAX 32u

struct expectation {
	char text[256];
};

/* --- complaining --------------------------------------------------------------------------- */

struct conf_place conf_option_place(const struct conf_reader *reader, const struct conf_node *node)
{
	return conf_text_place(reader->text, node->line);
}

void conf_option_complain(struct conf_reader *reader, const struct conf_node *node,
			  const char *format, ...)
{
	const struct conf_place place = conf_option_place(reader, node);
	struct conf_node_path path;
	char rest[640];
	va_list args;

	va_start(args, format);
	vsnprintf(rest, sizeof(rest), format, args);
	va_end(args);
	complaint_add(reader->complaints, &place, "%s %s", conf_node_path(node, &path), rest);
}

void conf_option_refuse(struct conf_reader *reader, const struct conf_node *node,
			const char *expected)
{
	struct complaint_quote quote;

	if (conf_node_is_list(node) && node->count == 0)
		conf_option_complain(reader, node, "is empty; expected %s", expected);
	else
		conf_option_complain(reader, node, "is %s; expected %s",
				     conf_node_value(node, &quote), expected);
}

bool conf_option_check_list(struct conf_reader *reader, const struct conf_node *node,
			    const char *expected)
{
	if (conf_node_is_list(node) && node->count > 0)
		return true;
	conf_option_refuse(reader, node, expected);
	return false;
}

const char *conf_option_text(struct conf_reader *reader, const struct conf_node *node,
			     const char *expected)
{
	if (node->kind == NODE_TEXT)
		return node->text;
	conf_option_refuse(reader, node, expected);
	return NULL;
}

/* "a", "b" or "c" */
static void join(const char *const words[], const char *quote, struct expectation *into)
{
	size_t len = 0;

	into->text[0] = '\0';
	for (size_t i = 0; words[i] != NULL && len < sizeof(into->text); i++) {
		const char *separator = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
		len += (size_t)snprintf(into->text + len, sizeof(into->text) - len, "%s%s%s%s",
					separator, quote, words[i], quote);
	}
}

int conf_option_word(struct conf_reader *reader, const struct conf_node *node,
		     const char *const words[])
{
	struct expectation expected;
	struct complaint_quote quote;

	join(words, "\"", &expected);
	if (node->kind != NODE_TEXT) {
		conf_option_refuse(reader, node, expected.text);
		return -1;
	}
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], node->text) == 0)
			return i;
	const char *nearest = complaint_nearest(node->text, words);
	if (nearest != NULL)
		conf_option_complain(reader, node, "is %s; expected %s; did you mean \"%s\"?",
				     conf_node_value(node, &quote), expected.text, nearest);
	else
		conf_option_refuse(reader, node, expected.text);
	return -1;
}

void *conf_option_alloc(struct conf_reader *reader, size_t count, size_t each)
{
	void *block = mem_zalloc(count * each);
	if (block == NULL)
		reader->err = -ENOMEM;
	return block;
}

/* --- fields -------------------------------------------------------------------------------- */

static int64_t in_units(const struct conf_option *option, int32_t value)
{
	return option->kind == OPTION_SIZE ? (int64_t)value * 1024 : value;
}

static void set_field(const struct conf_option *option, void *base, int64_t value)
{
	uint8_t *at = (uint8_t *)base + option->offset;
	const uint8_t value8 = (uint8_t)value;
	const uint16_t value16 = (uint16_t)value;
	const uint32_t value32 = (uint32_t)value;

	switch (option->size) {
	case sizeof(value8):
		memcpy(at, &value8, sizeof(value8));
		return;
	case sizeof(value16):
		memcpy(at, &value16, sizeof(value16));
		return;
	case sizeof(value32):
		memcpy(at, &value32, sizeof(value32));
		return;
	case sizeof(value):
		memcpy(at, &value, sizeof(value));
		return;
	}
	UNREACHABLE();
}

void conf_option_defaults(const struct conf_section *section, void *base)
{
	for (size_t i = 0; i < section->count; i++) {
		const struct conf_option *option = &section->options[i];
		if (option->kind == OPTION_SECTION)
			conf_option_defaults(option->section, base);
		else if (option->kind != OPTION_OTHER)
			set_field(option, base, in_units(option, option->fallback));
	}
}

/* --- reading ------------------------------------------------------------------------------- */

const char *conf_option_size_text(int64_t bytes, struct complaint_quote *into)
{
	static const struct {
		int64_t bytes;
		const char *letter;
	} units[] = { { GIBI, "G" }, { MEBI, "M" }, { KIBI, "K" }, { 1, "" } };
	size_t i = 0;

	while (bytes % units[i].bytes != 0 || bytes < units[i].bytes)
		if (units[++i].bytes == 1)
			break;
	snprintf(into->text, sizeof(into->text), "%" PRId64 "%s", bytes / units[i].bytes,
		 units[i].letter);
	return into->text;
}

static const char *expected_of(const struct conf_option *option, struct expectation *into)
{
	const size_t max = sizeof(into->text);
	struct complaint_quote low, high;

	switch (option->kind) {
	case OPTION_INTEGER:
		snprintf(into->text, max, "an integer from %" PRId32 " to %" PRId32, option->min,
			 option->max);
		break;
	case OPTION_SECONDS:
		snprintf(into->text, max, "whole seconds from %" PRId32 " to %" PRId32, option->min,
			 option->max);
		break;
	case OPTION_MILLISECONDS:
		snprintf(into->text, max, "seconds from %g to %g", (double)option->min / 1000,
			 (double)option->max / 1000);
		break;
	case OPTION_SIZE:
		snprintf(into->text, max,
			 "bytes, as an integer or with K, M or G in a string such as \"16M\", "
			 "from %s to %s, or 0",
			 conf_option_size_text(in_units(option, option->min), &low),
			 conf_option_size_text(in_units(option, option->max), &high));
		break;
	case OPTION_BOOL:
		snprintf(into->text, max, "true or false (without quotes)");
		break;
	case OPTION_WORD:
	case OPTION_SECTION:
	case OPTION_OTHER:
		UNREACHABLE(); /* they say what they expect themselves */
	}
	return into->text;
}

/* "64K" in bytes; -1 for what is no size, INT64_MAX for what is beyond all. */
static int64_t read_size(const char *text)
{
	int64_t bytes = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (bytes > (INT64_MAX - 9) / 10)
			return INT64_MAX;
		bytes = bytes * 10 + (*at - '0');
	}
	if (at == text || (*at != '\0' && at[1] != '\0'))
		return -1;
	int64_t unit = 0;
	switch (*at) {
	case '\0':
		unit = 1;
		break;
	case 'K':
	case 'k':
		unit = KIBI;
		break;
	case 'M':
	case 'm':
		unit = MEBI;
		break;
	case 'G':
	case 'g':
		unit = GIBI;
		break;
	}
	if (unit == 0)
		return -1;
	return bytes > INT64_MAX / unit ? INT64_MAX : bytes * unit;
}

/* A number that is far from the ends of int64_t, whichever way it is written. */
static bool real_of(const struct conf_node *node, double *ret_real)
{
	if (node->kind != NODE_INTEGER && node->kind != NODE_REAL)
		return false;
	*ret_real = node->kind == NODE_REAL ? node->real : (double)node->integer;
	return *ret_real > -1e12 && *ret_real < 1e12;
}

/* The value in the field's unit; false where the kind of value or its form is wrong. */
static bool value_of(const struct conf_option *option, const struct conf_node *node,
		     int64_t *ret_value)
{
	double real;

	switch (option->kind) {
	case OPTION_INTEGER:
		if (node->kind != NODE_INTEGER)
			return false;
		*ret_value = node->integer;
		return true;
	case OPTION_SECONDS:
		if (!real_of(node, &real) || (double)(int64_t)real != real)
			return false;
		*ret_value = (int64_t)real;
		return true;
	case OPTION_MILLISECONDS:
		if (!real_of(node, &real))
			return false;
		*ret_value = (int64_t)(real * 1000 + (real < 0 ? -0.5 : 0.5));
		return true;
	case OPTION_SIZE:
		if (node->kind != NODE_INTEGER && node->kind != NODE_TEXT)
			return false;
		*ret_value = node->kind == NODE_TEXT ? read_size(node->text) : node->integer;
		return true;
	case OPTION_BOOL:
		if (node->kind != NODE_BOOL)
			return false;
		*ret_value = node->flag;
		return true;
	case OPTION_WORD:
	case OPTION_SECTION:
	case OPTION_OTHER:
		break;
	}
	UNREACHABLE();
}

static void read_scalar(struct conf_reader *reader, const struct conf_node *node,
			const struct conf_option *option, void *base)
{
	struct expectation expected;
	int64_t value;

	if (!value_of(option, node, &value)) {
		conf_option_refuse(reader, node, expected_of(option, &expected));
		return;
	}
	if (option->kind != OPTION_BOOL &&
	    (value < in_units(option, option->min) || value > in_units(option, option->max)) &&
	    !(option->kind == OPTION_SIZE && value == 0)) {
		conf_option_refuse(reader, node, expected_of(option, &expected));
		return;
	}
	set_field(option, base, value);
}

/* Where the name belongs to a section: "ttl_max" alone is meant to be "cache.ttl_max". */
static const char *path_elsewhere(const struct conf_reader *reader, const char *name,
				  struct expectation *into)
{
	for (const struct conf_section *const *at = reader->sections; *at != NULL; at++) {
		for (size_t i = 0; i < (*at)->count; i++) {
			if (strcmp((*at)->options[i].name, name) != 0)
				continue;
			snprintf(into->text, sizeof(into->text), "%s%s%s", (*at)->path,
				 (*at)->path[0] != '\0' ? "." : "", name);
			return into->text;
		}
	}
	return NULL;
}

static void complain_unknown(struct conf_reader *reader, const struct conf_node *node,
			     const struct conf_section *section)
{
	const char *known[OPTIONS_MAX + 1] = { NULL };
	struct expectation expected;

	assert(section->count <= OPTIONS_MAX);
	for (size_t i = 0; i < section->count; i++)
		known[i] = section->options[i].name;
	const char *nearest = complaint_nearest(node->name, known);
	if (nearest == NULL && node->parent->parent == NULL)
		nearest = path_elsewhere(reader, node->name, &expected);
	if (nearest != NULL) {
		conf_option_complain(reader, node, "is an unknown setting; did you mean %s?",
				     nearest);
		return;
	}
	join(known, "", &expected);
	conf_option_complain(reader, node, "is an unknown setting; expected %s", expected.text);
}

static const struct conf_option *find_option(const struct conf_section *section, const char *name)
{
	for (size_t i = 0; i < section->count; i++)
		if (strcmp(section->options[i].name, name) == 0)
			return &section->options[i];
	return NULL;
}

static void read_option(struct conf_reader *reader, const struct conf_node *node,
			const struct conf_option *option, void *base)
{
	switch (option->kind) {
	case OPTION_INTEGER:
	case OPTION_SECONDS:
	case OPTION_MILLISECONDS:
	case OPTION_SIZE:
	case OPTION_BOOL:
		read_scalar(reader, node, option, base);
		return;
	case OPTION_WORD: {
		const int word = conf_option_word(reader, node, option->words);
		if (word >= 0)
			set_field(option, base, word);
		return;
	}
	case OPTION_SECTION:
		conf_option_read(reader, node, option->section, base);
		return;
	case OPTION_OTHER:
		option->read(reader, node, base);
		return;
	}
	UNREACHABLE();
}

void conf_option_read(struct conf_reader *reader, const struct conf_node *group,
		      const struct conf_section *section, void *base)
{
	if (group->kind != NODE_GROUP) {
		conf_option_refuse(reader, group, "a group such as { name = value; }");
		return;
	}
	if (group->count == 0 && group->parent != NULL)
		conf_option_complain(reader, group, "is empty; expected settings in it");
	for (uint32_t i = 0; i < group->count; i++) {
		const struct conf_node *node = &group->children[i];
		const struct conf_option *option = find_option(section, node->name);
		if (option != NULL)
			read_option(reader, node, option, base);
		else
			complain_unknown(reader, node, section);
	}
}
