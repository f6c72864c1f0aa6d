/* app/doctor_advice.h: what a shape of failure means, and what to do about it. */
#pragma once

#include "policy/squash.h"

struct doctor_advice {
	const char *means, *next;
};

const struct doctor_advice *doctor_advice_for(enum squash shape); /* NONE: no address */
