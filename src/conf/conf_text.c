#include "conf/conf_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/conf_token.h"

/* From line `first_line` of the text on, lines are those of `file` from `file_line` on. */
struct segment {
	uint32_t first_line;
	uint32_t file, file_line;
};

struct conf_text {
	char *bytes;
	size_t len, max;
	uint32_t line;		  /* that the next byte belongs to, from 1 */
	struct segment *segments; /* first_line ascends */
	size_t segment_count, segment_max;
	char **files;
	size_t file_count, file_max;
};

/* A file being read, and those that wait for it. */
struct source {
	const struct source *includer; /* NULL for the first */
	uint32_t file;		       /* index of its name */
	uint32_t line;		       /* of the @include being followed */
	dev_t dev;
	ino_t ino;
	char *bytes;
	size_t len;
};

struct builder {
	struct conf_text *text;
	struct complaints *complaints;
	size_t read_bytes; /* of all files */
	int err;	   /* -ENOMEM once memory was short; all work is vain from then on */
};

static void add_file(struct builder *builder, struct source *includer, const char *path);

/* --- putting together ---------------------------------------------------------------------- */

static void append(struct builder *builder, const char *bytes, size_t len)
{
	struct conf_text *text = builder->text;

	if (builder->err != 0)
		return;
	if (text->max - text->len <= len) {
		const size_t max = text->max + len + text->max / 2 + 1;
		char *grown = mem_realloc(text->bytes, max);
		if (grown == NULL) {
			builder->err = -ENOMEM;
			return;
		}
		text->bytes = grown;
		text->max = max;
	}
	if (len > 0)
		memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
	text->bytes[text->len] = '\0';
	for (size_t i = 0; i < len; i++)
		text->line += bytes[i] == '\n';
}

/* What follows comes from `file`, beginning with its line `line`. */
static void begin_segment(struct builder *builder, uint32_t file, uint32_t line)
{
	struct conf_text *text = builder->text;
	struct segment *grown =
		mem_grow(text->segments, text->segment_count, &text->segment_max, sizeof(*grown));

	if (grown == NULL) {
		builder->err = -ENOMEM;
		return;
	}
	text->segments = grown;
	text->segments[text->segment_count++] =
		(struct segment){ .first_line = text->line, .file = file, .file_line = line };
}

/* Index of a new file name. */
static uint32_t add_name(struct builder *builder, const char *name)
{
	struct conf_text *text = builder->text;
	char **grown = mem_grow(text->files, text->file_count, &text->file_max, sizeof(*grown));
	if (grown != NULL)
		text->files = grown;
	char *copy = grown != NULL ? mem_strdup(name) : NULL;

	if (copy == NULL) {
		builder->err = -ENOMEM;
		return 0;
	}
	text->files[text->file_count] = copy;
	return (uint32_t)text->file_count++;
}

static struct conf_place place_in(const struct builder *builder, uint32_t file, uint32_t line)
{
	return (struct conf_place){ .file = builder->text->files[file], .line = (int)line };
}

/* --- one file ------------------------------------------------------------------------------ */

/* Makes CRLF LF in place. False, with a complaint, for what is not text. */
static bool clean(struct builder *builder, struct source *source)
{
	char *const bytes = source->bytes;
	struct conf_place place = place_in(builder, source->file, 1);
	size_t to = 0;

	if (source->len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
		complaint_add(builder->complaints, &place,
			      "begins with a byte order mark; expected plain UTF-8 without one");
		return false;
	}
	for (size_t from = 0; from < source->len; from++) {
		if (bytes[from] == '\0') {
			complaint_add(builder->complaints, &place,
				      "has a NUL byte; expected plain text (ASCII or UTF-8)");
			return false;
		}
		if (bytes[from] == '\r') {
			if (from + 1 < source->len && bytes[from + 1] == '\n')
				continue;
			complaint_add(builder->complaints, &place,
				      "has a carriage return without a line feed; expected lines "
				      "to end in LF or CRLF");
			return false;
		}
		place.line += bytes[from] == '\n';
		bytes[to++] = bytes[from];
	}
	bytes[to] = '\0';
	source->len = to;
	return true;
}

/* The name in an @include counts from the directory of the file that it stands in. */
static char *join(const char *includer, const char *name, size_t name_len)
{
	const char *slash = strrchr(includer, '/');
	const size_t dir_len = name[0] == '/' || slash == NULL ? 0 : (size_t)(slash + 1 - includer);
	char *path = mem_alloc(dir_len + name_len + 1);

	if (path != NULL) {
		memcpy(path, includer, dir_len);
		memcpy(path + dir_len, name, name_len);
		path[dir_len + name_len] = '\0';
	}
	return path;
}

