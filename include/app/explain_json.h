/* app/explain_json.h: what was found out about a name, for programs: contrib/explain.schema.json
 * says how that looks. */
#pragma once

#include "app/explain_view.h"

void explain_json(const struct explain *explain);
