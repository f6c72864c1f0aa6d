/* app/doctor_check.h: the checks of a server, one function and one row each: what was seen, what it
 * means, what to do next. */
#pragma once

#include <stddef.h>

#include "app/doctor_finding.h"

/** NULL behind the last one. Of a server that answered nothing the first tells all. */
const struct doctor_check *doctor_check_at(size_t at);
/** Fills in all of ret_finding. */
void doctor_check_judge(const struct doctor_check *check, const struct doctor_view *view,
			struct doctor_finding *ret_finding);
