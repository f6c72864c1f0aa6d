/* Configuration text: whatever loads is printed, and what is printed loads and prints the same;
 * what does not load is complained of, at a line that it has, in words of ours. */
#include <string.h>

#include "base/err.h"
#include "conf/conf_load.h"
#include "fuzz.h"

#define NAME "fuzz.conf"

static long lines_of(const char *text)
{
	long lines = 1;
	for (; *text != '\0'; text++)
		lines += *text == '\n';
	return lines;
}

static void check_complaint(const char *complaint, long lines)
{
	char *end;

	CHECK(strncmp(complaint, NAME ":", strlen(NAME ":")) == 0);
	const long line = strtol(complaint + strlen(NAME ":"), &end, 10);
	CHECK(line >= 1 && line <= lines);
	CHECK(strncmp(end, ": ", 2) == 0 && strlen(end) > 10);
	/* nothing is left for libconfig to find, but what it says better */
	CHECK(strncmp(end + 2, "syntax error", 12) != 0);
	CHECK(strncmp(end + 2, "duplicate setting name", 22) != 0);
	for (; *end != '\0'; end++)
		CHECK(*end >= 0x20 && *end < 0x7f);
}

/* What loads as it is printed, or NULL where it does not load. */
static char *load_and_print(const char *text)
{
	struct complaints *complaints = complaint_new();
	struct conf *conf = NULL;
	char *printed = NULL;
	size_t len = 0;

	CHECK(complaints != NULL);
	const int err = conf_load_text(text, NAME, complaints, &conf);
	CHECK(err == 0 || err == ERR_CONF);
	CHECK((err == ERR_CONF) == (complaint_count(complaints) > 0));
	for (size_t i = 0; i < complaint_kept(complaints); i++)
		check_complaint(complaint_text(complaints, i), lines_of(text));
	complaint_free(complaints);
	if (err != 0) {
		conf_free(conf);
		return NULL;
	}

	FILE *out = open_memstream(&printed, &len);
	CHECK(out != NULL);
	conf_load_print(conf, out);
	fclose(out);
	conf_free(conf);
	return printed;
}

/* The same with every line ended as on Windows. */
static char *with_crlf(const char *text)
{
	char *copy = (char *)fuzz_alloc(strlen(text) * 2 + 1), *to = copy;
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			*to++ = '\r';
		*to++ = *text;
	}
	*to = '\0';
	return copy;
}

static void check_same(const char *text, const char *printed)
{
	char *again = load_and_print(text);
	CHECK(again != NULL && strcmp(again, printed) == 0);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = (char *)fuzz_alloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';

	char *printed = load_and_print(text);
	if (printed != NULL) {
		check_same(printed, printed);
		if (strchr(text, '\r') == NULL) {
			char *crlf = with_crlf(text);
			check_same(crlf, printed);
			free(crlf);
		}
	}
	free(printed);
	free(text);
	return 0;
}