static void follow_include(struct builder *builder, struct source *source,
			   const struct conf_token *token)
{
	const char *name = (const char *)memchr(token->text, '"', token->len) + 1;
	const size_t name_len = (size_t)(token->text + token->len - 1 - name);
	const struct conf_place place = place_in(builder, source->file, token->line);
	unsigned depth = 0;

	for (const struct source *at = source; at != NULL; at = at->includer)
		depth++;
	if (source->ino == 0) {
		complaint_add(builder->complaints, &place,
			      "@include is not possible here; expected settings alone");
		return;
	}
	if (depth > CONF_TEXT_MAX_DEPTH) {
		complaint_add(builder->complaints, &place,
			      "@include is nested more than %u deep; expected fewer files that "
			      "include each other",
			      CONF_TEXT_MAX_DEPTH);
		return;
	}
	char *path = join(builder->text->files[source->file], name, name_len);
	if (path == NULL) {
		builder->err = -ENOMEM;
		return;
	}
	source->line = token->line;
	add_file(builder, source, path);
	mem_free(path);
}

static void complain_of_token(struct builder *builder, const struct source *source,
			      const struct conf_token *token, uint32_t long_string)
{
	const struct conf_place place = place_in(builder, source->file, token->line);
	struct complaint_quote quote;
	char hint[80] = "";

	/* a quote that was forgotten there turns all that follow around */
	if (*token->text == '"' && long_string != 0)
		snprintf(hint, sizeof(hint), " (a string over several lines begins in line %u)",
			 long_string);
	complaint_add(builder->complaints, &place, "%s %s%s", conf_token_quote(token, &quote),
		      token->why, hint);
}

/* Appends a file's bytes, and those of its includes in their place. */
static void add_source(struct builder *builder, struct source *source)
{
	struct conf_lexer lexer;
	struct conf_token token;
	const char *from = source->bytes;
	uint32_t long_string = 0; /* line where the first one over several lines begins */

	if (!clean(builder, source))
		return;
	begin_segment(builder, source->file, 1);
	conf_token_init(&lexer, source->bytes);
	for (conf_token_next(&lexer, &token); token.kind != TOKEN_END && builder->err == 0;
	     conf_token_next(&lexer, &token)) {
		if (token.kind == TOKEN_BAD) {
			complain_of_token(builder, source, &token, long_string);
			return;
		}
		if (token.kind == TOKEN_STRING && lexer.line > token.line && long_string == 0)
			long_string = token.line;
		if (token.kind != TOKEN_INCLUDE)
			continue;
		append(builder, from, (size_t)(token.text - from));
		follow_include(builder, source, &token);
		from = token.text + token.len;
		begin_segment(builder, source->file, token.line);
	}
	append(builder, from, (size_t)(source->bytes + source->len - from));
	/* libconfig 1.5 takes a comment for one only where a line feed ends it */
	append(builder, "\n", 1);
}

/* --- reading ------------------------------------------------------------------------------- */

static void complain_of_file(struct builder *builder, const struct source *includer,
			     const char *path, const char *what, const char *expected)
{
	struct complaint_quote quote;

	if (includer == NULL) {
		const struct conf_place place = { .file = path, .line = 1 };
		complaint_add(builder->complaints, &place, "%s; expected %s", what, expected);
		return;
	}
	const struct conf_place place = place_in(builder, includer->file, includer->line);
	complaint_add(builder->complaints, &place, "@include of %s: %s; expected %s",
		      complaint_quote(path, strlen(path), &quote), what, expected);
}

/* Reads until the end, whatever length the file system said, and leaves room for a NUL. 0, -errno,
 * or ERR_LIMIT. */
static int read_bytes(int fd, size_t expected, size_t limit, struct source *source)
{
	size_t max = expected + 1;

	for (;;) {
		char *grown = mem_realloc(source->bytes, max);
		if (grown == NULL)
			return -ENOMEM;
		source->bytes = grown;
		const ssize_t got = read(fd, source->bytes + source->len, max - source->len);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			return 0;
		source->len += got > 0 ? (size_t)got : 0;
		if (source->len > limit)
			return ERR_LIMIT;
		if (source->len == max)
			max = max * 2 + 4096;
	}
}

static const char *kind_of_file(mode_t mode)
{
	if (S_ISDIR(mode))
		return "is a directory";
	if (S_ISFIFO(mode) || S_ISSOCK(mode))
		return "is a pipe or socket";
	return "is a device";
}

static bool is_among(const struct source *source, const struct stat *stat)
{
	for (; source != NULL; source = source->includer)
		if (source->dev == stat->st_dev && source->ino == stat->st_ino)
			return true;
	return false;
}

