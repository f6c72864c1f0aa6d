/* query/fill.h: answers of zones that name nft sets, held back until their addresses are in there.
 *
 * Whoever has such an answer may go through the firewall at once. Of an answer that counts what its
 * client is told: addresses of the asked name, at the end of its CNAMEs, with the TTL that is
 * shown. Nobody waits longer than FILL_WAIT_US, whatever the kernel does. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct request;
struct worker;

#define FILL_WAIT_US (50u * USEC_PER_MSEC)

struct fill; /* a worker's; NULL while no zone has named a set */
/** The worker has a plan, or another one; the first worker's is followed first. -errno of the
 * system; -ENOMEM. */
MUST_CHECK RARELY int fill_follow(struct worker *worker);
/** What is held back is not sent any more. */
RARELY void fill_free(struct worker *worker);

/** True where it takes care of the answer, which is for the request's client and is what that shall
 * have; or which has no client (any more), and then there is nothing else to be done for it. */
bool fill_take(const struct request *request, const uint8_t *wire, size_t wire_len);
/** What is kept of an answer must come by here each time. */
bool fill_wants(const struct request *request);
/** Answers that are held back. */
uint32_t fill_waiting(const struct worker *worker);

typedef void (*fill_line_fn)(void *ctx, const char *text);
/** Lines for each set, in the words of metrics:
 * courierdns_nftset_additions_total{set="inet#fw4#apple"} 306 */
void fill_report(const struct worker *worker, fill_line_fn line, void *ctx);
