#include "conf/conf_token.h"

#include <string.h>
#include <strings.h>

#define INT32_DIGITS_MAX "2147483647"
#define INT64_DIGITS_MAX "9223372036854775807"

void conf_token_init(struct conf_lexer *lexer, const char *text, size_t len)
{
	*lexer =
		(struct conf_lexer){ .at = text, .end = text + len, .line_start = text, .line = 1 };
}

static size_t left(const struct conf_lexer *lexer)
{
	return (size_t)(lexer->end - lexer->at);
}

/* The byte `ahead` of the present one, or 0 past the end. */
static char peek(const struct conf_lexer *lexer, size_t ahead)
{
	return ahead < left(lexer) ? lexer->at[ahead] : '\0';
}

static bool starts_with(const struct conf_lexer *lexer, const char *word)
{
	const size_t len = strlen(word);
	return left(lexer) >= len && memcmp(lexer->at, word, len) == 0;
}

/* Moves over `len` bytes, counting lines. */
static void skip(struct conf_lexer *lexer, size_t len)
{
	for (; len > 0; len--) {
		if (*lexer->at++ == '\n') {
			lexer->line++;
			lexer->line_start = lexer->at;
		}
	}
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool starts_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
}

static bool is_in_name(char c)
{
	return starts_name(c) || is_digit(c) || c == '_' || c == '-';
}

static void spoil(struct conf_token *token, const char *why)
{
	token->kind = TOKEN_BAD;
	token->why = why;
}

/* --- blanks and comments ------------------------------------------------------------------- */

static void skip_line(struct conf_lexer *lexer)
{
	const char *newline = memchr(lexer->at, '\n', left(lexer));
	lexer->at = newline != NULL ? newline : lexer->end;
}

/* False where it is never closed. */
static bool skip_comment(struct conf_lexer *lexer)
{
	skip(lexer, 2);
	while (left(lexer) >= 2) {
		if (lexer->at[0] == '*' && lexer->at[1] == '/') {
			skip(lexer, 2);
			return true;
		}
		skip(lexer, 1);
	}
	return false;
}

/* False at a comment that is never closed, which becomes the token. */
static bool skip_blanks(struct conf_lexer *lexer, struct conf_token *token)
{
	for (; left(lexer) > 0;) {
		const char c = *lexer->at;
		if (c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r') {
			skip(lexer, 1);
		} else if (c == '#' || starts_with(lexer, "//")) {
			skip_line(lexer);
		} else if (starts_with(lexer, "/*")) {
			token->text = lexer->at;
			token->len = left(lexer);
			token->line = lexer->line;
			if (!skip_comment(lexer)) {
				spoil(token, "begins a comment that is never closed; expected */");
				return false;
			}
		} else {
			return true;
		}
	}
	return true;
}

/* --- strings ------------------------------------------------------------------------------- */

static void take_string(struct conf_lexer *lexer, struct conf_token *token)
{
	token->kind = TOKEN_STRING;
	skip(lexer, 1);
	while (left(lexer) > 0 && *lexer->at != '"') {
		size_t len = 1;
		if (*lexer->at == '\\' && (peek(lexer, 1) == '"' || peek(lexer, 1) == '\\'))
			len = 2;
		if (starts_with(lexer, "\\x00") || starts_with(lexer, "\\X00")) {
			spoil(token, "has a NUL byte in it; expected text");
			return;
		}
		skip(lexer, len);
	}
	if (left(lexer) == 0)
		spoil(token, "begins a string that is never closed; expected \"");
	else
		skip(lexer, 1);
}

/* --- numbers ------------------------------------------------------------------------------- */

static size_t count_digits(const struct conf_lexer *lexer, size_t from)
{
	size_t at = from;
	while (is_digit(peek(lexer, at)))
		at++;
	return at - from;
}

