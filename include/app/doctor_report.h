/* app/doctor_report.h: what the doctor found, for people or for machines
 * (contrib/doctor.schema.json says how that looks). */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "app/doctor_run.h"

/* A check failed, of the servers tested or of what was reached; those of the reference do not
 * count. */
enum doctor_health { DOCTOR_HEALTHY, DOCTOR_UNHEALTHY };

enum doctor_health doctor_report_text(const struct doctor_run *run, FILE *out);
enum doctor_health doctor_report_json(const struct doctor_run *run, FILE *out);
