/* upstream/latency.h: how long a server takes, and whether packets are lost on the way to it.
 *
 * Integers of a fixed size. A server that resolves has two speeds, what it knows and what it must
 * look up, so that a mean says little: when to ask elsewhere is told by the p95 of its last some
 * sixty answers. What was measured long ago fades. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Four steps to the octave from 64 us to 8 s. */
#define LATENCY_STEPS 64u

/* Zeroed is: nothing known. */
struct latency {
	uint64_t measured_us; /* when last */
	uint32_t smoothed_us; /* of answers; 0: unknown */
	uint32_t silent_us;   /* what silence has added to that since the last one */
	uint32_t lost;	      /* the share of questions whose first packet was lost, in 1/65536 */
	uint32_t total;	      /* of all steps */
	uint32_t beyond;      /* of those beyond the p95's */
	uint8_t p95;	      /* its step: the last with a twentieth of all in it or beyond */
	uint16_t steps[LATENCY_STEPS];
};

/** A reply came so long after the first and after the last of so many sends, less than an hour.
 * Which of them it answers is not known; one that comes soon after the last, when the first had
 * been out for much longer than this server takes, answers the last: the first was lost. */
void latency_add(struct latency *latency, uint64_t now_us, uint32_t since_first_us,
		 uint32_t since_last_us, unsigned sends);
/** Nothing came: until something does it looks slower than it was. */
void latency_add_silence(struct latency *latency, uint64_t now_us);

/** Of answers alone, however old; 0 while there is none. */
uint32_t latency_measured_us(const struct latency *latency);
/** 0 while unknown, else at least 1. Halves for every minute without an answer, so that one that
 * was slow is worth another try. */
uint32_t latency_smoothed_us(const struct latency *latency, uint64_t now_us);
/** 0 while fewer than four answers are known. */
uint32_t latency_p95_us(const struct latency *latency);
/** About every twelfth packet or more is lost. */
bool latency_is_lossy(const struct latency *latency);
