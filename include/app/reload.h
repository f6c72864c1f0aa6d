/* app/reload.h: the configuration, read anew while the program runs.
 *
 * It is read and built aside, and put in place of the one before in one step, or not at all: of one
 * that is wrong nothing is used, and the old one stays. All in the main thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/crew.h"
#include "app/settings.h"
#include "app/sources.h"

struct reload;

struct reload_events {
	void (*on_begin)(void *ctx);		 /* before anything is read */
	void (*on_end)(void *ctx, bool is_done); /* what is used by now is in use everywhere */
	void *ctx;
};

/** All are borrowed. NULL when memory is short. */
struct reload *reload_new(const struct settings *settings, struct crew *crew,
			  struct sources *sources, const struct reload_events *events);
void reload_free(struct reload *reload); /* NULL is fine */

/** Reads and builds what the program is to start with. ERR_CONF and ERR_LIMIT, with complaints;
 * -ENOMEM. */
MUST_CHECK int reload_first(struct reload *reload, struct complaints *complaints,
			    struct plan **ret_plan);
void reload_log_complaints(const struct complaints *complaints);
/** Where the crew has a plan: reads it all again and puts it in use, which the log tells; so it
 * does what is wrong where something is, and then false. */
bool reload_again(struct reload *reload);
/** The program is finishing: each one from here on is refused (-ECANCELED), for it would open again
 * what has been closed. */
void reload_end(struct reload *reload);

/* Each time since the start, which is none itself. */
struct reload_report {
	uint64_t done, failed;
	uint64_t last_us;	    /* when the last one ended, on the first loop's clock */
	uint64_t in_use_since_us;   /* the configuration that is in use */
	bool has_failed;	    /* the last one */
	const char *const *reasons; /* of the last one that failed, NULL behind the last line */
};
/** The reasons are good until the next reload. */
void reload_report(const struct reload *reload, struct reload_report *ret_report);
