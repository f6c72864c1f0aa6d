/* app/listeners.h: every `listen` entry's sockets, opened together. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "query/worker.h"

struct listeners;

/** Opens what the worker's plan lists; where `first` is another worker's, what that has open. The
 * first that fails is logged, with who holds a taken port, and its error returned; but where
 * `is_default` an IPv6 address the machine lacks is left out. */
MUST_CHECK int listeners_open(struct loop *loop, struct worker *worker, bool is_default,
			      const struct listeners *first, struct listeners **ret_listeners);
/** No new connections; those there are and the UDP sockets stay for what is in flight. */
void listeners_stop_accepting(struct listeners *listeners);
/** After the worker. NULL is fine. */
void listeners_free(struct listeners *listeners);
uint32_t listeners_connections(const struct listeners *listeners);

size_t listeners_count(const struct listeners *listeners);
/** What is open of the i-th entry, whatever the plan of now says; false for nothing. */
bool listeners_get(const struct listeners *listeners, size_t at, struct conf_listen *ret_listen);
