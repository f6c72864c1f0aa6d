#include "conf/conf_scan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "conf/conf_token.h"

enum state {
	WANT_NAME,
	WANT_EQUALS,
	WANT_VALUE,	       /* of a setting */
	WANT_ELEMENT,	       /* after a comma */
	WANT_ELEMENT_OR_CLOSE, /* after the bracket */
	AFTER_VALUE,
	AFTER_STRING, /* which another string may continue */
};

struct name {
	const char *text;
	size_t len;
	uint32_t line;
};

/* An open bracket; the first is the file itself, without one. */
struct frame {
	char open;
	uint32_t line;
	size_t first_name; /* of a group: its names so far are those from here on */
	size_t element;	   /* of a list: number of the present one */
};

struct scanner {
	const struct conf_text *text;
	struct complaints *complaints;
	enum state state;
	size_t depth;	    /* of the innermost frame */
	struct name *names; /* of all open groups, outermost first */
	size_t name_count, name_max;
	uint32_t *lines;
	size_t line_count, line_max;
	uint32_t long_string; /* line where the last string that goes over lines began; or 0 */
	int err;
	struct frame frames[CONF_SCAN_MAX_DEPTH + 1];
};

static struct frame *inner(struct scanner *scanner)
{
	return &scanner->frames[scanner->depth];
}

static bool is_group(const struct frame *frame)
{
	return frame->open == '{' || frame->open == '\0';
}

/* --- complaining --------------------------------------------------------------------------- */

/* Complains of a token and gives up: what follows it would be guesswork. */
static void refuse(struct scanner *scanner, const struct conf_token *token, const char *expected)
{
	struct conf_place place, began;
	struct complaint_quote quote;
	char hint[80] = "";

	conf_text_place(scanner->text, token->line, &place);
	/* the likeliest reason is a quote that was forgotten there */
	if (scanner->long_string != 0) {
		conf_text_place(scanner->text, scanner->long_string, &began);
		snprintf(hint, sizeof(hint), " (a string over several lines begins in line %u)",
			 (unsigned)began.line);
	}
	if (token->kind == TOKEN_END)
		complaint_add(scanner->complaints, &place, "the file ends too early; expected %s%s",
			      expected, hint);
	else
		complaint_add(scanner->complaints, &place, "%s is out of place; expected %s%s",
			      conf_token_quote(token, &quote), expected, hint);
	scanner->err = ERR_CONF;
}

static void refuse_word(struct scanner *scanner, const struct conf_token *token)
{
	struct conf_place place;
	struct complaint_quote quote;

	conf_text_place(scanner->text, token->line, &place);
	complaint_add(scanner->complaints, &place,
		      "%s is not a value; expected text in quotes, a number, true, false, or a "
		      "bracket",
		      conf_token_quote(token, &quote));
	scanner->err = ERR_CONF;
}

static void refuse_open_end(struct scanner *scanner)
{
	const struct frame *frame = inner(scanner);
	struct conf_place place;

	conf_text_place(scanner->text, frame->line, &place);
	complaint_add(scanner->complaints, &place, "\"%c\" is never closed; expected its \"%c\"",
		      frame->open, frame->open == '(' ? ')' : frame->open + 2);
	scanner->err = ERR_CONF;
}

/* "zones[2].name": where we are, as far as it fits. */
static void put_path(const struct scanner *scanner, char *out, size_t out_max)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i <= scanner->depth && len < out_max; i++) {
		const struct frame *frame = &scanner->frames[i];
		const size_t end = i < scanner->depth ? scanner->frames[i + 1].first_name
						      : scanner->name_count;
		if (!is_group(frame)) {
			len += (size_t)snprintf(out + len, out_max - len, "[%zu]", frame->element);
		} else if (end > frame->first_name) {
			const struct name *name = &scanner->names[end - 1];
			len += (size_t)snprintf(out + len, out_max - len, "%s%.*s",
						len > 0 ? "." : "",
						(int)(name->len < 64 ? name->len : 64), name->text);
		}
	}
}

