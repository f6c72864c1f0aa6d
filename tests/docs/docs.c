/* Copies a frame (contrib/man, contrib/completion) to the standard output, with the parts that are
 * made from the tables of the program in place of the lines that name them: @commands@.
 * Usage: docs FRAME */
#include "docs.h"

#include <string.h>

enum docs_value docs_value_of(const char *text, int len)
{
	static const struct {
		const char *word;
		enum docs_value value;
	} words[] = { { "FILE", DOCS_FILE },
		      { "SOCKET", DOCS_FILE },
		      { "LEVEL", DOCS_LEVEL },
		      { "COMMAND", DOCS_COMMAND } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *at = strstr(text, words[i].word);

		if (at != NULL && at < text + len)
			return words[i].value;
	}
	return memchr(text, ' ', (size_t)len) != NULL ? DOCS_OTHER : DOCS_NONE;
}

static const struct docs_part *find(const struct docs_part *parts, const char *name, size_t len)
{
	for (; parts->name != NULL; parts++) {
		if (strlen(parts->name) == len && strncmp(parts->name, name, len) == 0)
			return parts;
	}
	return NULL;
}

/* A line; false where it names a part that there is not. */
static bool put_line(const char *line)
{
	const size_t len = strcspn(line, "\n");

	if (len < 3 || line[0] != '@' || line[len - 1] != '@') {
		const char *version = strstr(line, "@VERSION@");

		if (version == NULL)
			return fputs(line, stdout) >= 0;
		return printf("%.*s%s%s", (int)(version - line), line, COURIERDNS_VERSION,
			      version + strlen("@VERSION@")) >= 0;
	}
	const struct docs_part *part = find(docs_man_parts(), line + 1, len - 2);
	if (part == NULL)
		part = find(docs_shell_parts(), line + 1, len - 2);
	if (part == NULL) {
		fprintf(stderr, "docs: there is no part %.*s\n", (int)len, line);
		return false;
	}
	part->write(stdout);
	return true;
}

int main(int argc, char **argv)
{
	FILE *frame = argc == 2 ? fopen(argv[1], "r") : NULL;
	bool is_good = frame != NULL;
	char line[1024];

	if (!is_good)
		fprintf(stderr, "docs: a frame was expected\n");
	while (is_good && fgets(line, sizeof(line), frame) != NULL)
		is_good = put_line(line);
	if (frame != NULL)
		(void)fclose(frame);
	return is_good && fflush(stdout) == 0 ? 0 : 1;
}
