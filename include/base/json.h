/* base/json.h: JSON (RFC 8259), written to a file piece by piece.
 *
 * Commas and indentation are seen to here; that what is opened is closed, and that keys stand in
 * objects alone, is the caller's business. Whether the file took it, ferror() tells. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

struct json {
	FILE *out;
	unsigned depth;	   /* of what is open */
	unsigned lines_to; /* what is opened at this depth or deeper stands in one line; at first
			    * nothing does */
	bool is_first;	   /* in what was opened last */
	bool has_key;	   /* of the value that comes next */
};

void json_init(struct json *json, FILE *out);

/** What `format` says, which looks as it will come out, but for quotes and commas: "question {name
 * %s port %u} servers [%s %s] cache null". A word is the key of what comes next; behind a key it is
 * a value as it stands. %s is a text; %p one that may be NULL, which is null; %u and PRIu64 a
 * number; PRId64 one that is null where it is less than 0; %d a bool. The format may end anywhere,
 * and a later one go on. Bytes of a text beyond ASCII are taken for Latin-1, so that the output is
 * always valid. */
void json_print(struct json *json, const char *format, ...) PRINTF_LIKE(2, 3);
/** The key of what comes next, whatever stands in it. */
void json_key(struct json *json, const char *key);
/** A number that was written elsewhere, as it stands. */
void json_raw(struct json *json, const char *number);
