/* app/explain_print.h: what was found out about a name, for people. */
#pragma once

#include "app/explain_view.h"

void explain_print(const struct explain *explain);
