/* query/gate.h: how many may be upstream at the same time: four of one name, a share of all of one
 * zone.
 *
 * Four questions for one name, type and class are no better a target for forged answers than one,
 * whatever clients can make differ between them (flags, options, transport); further ones wait in
 * line. A zone is the last two labels of a name; of one whose servers are dead, a flood of random
 * names may hold no more than a quarter of limits.inflight. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct gate;
struct request;

#define GATE_PER_NAME 4u
/* A zone may always have so many, however small limits.inflight is. */
#define GATE_PER_ZONE_LEAST 16u

/** For at most `max_requests` at once, inside and in line. NULL when memory is short. */
struct gate *gate_new(uint32_t max_requests);
/** For at least so many. False when memory is short. */
bool gate_reserve(struct gate *gate, uint32_t max_requests);
/** Of so many, for which there is room, one zone may have its part from here on. */
void gate_set_limit(struct gate *gate, uint32_t max_requests);
void gate_free(struct gate *gate); /* NULL is fine; must be empty */

enum gate_pass {
	GATE_OPEN, /* it may ask */
	GATE_WAIT, /* in line: a gate_leave() will return it */
	GATE_FULL, /* its zone has its share; it is not in line */
};
enum gate_pass gate_enter(struct gate *gate, struct request *request);
/** Takes it out, from inside or from the line; fine for neither. Returns the one who may ask now in
 * its place, or NULL. */
struct request *gate_leave(struct gate *gate, struct request *request);

/** The last two labels of a name. Points into it. */
const uint8_t *gate_zone(const uint8_t *name);
/** Most of one zone. */
uint32_t gate_per_zone(const struct gate *gate);
