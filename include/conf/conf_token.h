/* conf/conf_token.h: libconfig text cut into tokens, as libconfig 1.5 does and more strictly.
 *
 * What libconfig would take in silence for something else is TOKEN_BAD here: a comment or string
 * that is never closed, a number beyond 32 bits without its L, "." for a number, NUL in a string.
 * Nothing here allocates; the text is borrowed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/complaint.h"

enum conf_token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_BOOL,
	TOKEN_NUMBER,
	TOKEN_STRING,
	TOKEN_EQUALS, /* = or : */
	TOKEN_COMMA,
	TOKEN_SEMICOLON,
	TOKEN_OPEN,    /* { [ ( */
	TOKEN_CLOSE,   /* } ] ) */
	TOKEN_INCLUDE, /* @include "file" and the blanks before it, at the beginning of a line */
	TOKEN_BAD,     /* `why` says what it is and what was expected */
};

struct conf_token {
	enum conf_token_kind kind;
	const char *text; /* as it stands, quotes included; not terminated */
	size_t len;
	uint32_t line; /* of its first byte */
	const char *why;
};

struct conf_lexer {
	const char *at; /* of text that is terminated */
	const char *line_start;
	uint32_t line; /* of `at`, from 1 */
};

void conf_token_init(struct conf_lexer *lexer, const char *text);
/** The token as a complaint shows it: its first line, quoted once. Returns into->text. */
const char *conf_token_quote(const struct conf_token *token, struct complaint_quote *into);
/** After TOKEN_BAD the lexer must not be used again. */
void conf_token_next(struct conf_lexer *lexer, struct conf_token *ret_token);
