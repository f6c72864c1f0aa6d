#include "base/histogram.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

static unsigned step_of(uint64_t us)
{
	const uint64_t beyond_ms = us > 0 ? (us - 1) / USEC_PER_MSEC : 0;

	if (beyond_ms == 0)
		return 0;
	const unsigned step = 64u - (unsigned)__builtin_clzll(beyond_ms);
	return step < HISTOGRAM_STEPS ? step : HISTOGRAM_STEPS - 1;
}

void histogram_add(struct histogram *histogram, uint64_t us)
{
	histogram->counts[step_of(us)]++;
	histogram->sum_us += us;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
	for (unsigned i = 0; i < HISTOGRAM_STEPS; i++)
		histogram->counts[i] += other->counts[i];
	histogram->sum_us += other->sum_us;
}

uint64_t histogram_total(const struct histogram *histogram)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < HISTOGRAM_STEPS; i++)
		total += histogram->counts[i];
	return total;
}

/* Of the steps, in seconds. */
static const char ends[][6] = { "0.001", "0.002", "0.004", "0.008", "0.016", "0.032", "0.064",
				"0.128", "0.256", "0.512", "1.024", "2.048", "4.096", "+Inf" };
_Static_assert(sizeof(ends) / sizeof(ends[0]) == HISTOGRAM_STEPS, "an end for each");

void histogram_report(const struct histogram *histogram, const char *name, const char *labels,
		      histogram_line_fn line, void *ctx)
{
	const char *comma = labels[0] == '\0' ? "" : ",";
	const char *open = labels[0] == '\0' ? "" : "{", *close = labels[0] == '\0' ? "" : "}";
	uint64_t total = 0;
	char text[512];

	for (unsigned i = 0; i < HISTOGRAM_STEPS; i++) {
		total += histogram->counts[i];
		(void)snprintf(text, sizeof(text), "%s_bucket{%s%sle=\"%s\"} %" PRIu64, name,
			       labels, comma, ends[i], total);
		line(ctx, text);
	}
	(void)snprintf(text, sizeof(text), "%s_sum%s%s%s %" PRIu64 ".%06" PRIu64, name, open,
		       labels, close, histogram->sum_us / USEC_PER_SEC,
		       histogram->sum_us % USEC_PER_SEC);
	line(ctx, text);
	(void)snprintf(text, sizeof(text), "%s_count%s%s%s %" PRIu64, name, open, labels, close,
		       total);
	line(ctx, text);
}
