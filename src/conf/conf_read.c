#include "conf/conf_read.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_value.h"

#define OPTIONS_MAX 32u

/* --- numbers ------------------------------------------------------------------------------- */

static bool is_number(const struct conf_option *option)
{
	return option->kind < OPTION_SECTION;
}

static void set_number(const struct conf_option *option, void *base, int32_t number)
{
	void *const field = (uint8_t *)base + option->offset;

	switch (option->size) {
	case sizeof(uint8_t):
		*(uint8_t *)field = (uint8_t)number;
		return;
	case sizeof(uint16_t):
		*(uint16_t *)field = (uint16_t)number;
		return;
	case sizeof(int32_t):
		*(int32_t *)field = number;
		return;
	case sizeof(uint64_t): /* of kind SIZE */
		*(uint64_t *)field = conf_option_bytes(number);
		return;
	}
	UNREACHABLE();
}

void conf_read_defaults(const struct conf_section *section, void *base)
{
	for (size_t i = 0; i < section->count; i++) {
		const struct conf_option *option = &section->options[i];
		if (option->kind == OPTION_SECTION)
			conf_read_defaults(option->section, base);
		else if (is_number(option))
			set_number(option, base, option->fallback);
	}
}

static const char *expected_of(const struct conf_option *option, struct conf_expectation *into)
{
	const size_t max = sizeof(into->text);
	struct complaint_quote low, high;

	if (option->kind == OPTION_BOOL)
		return "true or false (without quotes)";
	if (option->kind == OPTION_MILLISECONDS)
		snprintf(into->text, max, "seconds from %s to %s",
			 conf_option_seconds(option->min, &low),
			 conf_option_seconds(option->max, &high));
	else
		snprintf(into->text, max, "%s from %" PRId32 " to %" PRId32,
			 option->kind == OPTION_SECONDS ? "whole seconds" : "an integer",
			 option->min, option->max);
	return into->text;
}

/* The C library does what there is to do with the fraction: few processors of routers can. */
static bool whole_of(const struct conf_option *option, double real, int32_t *ret_number)
{
	const bool has_fraction = option->kind == OPTION_MILLISECONDS;
	char text[32], *end;

	snprintf(text, sizeof(text), has_fraction ? "%.3f" : "%.17g", real);
	const long whole = strtol(text, &end, 10);
	if (whole < 0 || whole > option->max / (has_fraction ? 1000 : 1))
		return false;
	*ret_number = (int32_t)whole;
	if (has_fraction && *end == '.')
		*ret_number = *ret_number * 1000 + (int32_t)strtol(end + 1, &end, 10);
	/* nothing is below zero, but zero may have the sign */
	return *end == '\0' && (text[0] != '-' || *ret_number == 0);
}

/* The value in the field's unit; false where its kind or form is wrong, or it is beyond what the
 * field holds. */
static bool number_of(const struct conf_option *option, const struct conf_node *node,
		      int32_t *ret_number)
{
	const int32_t unit = option->kind == OPTION_MILLISECONDS ? 1000 : 1;

	if (option->kind == OPTION_BOOL) {
		if (node->kind != NODE_BOOL)
			return false;
		*ret_number = node->flag;
		return true;
	}
	if (node->kind == NODE_INTEGER) {
		if (node->integer < 0 || node->integer > option->max / unit)
			return false;
		*ret_number = (int32_t)node->integer * unit;
		return true;
	}
	return option->kind != OPTION_INTEGER && node->kind == NODE_REAL &&
	       whole_of(option, node->real, ret_number);
}

static void read_number(struct conf_reader *reader, const struct conf_node *node,
			const struct conf_option *option, void *base)
{
	struct conf_expectation expected;
	int32_t number;

	if (number_of(option, node, &number) &&
	    (option->kind == OPTION_BOOL || (number >= option->min && number <= option->max)))
		set_number(option, base, number);
	else
		conf_option_refuse(reader, node, expected_of(option, &expected));
}

static void read_size(struct conf_reader *reader, const struct conf_node *node,
		      const struct conf_option *option, void *base)
{
	const uint64_t min = conf_option_bytes(option->min), max = conf_option_bytes(option->max);
	struct conf_expectation expected;
	struct complaint_quote low, high;
	uint64_t bytes = UINT64_MAX;

	if (node->kind == NODE_TEXT)
		bytes = conf_option_size(node->text);
	else if (node->kind == NODE_INTEGER)
		bytes = (uint64_t)node->integer;
	if (bytes == 0 || (bytes >= min && bytes <= max)) {
		*(uint64_t *)(void *)((uint8_t *)base + option->offset) = bytes;
		return;
	}
	snprintf(expected.text, sizeof(expected.text),
		 "bytes, as an integer or with K, M or G in a string such as \"16M\", "
		 "from %s to %s, or 0",
		 conf_option_size_text(min, &low), conf_option_size_text(max, &high));
	conf_option_refuse(reader, node, expected.text);
}

/* --- groups -------------------------------------------------------------------------------- */

/* Where the name belongs to a section: "ttl_max" alone is meant to be "cache.ttl_max". */
static const char *path_elsewhere(const struct conf_reader *reader, const char *name,
				  struct conf_expectation *into)
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
	struct conf_expectation expected;

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
	conf_option_complain(reader, node, "is an unknown setting; expected %s",
			     conf_option_join(known, "", &expected));
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
	if (option->kind == OPTION_WORD) {
		const int word = conf_option_word(reader, node, option->words);
		if (word >= 0)
			set_number(option, base, word);
	} else if (option->kind == OPTION_SIZE) {
		read_size(reader, node, option, base);
	} else if (is_number(option)) {
		read_number(reader, node, option, base);
	} else if (option->read != NULL) {
		option->read(reader, node, base);
	} else if (option->kind == OPTION_SECTION) {
		conf_read_section(reader, node, option->section, base);
	} else {
		conf_value_read(reader, node, option, base);
	}
}

void conf_read_section(struct conf_reader *reader, const struct conf_node *group,
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
