#include "upstream/latency.h"

#include "base/clock.h"

/* An answer's weight in its step; all are halved at HALVE_AT, so that about the last 64 count. */
#define WEIGHT 16u
#define HALVE_AT (WEIGHT * 64u)
#define KNOWN_AT (WEIGHT * 4u)
#define STEP_UNIT_US 64u

#define FADE_US (60u * USEC_PER_SEC)
#define FADINGS 31u /* after which nothing is left of it */
#define FORGET_US (1800u * USEC_PER_SEC)
/* A reply is soon after a send up to this, however quick the server is otherwise. */
#define SOON_US (20u * USEC_PER_MSEC)
#define LONGEST_US (8u * USEC_PER_SEC)
/* What silence counts for where nothing is known; what it adds at least and at most where there
 * is. */
#define SILENT_US (1u * USEC_PER_SEC)
#define SILENT_LEAST_US (5u * USEC_PER_MSEC)
#define SILENT_MAX_US (2u * USEC_PER_SEC)

#define LOST_ONE 65536u
#define LOST_GAIN 16u /* one loss makes it a sixteenth: two of a few make a server lossy */
#define LOSSY_AT (LOST_ONE / 12u)

static unsigned step_of(uint32_t us)
{
	const uint32_t units = us / STEP_UNIT_US;

	if (units < 4)
		return units;
	/* so that 4 to 7 are left of it */
	const unsigned octave = 29u - (unsigned)__builtin_clz(units);
	const unsigned step = octave * 4 + (units >> octave);
	return step < LATENCY_STEPS ? step : LATENCY_STEPS - 1;
}

/* The first that is beyond the step. */
static uint32_t step_end_us(unsigned step)
{
	if (step < 4)
		return (step + 1) * STEP_UNIT_US;
	return (step % 4 + 5) * STEP_UNIT_US << (step / 4 - 1);
}

static void halve(struct latency *latency)
{
	latency->total = latency->beyond = 0;
	for (unsigned i = 0; i < LATENCY_STEPS; i++) {
		latency->steps[i] /= 2;
		latency->total += latency->steps[i];
		if (i > latency->p95)
			latency->beyond += latency->steps[i];
	}
}

/* One answer moves it by few steps, so that nobody has to look at all of them. */
static void follow_p95(struct latency *latency)
{
	const uint32_t most = latency->total / 20;

	while (latency->beyond > most)
		latency->beyond -= latency->steps[++latency->p95];
	while (latency->beyond + latency->steps[latency->p95] <= most)
		latency->beyond += latency->steps[latency->p95--];
}

static void count(struct latency *latency, uint32_t us)
{
	const unsigned step = step_of(us);

	latency->steps[step] += (uint16_t)WEIGHT;
	latency->total += WEIGHT;
	latency->beyond += step > latency->p95 ? WEIGHT : 0;
	if (latency->total >= HALVE_AT)
		halve(latency);
	follow_p95(latency);
}

static void smooth(struct latency *latency, uint64_t now_us, uint32_t us)
{
	const uint32_t sample = us > 0 ? us : 1;
	const bool is_old = now_us - latency->measured_us >= FADE_US;

	if (latency->smoothed_us == 0 || is_old)
		latency->smoothed_us = sample;
	else
		latency->smoothed_us = (latency->smoothed_us * 7u + sample + 7u) / 8u;
	latency->silent_us = 0;
	latency->measured_us = now_us;
}

/* What a quarter of the answers take at most: its own speed, even while loss makes most of what is
 * counted late. Resends are rare: all steps may be looked at. */
static uint32_t quartile_us(const struct latency *latency)
{
	uint32_t within = 0;
	unsigned step = 0;

	while (4 * (within += latency->steps[step]) < latency->total)
		step++;
	return step_end_us(step);
}

/* The last send is answered within twice the server's own time, and when it left, the first had
 * been out for longer than that. */
static bool answers_a_resend(const struct latency *latency, uint32_t since_first_us,
			     uint32_t since_last_us)
{
	const uint32_t quick_us = 2 * quartile_us(latency);
	const uint32_t soon_us = quick_us > SOON_US ? quick_us : SOON_US;

	return since_last_us <= soon_us && since_first_us - since_last_us >= soon_us;
}

/* Another day, another network: what was learned then would only mislead. */
static void forget_old(struct latency *latency, uint64_t now_us)
{
	if (latency->measured_us != 0 && now_us - latency->measured_us >= FORGET_US)
		*latency = (struct latency){ 0 };
}

static void note_loss(struct latency *latency, bool was_lost)
{
	latency->lost -= latency->lost / LOST_GAIN;
	if (was_lost)
		latency->lost += LOST_ONE / LOST_GAIN;
}

void latency_add(struct latency *latency, uint64_t now_us, uint32_t since_first_us,
		 uint32_t since_last_us, unsigned sends)
{
	forget_old(latency, now_us);
	const bool was_lost = sends > 1 && latency_p95_us(latency) != 0 &&
			      answers_a_resend(latency, since_first_us, since_last_us);
	const uint32_t so_long_us = was_lost ? since_last_us : since_first_us;
	const uint32_t took_us = so_long_us < LONGEST_US ? so_long_us : LONGEST_US;

	note_loss(latency, was_lost);
	smooth(latency, now_us, took_us);
	/* which send it was is not to be told while the server's own speed is unknown */
	if (sends <= 1 || latency_p95_us(latency) != 0)
		count(latency, took_us);
}

void latency_add_silence(struct latency *latency, uint64_t now_us)
{
	forget_old(latency, now_us);
	if (latency->smoothed_us == 0)
		latency->silent_us = SILENT_US;
	else if (latency->silent_us < SILENT_MAX_US)
		latency->silent_us += latency->smoothed_us / 4 + SILENT_LEAST_US;
	latency->measured_us = now_us;
}

uint32_t latency_measured_us(const struct latency *latency)
{
	return latency->smoothed_us;
}

uint32_t latency_smoothed_us(const struct latency *latency, uint64_t now_us)
{
	const uint32_t known_us = latency->smoothed_us + latency->silent_us;
	const uint64_t idle_us = now_us - latency->measured_us;

	if (known_us == 0)
		return 0;
	if (idle_us >= FADINGS * FADE_US)
		return 1;
	const uint32_t whole = known_us >> (uint32_t)idle_us / FADE_US;
	const uint64_t fading = (uint64_t)(whole / 2) * ((uint32_t)idle_us % FADE_US);
	const uint32_t faded = whole - (uint32_t)(fading / FADE_US);
	return faded > 0 ? faded : 1;
}

uint32_t latency_p95_us(const struct latency *latency)
{
	return latency->total < KNOWN_AT ? 0 : step_end_us(latency->p95);
}

bool latency_is_lossy(const struct latency *latency)
{
	return latency->lost >= LOSSY_AT;
}
