/* net/loop.h: owns the event base, the clock, the timers and the signals. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"
#include "net/passed.h"
#include "net/timer.h"

struct loop;

MUST_CHECK RARELY int loop_new(struct loop **ret_loop);
/** Everything that was registered must have been freed before. NULL is fine. */
RARELY void loop_free(struct loop *loop);

/** Brought up to date once per turn. */
const struct clock *loop_clock(const struct loop *loop);
struct timers *loop_timers(struct loop *loop);

/** Runs until loop_stop(). */
MUST_CHECK int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Descriptors of sockets are taken up to these numbers, so that some are left for files, and of
 * those towards servers some for clients. */
struct loop_sockets {
	int max_outgoing, max_incoming; /* 0: as many as the system gives */
	/* A socket towards a server could not be made. Called from inside whatever wanted it. */
	void (*on_none)(void *ctx);
	void *ctx;
};
void loop_limit_sockets(struct loop *loop, const struct loop_sockets *sockets);

/* Whether sockets of other loops serve clients on the same ports. */
enum loop_ports {
	LOOP_PORTS_OWN,	  /* no: whoever else wants one is refused, and so are we */
	LOOP_PORTS_FIRST, /* as for these, but once it is ours, our other loops are let in */
	LOOP_PORTS_NEXT,  /* such a loop */
};
/** Of sockets that are bound from here on. */
void loop_share_ports(struct loop *loop, enum loop_ports ports);
/** Sockets that serve clients from here on are those that were passed, as far as there are such,
 * for the at-th worker. Borrowed. */
void loop_use_passed(struct loop *loop, const struct passed *passed, size_t at);

/* What else binding one may need, of those that follow until it is said again. */
struct loop_binding {
	bool takes_over; /* the port is that of sockets of ours, which let others in by now */
	bool is_absent;	 /* this machine has no such address, and may have it later */
};
void loop_set_binding(struct loop *loop, struct loop_binding binding);

/* For side/web, whose connections are libevent's own. Each callback that libevent calls starts with
 * loop_tick(), so that the clock is read once in a turn, after waking and before anybody looks at
 * it. */
struct event_base;
struct event_base *loop_base(struct loop *loop);
void loop_tick(struct loop *loop);

typedef void (*loop_signal_fn)(void *ctx, int signal_number);
MUST_CHECK int loop_on_signal(struct loop *loop, int signal_number, loop_signal_fn fn, void *ctx);
