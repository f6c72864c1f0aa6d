/* app/explain_view.h: what was found out about a name, and what its printers make of it. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/json.h"
#include "query/look.h"

struct explain {
	FILE *out;
	struct json *json; /* NULL: for people, to `out` */
	const struct plan *plan;
	const char *file;	 /* NULL: the built-in default */
	const char *why_offline; /* NULL: as the daemon has it */
	const char *other_file;	 /* that the daemon does not read, and was expected to; or NULL */
	const struct clock *clock;
	struct worker *worker; /* NULL: there is none */
	uint16_t type;
	struct addr client;
	struct look look;
	uint8_t name[NAME_MAX_LEN], query[NAME_MAX_LEN + 64];
};

/** What says whether the client may ask; NULL: nothing does, so it is refused. */
const struct conf_access *explain_view_access(const struct explain *explain);
/** The name as the rule writes it, of a decision by a rule. */
const struct conf_name *explain_view_rule_name(const struct decision *decision);
/** NULL for CONF_GROUP_NONE. */
const struct conf_group *explain_view_group(const struct explain *explain, int group);
/** The family that the name is one of; NULL for none. */
const struct conf_courier *explain_view_family(const struct explain *explain);
/** The cache keeps its answers. */
bool explain_view_is_kept(const struct explain *explain);
/** How long ago the last exchange was. */
uint64_t explain_view_ago_us(const struct explain *explain);