/* --- names --------------------------------------------------------------------------------- */

static void check_twice(struct scanner *scanner, const struct name *name)
{
	for (size_t i = inner(scanner)->first_name; i + 1 < scanner->name_count; i++) {
		const struct name *other = &scanner->names[i];
		if (other->len != name->len || memcmp(other->text, name->text, name->len) != 0)
			continue;
		struct conf_place place, first;
		char path[256];
		conf_text_place(scanner->text, name->line, &place);
		conf_text_place(scanner->text, other->line, &first);
		put_path(scanner, path, sizeof(path));
		complaint_add(scanner->complaints, &place,
			      "%s is a duplicate setting; expected it once (first at %s:%d)", path,
			      first.file, first.line);
		return;
	}
}

static void add_name(struct scanner *scanner, const struct conf_token *token)
{
	if (scanner->name_count - inner(scanner)->first_name == CONF_SCAN_MAX_NAMES) {
		refuse(scanner, token, "fewer settings in one group");
		return;
	}
	struct name *names =
		mem_grow(scanner->names, scanner->name_count, &scanner->name_max, sizeof(*names));
	if (names == NULL) {
		scanner->err = -ENOMEM;
		return;
	}
	scanner->names = names;
	names[scanner->name_count++] =
		(struct name){ .text = token->text, .len = token->len, .line = token->line };
	check_twice(scanner, &scanner->names[scanner->name_count - 1]);
	scanner->state = WANT_EQUALS;
}

/* --- brackets and values ------------------------------------------------------------------- */

static void open_bracket(struct scanner *scanner, const struct conf_token *token)
{
	if (inner(scanner)->open == '[') {
		refuse(scanner, token, "no brackets in an array [ ]; a list ( ) takes them");
		return;
	}
	if (scanner->depth == CONF_SCAN_MAX_DEPTH) {
		refuse(scanner, token, "fewer brackets in each other");
		return;
	}
	scanner->depth++;
	*inner(scanner) = (struct frame){ .open = *token->text,
					  .line = token->line,
					  .first_name = scanner->name_count };
	scanner->state = *token->text == '{' ? WANT_NAME : WANT_ELEMENT_OR_CLOSE;
}

static void close_bracket(struct scanner *scanner, const struct conf_token *token)
{
	const struct frame *frame = inner(scanner);

	if (frame->open == '\0') {
		refuse(scanner, token, "a setting such as name = value;");
		return;
	}
	const char close = frame->open == '(' ? ')' : (char)(frame->open + 2);
	if (*token->text != close) {
		struct conf_place open;
		char expected[64];
		conf_text_place(scanner->text, frame->line, &open);
		snprintf(expected, sizeof(expected), "\"%c\" for the \"%c\" of line %d", close,
			 frame->open, open.line);
		refuse(scanner, token, expected);
		return;
	}
	scanner->name_count = frame->first_name;
	scanner->depth--;
	scanner->state = AFTER_VALUE;
}

static void note_string(struct scanner *scanner, const struct conf_token *token)
{
	if (is_group(inner(scanner)))
		return;
	uint32_t *lines =
		mem_grow(scanner->lines, scanner->line_count, &scanner->line_max, sizeof(*lines));
	if (lines == NULL) {
		scanner->err = -ENOMEM;
		return;
	}
	scanner->lines = lines;
	lines[scanner->line_count++] = token->line;
}

