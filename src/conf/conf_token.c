#include "conf/conf_token.h"

#include <string.h>
#include <strings.h>

#define INT32_DIGITS_MAX "2147483647"
#define INT64_DIGITS_MAX "9223372036854775807"
/* each the end of the next, which the linker makes one text of */
#define DIGITS "0123456789"
#define HEX_DIGITS "abcdefABCDEF" DIGITS
#define NAME_STARTS "*abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define IN_NAMES "0123456789_-" NAME_STARTS

void conf_token_init(struct conf_lexer *lexer, const char *text)
{
	*lexer = (struct conf_lexer){ .at = text, .line_start = text, .line = 1 };
}

static bool starts_with(const char *text, const char *word)
{
	return strncasecmp(text, word, strlen(word)) == 0;
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

static void spoil(struct conf_token *token, const char *why)
{
	token->kind = TOKEN_BAD;
	token->why = why;
}

/* --- blanks and comments ------------------------------------------------------------------- */

/* Over blanks and comments, to a comment that is never closed at the furthest. */
static void skip_blanks(struct conf_lexer *lexer)
{
	for (;;) {
		const char *end;

		skip(lexer, strspn(lexer->at, " \t\n\f\r"));
		if (*lexer->at == '#' || starts_with(lexer->at, "//"))
			lexer->at += strcspn(lexer->at, "\n");
		else if (starts_with(lexer->at, "/*") &&
			 (end = strstr(lexer->at + 2, "*/")) != NULL)
			skip(lexer, (size_t)(end + 2 - lexer->at));
		else
			return;
	}
}

/* --- strings ------------------------------------------------------------------------------- */

static void take_string(struct conf_lexer *lexer, struct conf_token *token)
{
	token->kind = TOKEN_STRING;
	skip(lexer, 1);
	while (*lexer->at != '"') {
		const char *at = lexer->at;
		if (*at == '\0') {
			spoil(token, "begins a string that is never closed; expected \"");
			return;
		}
		if (starts_with(at, "\\x00")) {
			spoil(token, "has a NUL byte in it; expected text");
			return;
		}
		skip(lexer, *at == '\\' && (at[1] == '"' || at[1] == '\\') ? 2 : 1);
	}
	skip(lexer, 1);
}

/* --- numbers ------------------------------------------------------------------------------- */

/* Length of an exponent, or 0. */
static size_t exponent_len(const char *text)
{
	if (*text != 'e' && *text != 'E')
		return 0;
	const size_t sign = text[1] == '+' || text[1] == '-';
	const size_t len = strspn(text + 1 + sign, DIGITS);
	return len > 0 ? 1 + sign + len : 0;
}

/* Decimal digits, leading zeros apart, are at most those of `max`. */
static bool fits(const char *text, size_t len, const char *max)
{
	for (; len > 0 && *text == '0'; len--)
		text++;
	const size_t max_len = strlen(max);
	return len < max_len || (len == max_len && memcmp(text, max, len) <= 0);
}

static size_t suffix_len(const char *text)
{
	if (*text != 'L')
		return 0;
	return text[1] == 'L' ? 2 : 1;
}

static void take_hex(struct conf_token *token)
{
	const char *first = token->text + 2;
	first += strspn(first, "0");
	const size_t len = strspn(first, HEX_DIGITS);
	const size_t suffix = suffix_len(first + len);
	const size_t max = suffix > 0 ? 16 : 8;
	/* the sign bit is out of reach too */
	if (len > max || (len == max && *first > '7'))
		spoil(token, "is a number too large to be read; expected at most 0x7FFFFFFF, "
			     "or with an L behind it at most 0x7FFFFFFFFFFFFFFF");
	token->len = (size_t)(first + len + suffix - token->text);
}

static void take_decimal(struct conf_token *token)
{
	const char *text = token->text;
	const size_t sign = *text == '+' || *text == '-';
	const size_t whole = strspn(text + sign, DIGITS);
	size_t len = sign + whole;

	if (text[len] == '.') {
		const size_t fraction = strspn(text + len + 1, DIGITS);
		len += 1 + fraction;
		len += exponent_len(text + len);
		if (whole + fraction == 0)
			spoil(token, "is not a number; expected digits");
	} else if (whole == 0) {
		len = 1;
		spoil(token, "is not a number; expected digits");
	} else if (exponent_len(text + len) > 0) {
		len += exponent_len(text + len);
	} else {
		const size_t suffix = suffix_len(text + len);
		if (suffix == 0 && !fits(text + sign, whole, INT32_DIGITS_MAX))
			spoil(token, "is a number too large to be read; expected at most "
				     "2147483647 (a size may be written as a string, \"4G\")");
		else if (suffix > 0 && !fits(text + sign, whole, INT64_DIGITS_MAX))
			spoil(token, "is a number too large to be read; expected at most "
				     "9223372036854775807L");
		len += suffix;
	}
	token->len = len;
}

static void take_number(struct conf_lexer *lexer, struct conf_token *token)
{
	token->kind = TOKEN_NUMBER;
	if (starts_with(token->text, "0x") && strspn(token->text + 2, HEX_DIGITS) > 0)
		take_hex(token);
	else
		take_decimal(token);
	/* 16M, 10.0.0.1, 2001:db8::1: libconfig would say "syntax error" somewhere behind it */
	const size_t more = strspn(token->text + token->len, ".:@" IN_NAMES);
	if (more > 0 && token->kind != TOKEN_BAD)
		spoil(token, "is not a number; expected text to stand in quotes");
	token->len += more;
	skip(lexer, token->len);
}

/* --- words and the rest -------------------------------------------------------------------- */

static void take_name(struct conf_lexer *lexer, struct conf_token *token)
{
	token->len = strspn(token->text, IN_NAMES);
	const bool is_bool = (token->len == 4 && starts_with(token->text, "true")) ||
			     (token->len == 5 && starts_with(token->text, "false"));
	token->kind = is_bool ? TOKEN_BOOL : TOKEN_NAME;
	skip(lexer, token->len);
}

static void take_include(struct conf_lexer *lexer, struct conf_token *token)
{
	static const char word[] = "@include";
	const char *const line = lexer->line_start;

	if (strncmp(token->text, word, strlen(word)) == 0 &&
	    line + strspn(line, " \t") == token->text) {
		const char *name = token->text + strlen(word);
		const size_t blanks = strspn(name, " \t");
		const char *end = name + blanks;
		if (blanks > 0 && *end == '"')
			end += 1 + strcspn(end + 1, "\"\n\\");
		if (end > name + blanks && *end == '"') {
			skip(lexer, (size_t)(end + 1 - lexer->at));
			token->kind = TOKEN_INCLUDE;
			token->text = line;
			token->len = (size_t)(lexer->at - line);
			return;
		}
	}
	while (token->len < 16 && token->text[token->len] != '\0')
		token->len++;
	spoil(token, "is not understood; expected @include \"FILE\" at the beginning of a line");
}

static void take_sign(struct conf_lexer *lexer, struct conf_token *token)
{
	static const char signs[] = "=:,;{[(}])";
	static const uint8_t kinds[] = { TOKEN_EQUALS, TOKEN_EQUALS, TOKEN_COMMA, TOKEN_SEMICOLON,
					 TOKEN_OPEN,   TOKEN_OPEN,   TOKEN_OPEN,  TOKEN_CLOSE,
					 TOKEN_CLOSE,  TOKEN_CLOSE };
	const char *sign = strchr(signs, *token->text);

	if (sign != NULL) {
		token->kind = kinds[sign - signs];
		skip(lexer, 1);
		return;
	}
	while ((token->text[token->len] & 0x80) != 0)
		token->len++;
	if (starts_with(token->text, "/*")) {
		token->len = strlen(token->text);
		spoil(token, "begins a comment that is never closed; expected */");
	} else if (starts_with(token->text, "\xe2\x80\x9c") ||
		   starts_with(token->text, "\xe2\x80\x9d")) {
		spoil(token, "is a typographic quote; expected \"");
	} else {
		spoil(token, "is not understood; expected a setting such as name = value;");
	}
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
	skip_blanks(lexer);
	const char c = *lexer->at;
	*ret_token = (struct conf_token){
		.kind = TOKEN_END, .text = lexer->at, .line = lexer->line, .len = c != '\0'
	};
	if (c == '\0')
		return;
	if (c == '"') {
		take_string(lexer, ret_token);
		ret_token->len = (size_t)(lexer->at - ret_token->text);
	} else if (strchr("+-." DIGITS, c) != NULL) {
		take_number(lexer, ret_token);
	} else if (strchr(NAME_STARTS, c) != NULL) {
		take_name(lexer, ret_token);
	} else if (c == '@') {
		take_include(lexer, ret_token);
	} else {
		take_sign(lexer, ret_token);
	}
}
