/* score.h: what came of a load: how many, how soon. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SCORE_BUCKETS 1024u

struct score {
	uint64_t asked, right, wrong, lost;
	uint64_t in_time;    /* of those that came, while it was measured */
	uint64_t ns, cpu_ns; /* measured; and this program's processor time meanwhile */
	uint64_t late_ns;    /* by rate: the worst that a question went out after its time */
	uint64_t delays[SCORE_BUCKETS]; /* how many replies took so long */
};

/** CLOCK_MONOTONIC. */
uint64_t score_now_ns(void);
/** Processor time of this program. */
uint64_t score_cpu_ns(void);
void score_reply(struct score *score, bool is_right, bool is_in_time, uint64_t delay_ns);
/** As JSON, on stdout. */
void score_print(const struct score *score);
