/* app/doctor_reach.h: whether addresses can be connected to, who answers there in TLS, and whether
 * an NTP server answers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"
#include "net/stream.h"
#include "net/tls_look.h"
#include "net/udp.h"

#define DOCTOR_REACH_MAX 1700
#define DOCTOR_REACH_PORTS 8
#define DOCTOR_REACH_PATIENCE_S 3u
#define DOCTOR_REACH_NTP 123 /* there the time is asked for, over UDP */

/* Stand-ins: where to go in place of where it would. */
struct doctor_reach_ways {
	struct addr at; /* ADDR_NONE: to the answered addresses */
	struct {
		uint16_t from, to;
	} ports[DOCTOR_REACH_PORTS];
	size_t port_count;
};

enum doctor_reach_state {
	REACH_WAITING,
	REACH_OPEN,   /* connected, the NTP server's answer came, a certificate was shown */
	REACH_SILENT, /* in three seconds */
	REACH_CLOSED, /* refused */
	REACH_FAILED, /* err: no route, ... */
};

typedef void (*doctor_reach_fn)(void *ctx);

struct doctor_reach_try {
	uint16_t port; /* the one that was meant */
	bool is_tls;
	uint8_t stratum; /* of the NTP server */
	enum doctor_reach_state state;
	int err;
	unsigned took_ms;
	struct conf_server to;		  /* where it went */
	char issuer[TLS_LOOK_ISSUER_MAX]; /* of the certificate */
	/* this module's own */
	struct doctor_reach *reach;
	struct stream *stream;
	struct udp_client *udp;
	struct tls_look *tls;
	uint8_t cookie[8];
	struct timer end;
};

struct doctor_reach {
	struct loop *loop;
	const struct doctor_reach_ways *ways;
	size_t count, waiting;
	uint32_t started_us; /* the low part will do */
	doctor_reach_fn fn;
	void *ctx;
	struct doctor_reach_try tries[DOCTOR_REACH_MAX];
};

/** Of what is zero. `fn` is told, never from inside a call of this module, when nothing is waited
 * for any more; what is borrowed lives longer than it. */
void doctor_reach_init(struct doctor_reach *reach, struct loop *loop,
		       const struct doctor_reach_ways *ways, doctor_reach_fn fn, void *ctx);
/** Begins to connect, to ask for the time, or TLS in the name of Apple's couriers; twice the same
 * is tried once. Past DOCTOR_REACH_MAX it is not tried. */
void doctor_reach_start(struct doctor_reach *reach, const struct addr *addr, uint16_t port,
			bool is_tls);
/** What became of it; NULL where it was not tried. */
const struct doctor_reach_try *doctor_reach_find(const struct doctor_reach *reach,
						 const struct addr *addr, uint16_t port,
						 bool is_tls);
void doctor_reach_done(struct doctor_reach *reach);
