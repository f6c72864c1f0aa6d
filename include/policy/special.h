/* policy/special.h: names that mean something without any zone, so that no question for them needs
 * to leave the house (RFC 6303, 6761, 6762, 7686, 7793, 8375, 9462, 9476).
 *
 * Class IN, but for the CHAOS names that ask about the server itself. ipv4only.arpa is not among
 * them: its answer is the network's (RFC 8880). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "rr/synth.h"
#include "wire/query_view.h"

/* TTL of what is answered for special names, and of its SOA: their meaning never changes, but a
 * zone that an admin puts over them should be seen within minutes. */
#define SPECIAL_TTL 300u

struct special; /* compiled, immutable */

/** NULL when memory is short. */
struct special *special_new(void);
void special_free(struct special *special); /* NULL is fine */

struct special_match {
	enum zone_action action;	     /* answer, nxdomain or nodata */
	const struct synth_records *records; /* of an answer */
	const uint8_t *apex;		     /* in the name that was looked up */
	const char *why;		     /* "RFC 6761 section 6.3" */
};

/** `name` is view->name in lower case. */
bool special_find(const struct special *special, const struct query_view *view, const uint8_t *name,
		  struct special_match *ret_match);

/** version.bind and its like in class CH, which are refused whatever the configuration says.
 * `name` is view->name in lower case. */
bool special_is_private(const struct query_view *view, const uint8_t *name);
