/* query/fastpath.h: a question that has been answered before, answered again from the bytes that
 * are kept.
 *
 * A memo of the steps, not a second opinion: only the steps store, after policy has spoken, and an
 * entry says under which plan that was confirmed last. Of no partition, it is what every client is
 * told by that plan. Whatever wants more than the bytes (names by which devices are known, an
 * answer that is due, past its time, of an older plan, of a view) goes the long way. No allocation,
 * no log, no request. */
#pragma once

#include <stdbool.h>

#include "net/client.h"
#include "wire/query_view.h"

struct worker;

/** True where the client has been sent the reply that the steps would have sent it; else nothing
 * has been done. The client may ask (access, rate). */
bool fastpath_answer(struct worker *worker, const struct client *client,
		     const struct query_view *view);
