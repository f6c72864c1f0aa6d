/* conf/conf_text.h: the text of a configuration, read whole, with its includes put in their place.
 *
 * libconfig never opens a file: its scanner ends the process when it is given a directory to read,
 * and looks for included files in the working directory. Here a file name in @include counts from
 * the file that includes it, and every byte has been looked at before libconfig gets it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "conf/complaint.h"
#include "conf/conf.h"

#define CONF_TEXT_MAX_BYTES (64u << 20) /* all files together */
#define CONF_TEXT_MAX_DEPTH 10u		/* of includes */

struct conf_text; /* lines end in LF; neither NUL nor @include in it */

/** Reads a regular file and what it includes. ERR_CONF where complaints were added; -ENOMEM. */
MUST_CHECK int conf_text_read(const char *path, struct complaints *complaints,
			      struct conf_text **ret_text);
/** The same from a text in hand; `name` stands for the file, and @include is complained of. */
MUST_CHECK int conf_text_from(const char *bytes, const char *name, struct complaints *complaints,
			      struct conf_text **ret_text);
void conf_text_free(struct conf_text *text); /* NULL is fine */

/** All of it, terminated. */
const char *conf_text_bytes(const struct conf_text *text);
size_t conf_text_len(const struct conf_text *text);
/** Where line `line` of conf_text_bytes() came from; its name lives as long as `text`, or as
 * the conf that it is given to. */
void conf_text_place(const struct conf_text *text, uint32_t line, struct conf_place *ret_place);
/** Hands the names in all places made so far to the conf; none can be made afterwards. */
void conf_text_give_files(struct conf_text *text, struct conf *conf);
