/* app/doctor_check.h: the checks of a server, one function and one row each: what was seen, what it
 * means, what to do next. */
#pragma once

#include "app/doctor_finding.h"

/* Of a server that answered nothing the first tells all. */
extern const struct doctor_check doctor_check_rows[];

/** The finding of one of these, with whose doing it is. */
void doctor_check_judge(struct doctor_finding *ret_finding, const struct doctor_check *check,
			const struct doctor_run *run, const struct doctor_server *server);
