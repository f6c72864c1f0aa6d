#include "base/json.h"

#include <inttypes.h>

void json_init(struct json *json, FILE *out)
{
	*json = (struct json){ .out = out, .is_first = true };
}

static void put_text(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text != '\0'; text++) {
		const unsigned char byte = (unsigned char)*text;
		if (byte == '"' || byte == '\\')
			fprintf(out, "\\%c", byte);
		else if (byte < 0x20 || byte > 0x7e)
			fprintf(out, "\\u%04x", byte);
		else
			putc(byte, out);
	}
	putc('"', out);
}

static void put_line(const struct json *json)
{
	putc('\n', json->out);
	for (unsigned i = 0; i < json->depth; i++)
		fputs("  ", json->out);
}

static void begin_value(struct json *json, const char *key)
{
	if (!json->is_first)
		putc(',', json->out);
	if (json->depth > 0)
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
	putc(bracket, json->out);
	json->depth++;
	json->is_first = true;
}

static void close_with(struct json *json, char bracket)
{
	json->depth--;
	if (!json->is_first)
		put_line(json);
	putc(bracket, json->out);
	json->is_first = false;
	if (json->depth == 0)
		putc('\n', json->out);
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
