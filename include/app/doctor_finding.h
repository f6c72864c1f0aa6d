/* app/doctor_finding.h: what a check looks at, what it has found, and the words for it. */
#pragma once

#include <stdbool.h>

#include "app/doctor_ask.h"
#include "policy/squash.h"

enum doctor_result { DOCTOR_OK, DOCTOR_FAIL, DOCTOR_WARN, DOCTOR_INFO };
const char *doctor_finding_result_text(enum doctor_result result); /* "ok", "FAIL" */

struct doctor_finding {
	enum doctor_result result;
	char seen[640];
	enum squash shape;	  /* of what failed; SQUASH_NONE where it has none of these */
	const char *means, *next; /* static texts; NULL where there is nothing to say */
	const char *options;	  /* of a dnsmasq, which may be why; NULL where none is known */
	char where[256]; /* what the reference tells of whose doing it is; "" for nothing */
};

struct doctor_run;
struct doctor_server;
/* What a check looks at. */
struct doctor_view {
	const struct doctor_run *run;
	const struct doctor_server *server;
};

/* A row. `judge` finds an empty finding with result DOCTOR_OK. */
struct doctor_check {
	const char *name;
	void (*judge)(const struct doctor_view *view, struct doctor_finding *finding);
};

/** Adds to what was seen, as far as there is room. */
void doctor_finding_say(struct doctor_finding *finding, const char *format, ...) PRINTF_LIKE(2, 3);
/** A reply, or the want of one, in words. */
void doctor_finding_describe(struct doctor_finding *finding, const struct doctor_ask *ask);

/** Fails it with the advice for this shape. */
void doctor_finding_fail(struct doctor_finding *finding, enum squash shape);
/** The same for a name that is no alias: a shape of doctor_finding_shape_of(). */
void doctor_finding_fail_name(struct doctor_finding *finding, enum squash shape);
/** Unless it has failed. */
void doctor_finding_warn(struct doctor_finding *finding, const char *means, const char *next);

/** The shape of what should be NOERROR, for names that are no alias. SQUASH_NO_CNAME stands for no
 * data where some is wanted. */
enum squash doctor_finding_shape_of(const struct doctor_ask *ask, bool wants_data);
