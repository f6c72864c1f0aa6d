#include "base/json.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

void json_init(struct json *json, FILE *out)
{
	*json = (struct json){ .out = out, .lines_to = UINT_MAX, .is_first = true };
}

static bool is_plain(char byte)
{
	return byte >= 0x20 && byte <= 0x7e && byte != '"' && byte != '\\';
}

static void put_text(FILE *out, const char *text, size_t len)
{
	const char *from = text, *const end = text + len; /* what is plain goes out in one piece */

	fputc('"', out);
	for (; text < end; text++) {
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

static void put_text_or_null(FILE *out, const char *text)
{
	if (text == NULL)
		fputs("null", out);
	else
		put_text(out, text, strlen(text));
}

static void put_line(const struct json *json)
{
	fputc('\n', json->out);
	for (unsigned i = 0; i < json->depth; i++)
		fputs("  ", json->out);
}

/* A value, or the key of one. */
static void begin(struct json *json)
{
	const bool is_behind_key = json->has_key;

	json->has_key = false;
	if (is_behind_key)
		return;
	if (!json->is_first)
		fputc(',', json->out);
	if (json->depth > json->lines_to)
		fputs(json->is_first ? "" : " ", json->out);
	else if (json->depth > 0)
		put_line(json);
	json->is_first = false;
}

static void put_key(struct json *json, const char *key, size_t len)
{
	begin(json);
	put_text(json->out, key, len);
	fputs(": ", json->out);
	json->has_key = true;
}

static void open_with(struct json *json, char bracket)
{
	begin(json);
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

/* Returns what comes behind the conversion. */
static const char *put_value(struct json *json, const char *conversion, va_list *values)
{
	uint64_t number;

	begin(json);
	switch (*conversion) {
	case 's':
	case 'p':
		put_text_or_null(json->out, va_arg(*values, const char *));
		return conversion + 1;
	case 'd':
		fputs(va_arg(*values, int) != 0 ? "true" : "false", json->out);
		return conversion + 1;
	case 'u':
		number = va_arg(*values, unsigned);
		break;
	default: /* as PRIu64 and PRId64 have it */
		conversion += strspn(conversion, "l");
		number = va_arg(*values, uint64_t);
	}
	if (*conversion == 'd' && (int64_t)number < 0)
		fputs("null", json->out);
	else
		fprintf(json->out, "%" PRIu64, number);
	return conversion + 1;
}

static const char *put_word(struct json *json, const char *word)
{
	const size_t len = strcspn(word, " }]");

	if (json->has_key) {
		begin(json);
		fwrite(word, 1, len, json->out);
	} else {
		put_key(json, word, len);
	}
	return word + len;
}

void json_print(struct json *json, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	while (*format != '\0') {
		switch (*format) {
		case ' ':
			format++;
			break;
		case '{':
		case '[':
			open_with(json, *format++);
			break;
		case '}':
		case ']':
			close_with(json, *format++);
			break;
		case '%':
			format = put_value(json, format + 1, &values);
			break;
		default:
			format = put_word(json, format);
		}
	}
	va_end(values);
}

void json_key(struct json *json, const char *key)
{
	put_key(json, key, strlen(key));
}

void json_raw(struct json *json, const char *number)
{
	begin(json);
	fputs(number, json->out);
}
