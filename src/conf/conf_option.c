#include "conf/conf_option.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- complaining --------------------------------------------------------------------------- */

void conf_option_place(const struct conf_reader *reader, const struct conf_node *node,
		       struct conf_place *ret_place)
{
	conf_text_place(reader->text, node->line, ret_place);
}

void conf_option_complain(struct conf_reader *reader, const struct conf_node *node,
			  const char *format, ...)
{
	struct conf_place place;
	struct conf_node_path path;
	char rest[640];
	va_list args;

	conf_option_place(reader, node, &place);
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

void conf_option_refuse_list(struct conf_reader *reader, const struct conf_node *node,
			     const char *example)
{
	struct conf_expectation expected;

	snprintf(expected.text, sizeof(expected.text), "a list such as %s", example);
	conf_option_refuse(reader, node, expected.text);
}

bool conf_option_check_list(struct conf_reader *reader, const struct conf_node *node,
			    const char *example)
{
	if (conf_node_is_list(node) && node->count > 0)
		return true;
	conf_option_refuse_list(reader, node, example);
	return false;
}

bool conf_option_is_over(struct conf_reader *reader, const struct conf_node *node, uint32_t max,
			 const char *noun)
{
	if (node->count <= max)
		return false;
	conf_option_complain(reader, node, "has %u %s; expected at most %u", node->count, noun,
			     max);
	return true;
}

void conf_option_require(struct conf_reader *reader, const struct conf_node *group,
			 const char *name, const char *example)
{
	if (conf_node_find(group, name) == NULL)
		conf_option_complain(reader, group, "has no %s; expected %s, such as %s = %s", name,
				     example[0] == '[' ? "some" : "one", name, example);
}

void conf_option_refuse_twin(struct conf_reader *reader, const struct conf_node *node,
			     const char *text, const struct conf_place *first)
{
	conf_option_complain(
		reader, node,
		"is a duplicate: %s is there already; expected it once (first at %s:%d)", text,
		first->file, first->line);
}

const char *conf_option_text(struct conf_reader *reader, const struct conf_node *node,
			     const char *expected)
{
	if (node->kind == NODE_TEXT)
		return node->text;
	conf_option_refuse(reader, node, expected);
	return NULL;
}

const char *conf_option_join(const char *const words[], const char *quote,
			     struct conf_expectation *into)
{
	size_t len = 0;

	into->text[0] = '\0';
	for (size_t i = 0; words[i] != NULL && len < sizeof(into->text); i++) {
		const char *separator = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
		len += (size_t)snprintf(into->text + len, sizeof(into->text) - len, "%s%s%s%s",
					separator, quote, words[i], quote);
	}
	return into->text;
}

void conf_option_refuse_word(struct conf_reader *reader, const struct conf_node *node,
			     const char *expected, const char *const words[])
{
	const char *nearest = node->kind == NODE_TEXT ? complaint_nearest(node->text, words) : NULL;
	struct complaint_quote quote;

	if (nearest != NULL)
		conf_option_complain(reader, node, "is %s; expected %s; did you mean \"%s\"?",
				     conf_node_value(node, &quote), expected, nearest);
	else
		conf_option_refuse(reader, node, expected);
}

int conf_option_word(struct conf_reader *reader, const struct conf_node *node,
		     const char *const words[])
{
	struct conf_expectation expected;

	for (int i = 0; node->kind == NODE_TEXT && words[i] != NULL; i++)
		if (strcmp(words[i], node->text) == 0)
			return i;
	conf_option_refuse_word(reader, node, conf_option_join(words, "\"", &expected), words);
	return -1;
}

void *conf_option_alloc(struct conf_reader *reader, size_t count, size_t each)
{
	void *block = mem_zalloc(count * each);
	if (block == NULL)
		reader->err = -ENOMEM;
	return block;
}

/* --- numbers and sizes
 * ------------------------------------------------------------------------------- */

const char *conf_option_seconds(int32_t milliseconds, struct complaint_quote *into)
{
	size_t len = (size_t)snprintf(into->text, sizeof(into->text), "%" PRId32 ".%03" PRId32,
				      milliseconds / 1000, milliseconds % 1000);
	while (into->text[len - 1] == '0')
		len--;
	len -= into->text[len - 1] == '.';
	into->text[len] = '\0';
	return into->text;
}

uint64_t conf_option_bytes(int32_t kilobytes)
{
	return (uint64_t)kilobytes * 1024;
}

const char *conf_option_size_text(uint64_t bytes, struct complaint_quote *into)
{
	static const char units[][2] = { "", "K", "M", "G" };
	size_t unit = 0;

	for (; bytes > 0 && bytes % 1024 == 0 && unit < 3; unit++)
		bytes /= 1024;
	snprintf(into->text, sizeof(into->text), "%" PRIu64 "%s", bytes, units[unit]);
	return into->text;
}

uint64_t conf_option_size(const char *text)
{
	static const char letters[] = "KkMmGg";
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return UINT64_MAX;
	const uint64_t number = strtoull(text, &end, 10);
	if (*end == '\0')
		return number;
	const char *letter = strchr(letters, *end);
	if (letter == NULL || end[1] != '\0' || number > UINT32_MAX)
		return UINT64_MAX;
	return number << (10 + (letter - letters) / 2 * 10);
}