static void take_value(struct scanner *scanner, const struct conf_token *token)
{
	switch (token->kind) {
	case TOKEN_BOOL:
	case TOKEN_NUMBER:
		scanner->state = AFTER_VALUE;
		return;
	case TOKEN_STRING:
		if (memchr(token->text, '\n', token->len) != NULL)
			scanner->long_string = token->line;
		note_string(scanner, token);
		scanner->state = AFTER_STRING;
		return;
	case TOKEN_OPEN:
		open_bracket(scanner, token);
		return;
	case TOKEN_NAME:
		refuse_word(scanner, token);
		return;
	case TOKEN_CLOSE:
		if (scanner->state == WANT_ELEMENT_OR_CLOSE) {
			close_bracket(scanner, token);
			return;
		}
		break;
	case TOKEN_END:
	case TOKEN_EQUALS:
	case TOKEN_COMMA:
	case TOKEN_SEMICOLON:
	case TOKEN_INCLUDE:
	case TOKEN_BAD:
		break;
	}
	refuse(scanner, token,
	       scanner->state == WANT_ELEMENT ? "a value after the comma" : "a value");
}

static void take_name(struct scanner *scanner, const struct conf_token *token)
{
	if (token->kind == TOKEN_NAME)
		add_name(scanner, token);
	else if (token->kind == TOKEN_CLOSE)
		close_bracket(scanner, token);
	else if (token->kind != TOKEN_END || scanner->depth > 0)
		refuse(scanner, token, "a setting such as name = value;");
}

static void take_after(struct scanner *scanner, const struct conf_token *token)
{
	if (token->kind == TOKEN_STRING && scanner->state == AFTER_STRING)
		return;
	if (is_group(inner(scanner))) {
		if (token->kind == TOKEN_SEMICOLON || token->kind == TOKEN_COMMA)
			scanner->state = WANT_NAME;
		else if (token->kind == TOKEN_STRING || token->kind == TOKEN_NUMBER ||
			 token->kind == TOKEN_BOOL || token->kind == TOKEN_OPEN)
			refuse(scanner, token, "; after a value");
		else
			take_name(scanner, token);
		return;
	}
	if (token->kind == TOKEN_CLOSE) {
		close_bracket(scanner, token);
		return;
	}
	if (token->kind != TOKEN_COMMA) {
		refuse(scanner, token, "a comma between values");
		return;
	}
	inner(scanner)->element++;
	scanner->state = WANT_ELEMENT;
}

static void take_token(struct scanner *scanner, const struct conf_token *token)
{
	switch (scanner->state) {
	case WANT_NAME:
		take_name(scanner, token);
		return;
	case WANT_EQUALS:
		if (token->kind == TOKEN_EQUALS)
			scanner->state = WANT_VALUE;
		else
			refuse(scanner, token, "= after a setting's name");
		return;
	case WANT_VALUE:
	case WANT_ELEMENT:
	case WANT_ELEMENT_OR_CLOSE:
		take_value(scanner, token);
		return;
	case AFTER_VALUE:
	case AFTER_STRING:
		take_after(scanner, token);
		return;
	}
	UNREACHABLE();
}

int conf_scan(const struct conf_text *text, struct complaints *complaints,
	      struct conf_scan *ret_scan)
{
	const size_t before = complaint_count(complaints);
	struct scanner scanner = { .text = text, .complaints = complaints, .state = WANT_NAME };
	struct conf_lexer lexer;
	struct conf_token token;

	conf_token_init(&lexer, conf_text_bytes(text));
	uint32_t line = 1;
	do {
		conf_token_next(&lexer, &token);
		/* the end is where the last token was */
		if (token.kind == TOKEN_END)
			token.line = line;
		line = token.line;
		if (token.kind == TOKEN_END && scanner.depth > 0)
			refuse_open_end(&scanner);
		else
			take_token(&scanner, &token);
	} while (token.kind != TOKEN_END && scanner.err == 0);
	if (scanner.err == 0 && complaint_count(complaints) > before)
		scanner.err = ERR_CONF;
	mem_free(scanner.names);
	if (scanner.err != 0)
		mem_free(scanner.lines);
	else
		*ret_scan = (struct conf_scan){ scanner.lines, scanner.line_count };
	return scanner.err;
}

void conf_scan_done(struct conf_scan *scan)
{
	mem_free(scan->lines);
	*scan = (struct conf_scan){ 0 };
}
