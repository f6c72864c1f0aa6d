/* conf/complaint.h: what is wrong with a configuration, all of it, each with its place. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "conf/conf.h"

struct complaints; /* a list that grows */

/** NULL when memory is short. */
struct complaints *complaint_new(void);
void complaint_free(struct complaints *complaints); /* NULL is fine */
/** Adds "FILE:LINE: ..." (or "..." alone for no place); keeps the first 1,000 and counts on. Says
 * what is wrong and what was expected. Whoever comes later with a line that is higher up in the
 * same file is put before. */
void complaint_add(struct complaints *complaints, const struct conf_place *place,
		   const char *format, ...) PRINTF_LIKE(3, 4);
size_t complaint_count(const struct complaints *complaints);
/** Text of complaint `at`, which must be below complaint_kept(). */
const char *complaint_text(const struct complaints *complaints, size_t at);
size_t complaint_kept(const struct complaints *complaints);
/** A line each. NULL is fine: memory was short, and there are none. */
void complaint_print(const struct complaints *complaints, FILE *out);
/** The entry of `known` (NULL-terminated) nearest to `word` by edits, or NULL when none is near. */
const char *complaint_nearest(const char *word, const char *const known[]);

/* A piece of a configuration as a complaint shows it: one line, not too long. */
struct complaint_quote {
	char text[224];
};
/** In quotes, with what is not printable ASCII as \xHH, cut after 48 bytes. Returns into->text. */
const char *complaint_quote(const char *bytes, size_t len, struct complaint_quote *into);
