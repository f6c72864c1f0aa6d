/* net/passed.h: sockets that whoever started us has opened already and hands on, as systemd's
 * socket units do (sd_listen_fds(3)): LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES in the environment.
 *
 * They stay open as long as this lives, for whoever opened them has them too: an address that is
 * listened on no more would not be free all the same. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

/* The first of them. */
#define PASSED_FIRST 3

struct passed;

/** What was passed to this process, from the descriptor `first` on; NULL where nothing was, or the
 * environment speaks of another process, and in a build with SYSTEMD=no. Before anything is opened,
 * which would be taken for what was passed. ERR_MALFORMED where it makes no sense; -ENOMEM. */
MUST_CHECK RARELY int passed_new(int first, struct passed **ret_passed);
RARELY void passed_free(struct passed *passed); /* NULL is fine */

/** A descriptor of its own, to be closed by the caller, of a socket that serves clients at that
 * address; of several such the one for the at-th worker. -ENOENT for none, and for NULL; -errno. */
MUST_CHECK RARELY int passed_take(const struct passed *passed, const struct addr *addr, bool is_tcp,
				  size_t at);

struct passed_socket {
	const char *name; /* that it was given, "" for none */
	int fd;		  /* -1: not open */
	struct addr addr; /* family ADDR_NONE: not of the Internet */
	bool is_tcp;
	const char *fault; /* why it cannot be used, or NULL */
};
size_t passed_count(const struct passed *passed); /* 0 for NULL */
struct passed_socket passed_get(const struct passed *passed, size_t at);
