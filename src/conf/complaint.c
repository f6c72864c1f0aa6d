#include "conf/complaint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define KEPT_MAX 1000u
#define WORD_MAX 64u
#define QUOTED_MAX 48u

struct complaint {
	char *text;
	size_t file_len; /* what the text begins with, or 0 */
	int line;
};

struct complaints {
	size_t kept;
	size_t count; /* more than are kept, beyond KEPT_MAX or where memory was short */
	struct complaint all[KEPT_MAX];
};

struct complaints *complaint_new(void)
{
	return mem_zalloc(sizeof(struct complaints));
}

void complaint_free(struct complaints *complaints)
{
	if (complaints == NULL)
		return;
	for (size_t i = 0; i < complaints->kept; i++)
		mem_free(complaints->all[i].text);
	mem_free(complaints);
}

static size_t put_place(char *out, size_t out_max, const struct conf_place *place)
{
	int len = 0;
	if (place != NULL && place->file != NULL)
		len = snprintf(out, out_max, "%s:%d: ", place->file, place->line);
	return len > 0 ? (size_t)len : 0;
}

static bool is_before(const struct complaint *a, const struct complaint *b)
{
	return a->file_len == b->file_len && a->line < b->line &&
	       memcmp(a->text, b->text, a->file_len) == 0;
}

/* Before what stands last and lower down in the same file. */
static void insert(struct complaints *complaints, struct complaint complaint)
{
	size_t at = complaints->kept++;

	for (; at > 0 && is_before(&complaint, &complaints->all[at - 1]); at--)
		complaints->all[at] = complaints->all[at - 1];
	complaints->all[at] = complaint;
}

void complaint_add(struct complaints *complaints, const struct conf_place *place,
		   const char *format, ...)
{
	va_list args;

	complaints->count++;
	if (complaints->kept == KEPT_MAX)
		return;
	const size_t place_len = put_place(NULL, 0, place);
	va_start(args, format);
	const int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return;
	const size_t size = place_len + (size_t)len + 1;
	char *text = mem_alloc(size);
	if (text == NULL)
		return;
	put_place(text, size, place);
	va_start(args, format);
	vsnprintf(text + place_len, size - place_len, format, args);
	va_end(args);
	insert(complaints, (struct complaint){
				   .text = text,
				   .file_len = place_len > 0 ? strlen(place->file) : 0,
				   .line = place_len > 0 ? place->line : 0,
			   });
}

size_t complaint_count(const struct complaints *complaints)
{
	return complaints->count;
}

const char *complaint_text(const struct complaints *complaints, size_t at)
{
	return complaints->all[at].text;
}

size_t complaint_kept(const struct complaints *complaints)
{
	return complaints->kept;
}

void complaint_print(const struct complaints *complaints, FILE *out)
{
	for (size_t i = 0; complaints != NULL && i < complaints->kept; i++)
		fprintf(out, "%s\n", complaints->all[i].text);
}

static unsigned min_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Insertions, deletions, substitutions and swaps of neighbours from `a` to `b` (optimal string
 * alignment, as the rows of a table of which three are needed), letter case apart. */
static unsigned edits(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			const bool same = lower(a[i - 1]) == lower(b[j - 1]);
			row[j] = min_of(last[j - 1] + !same, min_of(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = min_of(row[j], before[j - 2] + 1);
		}
		unsigned *const oldest = before;
		before = last;
		last = row;
		row = oldest;
	}
	return last[b_len];
}

const char *complaint_nearest(const char *word, const char *const known[])
{
	const char *nearest = NULL;
	const size_t word_len = strlen(word);
	unsigned fewest = WORD_MAX;

	if (word_len > WORD_MAX)
		return NULL;
	for (; *known != NULL; known++) {
		const size_t len = strlen(*known);
		const size_t longer = len > word_len ? len : word_len;
		/* A third of the letters may be wrong; of a short word one, but not all. */
		const unsigned near = longer < 6 ? 1 : (unsigned)longer / 3;
		if (len > WORD_MAX)
			continue;
		const unsigned distance = edits(word, word_len, *known, len);
		if (distance <= near && distance < longer && distance < fewest) {
			nearest = *known;
			fewest = distance;
		}
	}
	return nearest;
}

const char *complaint_quote(const char *bytes, size_t len, struct complaint_quote *into)
{
	const size_t shown = len < QUOTED_MAX ? len : QUOTED_MAX;
	char *at = into->text;

	*at++ = '"';
	for (size_t i = 0; i < shown; i++) {
		const unsigned char c = (unsigned char)bytes[i];
		if (c >= 0x20 && c < 0x7f)
			*at++ = (char)c;
		else
			at += snprintf(at, sizeof("\\xHH"), "\\x%02X", c);
	}
	if (shown < len) {
		memcpy(at, "...", 3);
		at += 3;
	}
	*at++ = '"';
	*at = '\0';
	return into->text;
}
