/* app/doctor_reach_check.h: the checks of --reach: whether what was answered can be reached. */
#pragma once

#include "app/doctor_finding.h"

/* The server is the one whose answers were gone by. */
extern const struct doctor_check doctor_reach_check_rows[];
/** The same was tried by the answers of both, so the findings are the same too. */
bool doctor_reach_check_alike(const struct doctor_server *one, const struct doctor_server *other);
