/* side/control_request.h: what is asked over the control socket, as bytes and as words.
 *
 * A request is its words, each ended by a NUL, and one more NUL behind the last. The first word is
 * the command; those that begin with "--" are options. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

#define CONTROL_REQUEST_MAX 4096u /* bytes */
#define CONTROL_REQUEST_WORDS 16u

struct control_request {
	size_t count;
	const char *words[CONTROL_REQUEST_WORDS + 1]; /* NULL behind the last */
};

enum control_parse {
	CONTROL_PARSE_WHOLE,
	CONTROL_PARSE_MORE, /* the end has not come yet */
	CONTROL_PARSE_BAD,  /* no words, too many, or bytes behind the end */
};
/** The words point into the bytes. */
enum control_parse control_request_parse(const uint8_t *bytes, size_t len,
					 struct control_request *ret_request);
/** The bytes of words, the last followed by NULL. ERR_NO_SPACE beyond `max`; ERR_LIMIT for too many
 * words or none, ERR_MALFORMED for an empty one. */
MUST_CHECK int control_request_write(const char *const words[], char *out, size_t max,
				     size_t *ret_len);

/* What a command that takes several turns of the loop remembers from one to the next; all zero at
 * first. */
struct control_work {
	uint64_t words[8];
};

/* What a command takes. */
struct control_usage {
	const char *name;
	/* A line each: "--json\tfor machines\n"; "--client ADDR\t...\n" takes a value. Such as
	 * begin with one "-" are for others. NULL for none. */
	const char *options;
	const char *more;     /* as many again */
	unsigned least, most; /* words beside command and options */
};

/* A request that was found to be as the command's usage wants it. */
struct control_call {
	const char *words[CONTROL_REQUEST_WORDS + 1]; /* the command aside; NULL behind the last */
	size_t count;
	struct {
		const char *name, *value; /* "--client", and its value or "" */
	} options[CONTROL_REQUEST_WORDS];
	size_t option_count;
	struct control_work *work; /* of who runs it; NULL elsewhere */
};
/** False where it is not, and then `errors` has a line that says why. The call points to where the
 * request does. */
bool control_request_read(const struct control_request *request, const struct control_usage *usage,
			  struct control_call *ret_call, FILE *errors);
/** The value of the option, "" where it takes none; NULL where it is not given. */
const char *control_request_option(const struct control_call *call, const char *name);
