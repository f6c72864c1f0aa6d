/* base/histogram.h: how long things took, in steps that double from 1 ms. */
#pragma once

#include <stdint.h>

/* Up to 1, 2, 4 ... 4,096 ms, and longer than that. */
#define HISTOGRAM_STEPS 14u

/* Zeroed is: nothing yet. */
struct histogram {
	uint64_t counts[HISTOGRAM_STEPS];
	uint64_t sum_us;
};

void histogram_add(struct histogram *histogram, uint64_t us);
/** What the other one has comes on top. */
void histogram_merge(struct histogram *histogram, const struct histogram *other);
uint64_t histogram_total(const struct histogram *histogram);

/* A line of text, good until the call returns. */
typedef void (*histogram_line_fn)(void *ctx, const char *text);
/** NAME_bucket{LABELS,le="0.001"} 2 and so on to "+Inf", each with those before it, then
 * NAME_sum{LABELS} in seconds and NAME_count{LABELS}. The labels may be "". */
void histogram_report(const struct histogram *histogram, const char *name, const char *labels,
		      histogram_line_fn line, void *ctx);
