/* app/doctor_reach_check.h: the checks of --reach: whether what was answered can be reached. */
#pragma once

#include "app/doctor_check.h"

/** NULL behind the last one. The view's server is the one whose answers were gone by. */
const struct doctor_check *doctor_reach_check_at(size_t at);
/** The same was tried by the answers of both, so the findings are the same too. */
bool doctor_reach_check_alike(const struct doctor_server *one, const struct doctor_server *other);
