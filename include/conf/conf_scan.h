/* conf/conf_scan.h: a look over the shape of configuration text before libconfig parses it.
 *
 * libconfig says "syntax error" and no more, stops at the first, leaks the string that it stumbles
 * over, looks through a whole group for each name added to it, and gives the line of what follows a
 * string in a list for that of the string. So names, signs and brackets are checked here, in better
 * words; what libconfig can still find is a mixture of types in an array. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "conf/complaint.h"
#include "conf/conf_text.h"

#define CONF_SCAN_MAX_DEPTH 32u	  /* of brackets; the settings need 4 */
#define CONF_SCAN_MAX_NAMES 4096u /* settings in one group */

struct conf_scan {
	uint32_t *lines; /* of every string that stands in a list or array, in order */
	size_t line_count;
};

/** ERR_CONF where complaints were added; -ENOMEM. */
MUST_CHECK int conf_scan(const struct conf_text *text, struct complaints *complaints,
			 struct conf_scan *ret_scan);
void conf_scan_done(struct conf_scan *scan);
