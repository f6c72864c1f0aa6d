/* app/doctor.h: `courierdns doctor`: whether the way to Apple's couriers is as it should be. */
#pragma once

#include "app/command.h"

/* How it ends, which is not as other commands do. */
enum doctor_end {
	DOCTOR_END_HEALTHY = 0,
	DOCTOR_END_FAILED = 1,	 /* a check did, or a server was silent */
	DOCTOR_END_UNTESTED = 2, /* arguments, no server known, nothing could be sent */
};

/** Prints to stdout; an enum doctor_end. */
int doctor_main(const struct command_line *line);
