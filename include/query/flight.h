/* query/flight.h: the questions in flight, by what they ask: who leads, who follows. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct flight;
struct request;

/** For at most `max_requests` leaders at once. NULL when memory is short. */
struct flight *flight_new(uint32_t max_requests);
/** For at least so many: it is another one from here on. False when memory is short, and then it is
 * not. */
bool flight_reserve(struct flight **flight, uint32_t max_requests);
void flight_free(struct flight *flight); /* NULL is fine; must be empty */

/** The leader that asks the same question by the same route, or NULL: then `request` leads from now
 * on. With a leader, `request` has been put behind it. What is not shared is the same only with the
 * same options, or where it is opaque with the same bytes, and two of those lead before one
 * follows. */
struct request *flight_join(struct flight *flight, struct request *request);
/** Takes a leader out of the table or a follower from its leader; fine for neither. A leader's
 * followers stay with it. */
void flight_leave(struct request *request);
/** Takes the first follower off a leader; NULL when there is none. */
struct request *flight_next_follower(struct request *leader);
