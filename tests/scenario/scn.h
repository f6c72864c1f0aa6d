/* scn.h: reading a scenario: verbs with their words, and the lines indented below them.
 *
 * A verb starts in the first column; `#` where a word could start begins a comment. `each LOW..HIGH
 * VERB ...` stands for the verb once for every number, which takes the place of {n}; with no verb
 * it does so for all lines up to `end`. Words with commas between them do for numbers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct scn_line {
	int number;
	char *text; /* without indentation and comment */
};

struct scn_step {
	struct scn_line head; /* the words behind the verb */
	char *verb;
	struct scn_line *more; /* what is indented below */
	size_t more_count;
};

struct scn {
	struct scn_step *steps;
	size_t count;
};

/** Fails with report_fail() where the file cannot be read or understood. */
struct scn *scn_load(const char *path);
void scn_free(struct scn *scn);

#define SCN_WORDS_MAX 64
struct scn_words {
	char *at[SCN_WORDS_MAX];
	size_t count;
	char *copy;
};
/** Words are separated by blanks; a part in double quotes holds together, quotes included. */
struct scn_words scn_split(const char *text);
void scn_words_free(struct scn_words *words);
