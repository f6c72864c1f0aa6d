/* app/doctor_finding.h: what a check looks at, what it has found, and the words for it. */
#pragma once

#include "app/doctor_ask.h"
#include "policy/squash.h"

enum doctor_result { DOCTOR_OK, DOCTOR_FAIL, DOCTOR_WARN, DOCTOR_INFO };

struct doctor_check;
struct doctor_run;
struct doctor_server;
struct doctor_finding {
	const struct doctor_check *check;
	const struct doctor_run *run;
	const struct doctor_server *server;
	const struct doctor_ask *ask; /* of the check's slot */
	/* --- what was found */
	enum doctor_result result;
	enum squash shape;	  /* of what failed; SQUASH_NONE where it has none of these */
	const char *means, *next; /* static texts; NULL where there is nothing to say */
	const char *options;	  /* of a dnsmasq, which may be why; NULL where none is known */
	char seen[640];
	char where[256]; /* what the reference tells of whose doing it is; "" for nothing */
};

/* A row. */
struct doctor_check {
	const char *name; /* NULL behind the last one */
	/* Finds result DOCTOR_OK, and the rest empty but for what is said of `slot`. */
	void (*judge)(struct doctor_finding *finding);
	size_t slot;
	const char *of; /* how its reply is described beforehand; NULL: it is not */
};

/** Has the check judge, by itself. */
void doctor_finding_make(struct doctor_finding *ret_finding, const struct doctor_check *check,
			 const struct doctor_run *run, const struct doctor_server *server);

/** Adds to what was seen, as far as there is room. */
void doctor_finding_say(struct doctor_finding *finding, const char *format, ...) PRINTF_LIKE(2, 3);
/** A reply, or the want of one, in words: behind "OF: ", set off from what was seen before; or
 * alone where `of` is "". */
void doctor_finding_describe(struct doctor_finding *finding, const char *of,
			     const struct doctor_ask *ask);

/** What it comes to. */
void doctor_finding_set(struct doctor_finding *finding, enum doctor_result result,
			const char *means, const char *next);
/** Fails it with the advice for this shape; SQUASH_NONE is no address where one is wanted. */
void doctor_finding_fail(struct doctor_finding *finding, enum squash shape);
