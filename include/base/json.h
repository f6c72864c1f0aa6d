/* base/json.h: JSON (RFC 8259), written to a file piece by piece.
 *
 * Commas and indentation are seen to here; that what is opened is closed, and that keys stand in
 * objects alone, is the caller's business. Whether the file took it, ferror() tells. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	unsigned depth;
	unsigned lines_to; /* what is opened at this depth or deeper stands in one line; at first
			    * nothing does */
	bool is_first;	   /* in what was opened last */
};

void json_init(struct json *json, FILE *out);

/* `key` is NULL in a list and for the outermost value. */
void json_open_object(struct json *json, const char *key);
void json_open_list(struct json *json, const char *key);
void json_close_object(struct json *json);
void json_close_list(struct json *json);
/** NULL is null. Bytes beyond ASCII are taken for Latin-1, so that the output is always valid. */
void json_text(struct json *json, const char *key, const char *text);
void json_number(struct json *json, const char *key, int64_t number);
void json_bool(struct json *json, const char *key, bool value);
/** As it stands: a number that was written elsewhere. */
void json_raw(struct json *json, const char *key, const char *number);