/* Length of an exponent at `from`, or 0. */
static size_t exponent_len(const struct conf_lexer *lexer, size_t from)
{
	if (peek(lexer, from) != 'e' && peek(lexer, from) != 'E')
		return 0;
	const size_t sign = peek(lexer, from + 1) == '+' || peek(lexer, from + 1) == '-';
	const size_t digits = count_digits(lexer, from + 1 + sign);
	return digits > 0 ? 1 + sign + digits : 0;
}

/* Decimal digits, leading zeros apart, are at most those of `max`. */
static bool fits(const char *digits, size_t len, const char *max)
{
	for (; len > 0 && *digits == '0'; len--)
		digits++;
	const size_t max_len = strlen(max);
	return len < max_len || (len == max_len && memcmp(digits, max, len) <= 0);
}

static size_t suffix_len(const struct conf_lexer *lexer, size_t from)
{
	if (peek(lexer, from) != 'L')
		return 0;
	return peek(lexer, from + 1) == 'L' ? 2 : 1;
}

static void take_hex(struct conf_lexer *lexer, struct conf_token *token)
{
	size_t len = 2, zeros = 0;
	while (peek(lexer, len + zeros) == '0')
		zeros++;
	len += zeros;
	const char first = peek(lexer, len);
	while (is_hex(peek(lexer, len)))
		len++;
	const size_t digits = len - 2 - zeros;
	const size_t suffix = suffix_len(lexer, len);
	const size_t max = suffix > 0 ? 16 : 8;
	/* the sign bit is out of reach too */
	if (digits > max || (digits == max && !(first >= '0' && first <= '7')))
		spoil(token, "is a number too large to be read; expected at most 0x7FFFFFFF, "
			     "or with an L behind it at most 0x7FFFFFFFFFFFFFFF");
	token->len = len + suffix;
}

static void take_decimal(struct conf_lexer *lexer, struct conf_token *token)
{
	const size_t sign = *lexer->at == '+' || *lexer->at == '-';
	const size_t whole = count_digits(lexer, sign);
	size_t len = sign + whole;

	if (peek(lexer, len) == '.') {
		const size_t fraction = count_digits(lexer, len + 1);
		len += 1 + fraction;
		len += exponent_len(lexer, len);
		if (whole + fraction == 0)
			spoil(token, "is not a number; expected digits");
	} else if (whole == 0) {
		len = 1;
		spoil(token, "is not a number; expected digits");
	} else if (exponent_len(lexer, len) > 0) {
		len += exponent_len(lexer, len);
	} else {
		const size_t suffix = suffix_len(lexer, len);
		if (suffix == 0 && !fits(lexer->at + sign, whole, INT32_DIGITS_MAX))
			spoil(token, "is a number too large to be read; expected at most "
				     "2147483647 (a size may be written as a string, \"4G\")");
		else if (suffix > 0 && !fits(lexer->at + sign, whole, INT64_DIGITS_MAX))
			spoil(token, "is a number too large to be read; expected at most "
				     "9223372036854775807L");
		len += suffix;
	}
	token->len = len;
}

static void take_number(struct conf_lexer *lexer, struct conf_token *token)
{
	token->kind = TOKEN_NUMBER;
	if (*lexer->at == '0' && (peek(lexer, 1) == 'x' || peek(lexer, 1) == 'X') &&
	    is_hex(peek(lexer, 2)))
		take_hex(lexer, token);
	else
		take_decimal(lexer, token);
	/* 16M, 10.0.0.1, 2001:db8::1: libconfig would say "syntax error" somewhere behind it */
	size_t len = token->len;
	for (char c = peek(lexer, len); is_in_name(c) || c == '.' || c == ':' || c == '@';
	     c = peek(lexer, len))
		len++;
	if (len > token->len && token->kind != TOKEN_BAD)
		spoil(token, "is not a number; expected text to stand in quotes");
	token->len = len;
	skip(lexer, len);
}

/* --- words and the rest -------------------------------------------------------------------- */

