/* app/sources.h: the files that groups take their servers from, and what they named last.
 *
 * A file that is missing, empty, or names nobody but ourselves takes no server away: what it named
 * last stays, for the network may just be down, and whoever brings it up writes the file anew. */
#pragma once

#include <stdbool.h>

#include "conf/conf.h"

struct sources;

struct sources *sources_new(void);	    /* NULL when memory is short */
void sources_free(struct sources *sources); /* NULL is fine */

/** Reads each file that a group of `conf` names, and gives its groups the servers. Logs what is
 * new: a group that has other servers than at the last call, a file that names none. Files that no
 * group names are forgotten. `ret_has_changed`: a group of `conf` has other servers than it had.
 * -ENOMEM. */
MUST_CHECK int sources_read(struct sources *sources, struct conf *conf, bool *ret_has_changed);
