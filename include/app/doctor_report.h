/* app/doctor_report.h: what the doctor found, for people or for machines
 * (contrib/doctor.schema.json says how that looks). */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "app/doctor_run.h"

/** True where no check failed, of the servers tested or of what was reached; those of the reference
 * do not count. */
bool doctor_report_text(const struct doctor_run *run, FILE *out);
bool doctor_report_json(const struct doctor_run *run, FILE *out);
