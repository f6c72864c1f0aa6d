#include "score.h"

#include <stdio.h>
#include <time.h>

#define STEPS 16u /* buckets from one power of two to the next */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t score_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t score_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static unsigned bucket_of(uint64_t ns)
{
	if (ns < STEPS)
		return (unsigned)ns;
	const unsigned power = 63u - (unsigned)__builtin_clzll(ns);

	return (power - 3) * STEPS + (unsigned)(ns >> (power - 4) & (STEPS - 1));
}

static double middle_of(unsigned bucket)
{
	if (bucket < STEPS)
		return bucket;
	return ((double)(STEPS + bucket % STEPS) + 0.5) * (double)(1ull << (bucket / STEPS - 1));
}

void score_reply(struct score *score, bool is_right, bool is_in_time, uint64_t delay_ns)
{
	*(is_right ? &score->right : &score->wrong) += 1;
	if (!is_in_time)
		return;
	score->in_time++;
	score->delays[bucket_of(delay_ns)]++;
}

/* The time, in us, within which `share` of the replies came; 0 where none came. */
static double within_us(const struct score *score, double share)
{
	uint64_t left = (uint64_t)(share * (double)score->in_time) + 1;

	for (unsigned at = 0; at < SCORE_BUCKETS; at++) {
		if (score->delays[at] >= left)
			return middle_of(at) / 1000;
		left -= score->delays[at];
	}
	return 0;
}

void score_print(const struct score *score)
{
	const double seconds = (double)score->ns / 1e9;

	printf("{\"asked\": %llu, \"right\": %llu, \"wrong\": %llu, \"lost\": %llu",
	       (unsigned long long)score->asked, (unsigned long long)score->right,
	       (unsigned long long)score->wrong, (unsigned long long)score->lost);
	printf(", \"seconds\": %.6f, \"cpu\": %.6f, \"rate\": %.1f", seconds,
	       (double)score->cpu_ns / 1e9, seconds > 0 ? (double)score->in_time / seconds : 0);
	printf(", \"p50_us\": %.1f, \"p99_us\": %.1f, \"late_us\": %.1f}", within_us(score, 0.5),
	       within_us(score, 0.99), (double)score->late_ns / 1000);
}
