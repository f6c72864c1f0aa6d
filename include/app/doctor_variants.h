/* app/doctor_variants.h: the checks of the numbered names, which devices really connect to. */
#pragma once

#include "app/doctor_finding.h"

void doctor_variants_judge_a(struct doctor_finding *finding);
/** No data is right there: the alias, and a SOA. */
void doctor_variants_judge_https(struct doctor_finding *finding);