static void take_name(struct conf_lexer *lexer, struct conf_token *token)
{
	size_t len = 1;
	while (is_in_name(peek(lexer, len)))
		len++;
	token->len = len;
	const bool is_bool = (len == 4 && strncasecmp(token->text, "true", 4) == 0) ||
			     (len == 5 && strncasecmp(token->text, "false", 5) == 0);
	token->kind = is_bool ? TOKEN_BOOL : TOKEN_NAME;
	skip(lexer, len);
}

static bool is_alone_on_line(const struct conf_lexer *lexer)
{
	for (const char *at = lexer->line_start; at < lexer->at; at++)
		if (*at != ' ' && *at != '\t')
			return false;
	return true;
}

static void take_include(struct conf_lexer *lexer, struct conf_token *token)
{
	static const char word[] = "@include";
	static const char why[] =
		"is not understood; expected @include \"FILE\" at the beginning of a line";

	token->kind = TOKEN_INCLUDE;
	const size_t word_len = strlen(word);
	size_t len = word_len;
	while (peek(lexer, len) == ' ' || peek(lexer, len) == '\t')
		len++;
	if (!starts_with(lexer, word) || !is_alone_on_line(lexer) || len == word_len ||
	    peek(lexer, len) != '"') {
		spoil(token, why);
		return;
	}
	for (len++; peek(lexer, len) != '"'; len++) {
		if (len >= left(lexer) || peek(lexer, len) == '\n' || peek(lexer, len) == '\\') {
			spoil(token, why);
			return;
		}
	}
	skip(lexer, len + 1);
	token->len = (size_t)(lexer->at - lexer->line_start);
	token->text = lexer->line_start;
}

static void take_other(struct conf_lexer *lexer, struct conf_token *token)
{
	switch (*lexer->at) {
	case '=':
	case ':':
		token->kind = TOKEN_EQUALS;
		break;
	case ',':
		token->kind = TOKEN_COMMA;
		break;
	case ';':
		token->kind = TOKEN_SEMICOLON;
		break;
	case '{':
	case '[':
	case '(':
		token->kind = TOKEN_OPEN;
		break;
	case '}':
	case ']':
	case ')':
		token->kind = TOKEN_CLOSE;
		break;
	default:
		token->len = 1;
		while (token->len < left(lexer) && (peek(lexer, token->len) & 0x80) != 0)
			token->len++;
		if (starts_with(lexer, "\xe2\x80\x9c") || starts_with(lexer, "\xe2\x80\x9d"))
			spoil(token, "is a typographic quote; expected \"");
		else
			spoil(token, "is not understood; expected a setting such as name = value;");
		return;
	}
	skip(lexer, 1);
}

const char *conf_token_quote(const struct conf_token *token, struct complaint_quote *into)
{
	const char *text = token->text;
	size_t len = token->len;

	if (len > 0 && *text == '"') {
		text++;
		len--;
		len -= len > 0 && text[len - 1] == '"';
	}
	const char *newline = memchr(text, '\n', len);
	return complaint_quote(text, newline != NULL ? (size_t)(newline - text) : len, into);
}

void conf_token_next(struct conf_lexer *lexer, struct conf_token *ret_token)
{
	*ret_token = (struct conf_token){ .kind = TOKEN_END, .text = lexer->end };
	if (!skip_blanks(lexer, ret_token))
		return;
	ret_token->text = lexer->at;
	ret_token->line = lexer->line;
	ret_token->len = left(lexer) > 0;
	if (left(lexer) == 0)
		return;
	const char c = *lexer->at;
	if (c == '"') {
		take_string(lexer, ret_token);
		ret_token->len = (size_t)(lexer->at - ret_token->text);
	} else if (is_digit(c) || c == '+' || c == '-' || c == '.') {
		take_number(lexer, ret_token);
	} else if (starts_name(c)) {
		take_name(lexer, ret_token);
	} else if (c == '@') {
		ret_token->len = left(lexer) < 16 ? left(lexer) : 16;
		take_include(lexer, ret_token);
	} else {
		take_other(lexer, ret_token);
	}
}
