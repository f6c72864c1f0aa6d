/* fixture.h: loading a configuration in one line of a test. */
#pragma once

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_load.h"

struct said {
	int err;
	size_t count;
	char text[16384]; /* the complaints, a line each */
};

static inline void note_complaints(struct said *said, const struct complaints *complaints)
{
	size_t len = 0;

	said->count = complaint_count(complaints);
	said->text[0] = '\0';
	for (size_t i = 0; i < complaint_kept(complaints) && len < sizeof(said->text); i++)
		len += (size_t)snprintf(said->text + len, sizeof(said->text) - len, "%s%s",
					i > 0 ? "\n" : "", complaint_text(complaints, i));
}

/* Loads `text`, or with NULL the file `name`; NULL where there are complaints. What comes back is
 * owned by the caller; `said` has the rest. */
static inline struct conf *load_saying(const char *text, const char *name, struct said *said)
{
	struct complaints *complaints = complaint_new();
	struct conf *conf = NULL;

	memset(said, 0, sizeof(*said));
	if (complaints == NULL) {
		said->err = -ENOMEM;
		return NULL;
	}
	said->err = text != NULL ? conf_load_text(text, name, complaints, &conf)
				 : conf_load(name, complaints, &conf);
	note_complaints(said, complaints);
	complaint_free(complaints);
	if (said->err == 0)
		return conf;
	conf_free(conf);
	return NULL;
}

/* A conf that lives until the test ends; the test fails where it does not load. */
static inline struct conf *load(const char *text)
{
	struct said *said = unit_zalloc(sizeof(*said));
	struct conf *conf = unit_own(load_saying(text, "test.conf", said), conf_free);

	if (conf == NULL)
		print_message("%s\n", said->text);
	assert_int_equal(said->err, 0);
	assert_non_null(conf);
	return conf;
}

/* Asserts that the text does not load, and returns what was said. */
static inline const char *complaints_of(const char *text)
{
	struct said *said = unit_zalloc(sizeof(*said));
	struct conf *conf = unit_own(load_saying(text, "test.conf", said), conf_free);

	assert_null(conf);
	assert_int_equal(said->err, ERR_CONF);
	return said->text;
}

/* What `config` shows of it; lives until the test ends. */
static inline const char *print(const struct conf *conf)
{
	char *text = NULL;
	size_t len = 0;

	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	conf_load_print(conf, out);
	fclose(out);
	return unit_own(text, free);
}