/* Reads it all. NULL, or what keeps it from being taken. */
static const char *fault_of_file(struct builder *builder, int fd, struct source *source,
				 const char **ret_expected)
{
	const size_t limit = CONF_TEXT_MAX_BYTES - builder->read_bytes;
	struct stat stat;

	if (fd < 0 || fstat(fd, &stat) != 0)
		return err_text(-errno);
	if (!S_ISREG(stat.st_mode))
		return kind_of_file(stat.st_mode);
	if (is_among(source->includer, &stat)) {
		*ret_expected = "no such loop";
		return "the file includes itself";
	}
	source->dev = stat.st_dev;
	source->ino = stat.st_ino;
	const size_t size = (uintmax_t)stat.st_size < limit ? (size_t)stat.st_size : limit;
	const int err = read_bytes(fd, size, limit, source);
	if (err == ERR_LIMIT) {
		*ret_expected = "at most 64 MB, all files together";
		return "too long";
	}
	if (err == -ENOMEM)
		builder->err = err;
	else if (err != 0)
		return err_text(err);
	builder->read_bytes += source->len;
	return NULL;
}

static void add_file(struct builder *builder, struct source *includer, const char *path)
{
	const char *expected = "a regular file that can be read";
	struct source source = { .includer = includer };
	/* a pipe nobody writes to must not hold us up */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const char *fault = fault_of_file(builder, fd, &source, &expected);

	if (fault != NULL)
		complain_of_file(builder, includer, path, fault, expected);
	else if (builder->err == 0)
		source.file = add_name(builder, path);
	if (fault == NULL && builder->err == 0)
		add_source(builder, &source);
	mem_free(source.bytes);
	if (fd >= 0)
		close(fd);
}

/* --- the outside --------------------------------------------------------------------------- */

static void complain_if_empty(const struct builder *builder, const char *name)
{
	static const char blanks[] = " \t\n\f";
	const struct conf_place place = { .file = name, .line = 1 };
	const char *bytes = builder->text->bytes;

	if (bytes == NULL || bytes[strspn(bytes, blanks)] == '\0')
		complaint_add(builder->complaints, &place,
			      "is empty; expected settings, such as listen, upstreams or zones");
}

/* Ends a building that began with `complaints_before`. */
static int finish(struct builder *builder, const char *name, size_t complaints_before,
		  struct conf_text **ret_text)
{
	if (builder->err == 0 && complaint_count(builder->complaints) == complaints_before)
		complain_if_empty(builder, name);
	if (builder->err == 0 && complaint_count(builder->complaints) > complaints_before)
		builder->err = ERR_CONF;
	if (builder->err == 0)
		*ret_text = builder->text;
	else
		conf_text_free(builder->text);
	return builder->err;
}

static struct conf_text *new_text(void)
{
	struct conf_text *text = mem_zalloc(sizeof(*text));
	if (text != NULL)
		text->line = 1;
	return text;
}

int conf_text_read(const char *path, struct complaints *complaints, struct conf_text **ret_text)
{
	const size_t before = complaint_count(complaints);
	struct builder builder = { .text = new_text(), .complaints = complaints };

	if (builder.text == NULL)
		return -ENOMEM;
	add_file(&builder, NULL, path);
	return finish(&builder, path, before, ret_text);
}

int conf_text_from(const char *bytes, const char *name, struct complaints *complaints,
		   struct conf_text **ret_text)
{
	const size_t before = complaint_count(complaints);
	struct builder builder = { .text = new_text(), .complaints = complaints };
	struct source source = { .bytes = mem_strdup(bytes), .len = strlen(bytes) };

	if (builder.text == NULL || source.bytes == NULL)
		builder.err = -ENOMEM;
	if (builder.err == 0)
		source.file = add_name(&builder, name);
	if (builder.err == 0 && source.len > CONF_TEXT_MAX_BYTES)
		complain_of_file(&builder, NULL, name, "too long", "at most 64 MB");
	else if (builder.err == 0)
		add_source(&builder, &source);
	mem_free(source.bytes);
	return finish(&builder, name, before, ret_text);
}

void conf_text_free(struct conf_text *text)
{
	if (text == NULL)
		return;
	for (size_t i = 0; i < text->file_count; i++)
		mem_free(text->files[i]);
	mem_free(text->files);
	mem_free(text->segments);
	mem_free(text->bytes);
	mem_free(text);
}

const char *conf_text_bytes(const struct conf_text *text)
{
	return text->bytes;
}

size_t conf_text_len(const struct conf_text *text)
{
	return text->len;
}

void conf_text_place(const struct conf_text *text, uint32_t line, struct conf_place *ret_place)
{
	size_t low = 0, high = text->segment_count;

	/* the last segment that begins at or before the line */
	while (high - low > 1) {
		const size_t middle = low + (high - low) / 2;
		if (text->segments[middle].first_line <= line)
			low = middle;
		else
			high = middle;
	}
	const struct segment *segment = &text->segments[low];
	ret_place->file = text->files[segment->file];
	ret_place->line = (int)(segment->file_line + (line - segment->first_line));
}

void conf_text_give_files(struct conf_text *text, struct conf *conf)
{
	conf->files = text->files;
	conf->file_count = text->file_count;
	text->files = NULL;
	text->file_count = text->file_max = 0;
}
