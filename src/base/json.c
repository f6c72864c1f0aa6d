#include "base/json.h"

#include <inttypes.h>
#include <limits.h>

void json_init(struct json *json, FILE *out)
{
	*json = (struct json){ .out = out, .lines_to = UINT_MAX, .is_first = true };
}

static bool is_plain(char byte)
{
	return byte >= 0x20 && byte <= 0x7e && byte != '"' && byte != '\\';
}

static void put_text(FILE *out, const char *text)
{
	const char *from = text; /* what is plain goes out in one piece */

	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (is_plain(*text))
			continue;
		fwrite(from, 1, (size_t)(text - from), out);
		from = text + 1;
		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fprintf(out, "\\u%04x", (unsigned char)*text);
	}
	fwrite(from, 1, (size_t)(text - from), out);
	fputc('"', out);
}

static void put_line(const struct json *json)
{
	fputc('\n', json->out);
	for (unsigned i = 0; i < json->depth; i++)
		fputs("  ", json->out);
}

static void begin_value(struct json *json, const char *key)
{
	if (!json->is_first)
		fputc(',', json->out);
	if (json->depth > json->lines_to)
		fputs(json->is_first ? "" : " ", json->out);
	else if (json->depth > 0)
		put_line(json);
	json->is_first = false;
	if (key == NULL)
		return;
	put_text(json->out, key);
	fputs(": ", json->out);
}

static void open_with(struct json *json, const char *key, char bracket)
{
	begin_value(json, key);
	fputc(bracket, json->out);
	json->depth++;
	json->is_first = true;
}

static void close_with(struct json *json, char bracket)
{
	json->depth--;
	if (!json->is_first && json->depth < json->lines_to)
		put_line(json);
	fputc(bracket, json->out);
	json->is_first = false;
	if (json->depth == 0)
		fputc('\n', json->out);
}

void json_open_object(struct json *json, const char *key)
{
	open_with(json, key, '{');
}

void json_open_list(struct json *json, const char *key)
{
	open_with(json, key, '[');
}

void json_close_object(struct json *json)
{
	close_with(json, '}');
}

void json_close_list(struct json *json)
{
	close_with(json, ']');
}

void json_text(struct json *json, const char *key, const char *text)
{
	begin_value(json, key);
	if (text == NULL)
		fputs("null", json->out);
	else
		put_text(json->out, text);
}

void json_number(struct json *json, const char *key, int64_t number)
{
	begin_value(json, key);
	fprintf(json->out, "%" PRId64, number);
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin_value(json, key);
	fputs(value ? "true" : "false", json->out);
}

void json_raw(struct json *json, const char *key, const char *number)
{
	begin_value(json, key);
	fputs(number, json->out);
}
