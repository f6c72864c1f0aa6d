/* app/doctor_compare.h: a server beside the reference: rcode and shape, never TTLs, order or
 * region. */
#pragma once

#include "app/doctor_finding.h"

/* The row "reference", for servers other than the reference itself. */
extern const struct doctor_check doctor_compare_check;
