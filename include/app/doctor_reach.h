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
#define DOCTOR_REACH_PATIENCE_US (3u * USEC_PER_SEC)

/* Stand-ins: where to go in place of where it would. */
struct doctor_reach_ways {
	struct addr at; /* ADDR_NONE: to the answered addresses */
	struct {
		uint16_t from, to;
	} ports[DOCTOR_REACH_PORTS];
	size_t port_count;
};

enum doctor_reach_kind { REACH_TCP, REACH_NTP, REACH_TLS };

enum doctor_reach_state {
	REACH_WAITING,
	REACH_OPEN,   /* connected, the NTP server's answer came, a certificate was shown */
	REACH_SILENT, /* in three seconds */
	REACH_CLOSED, /* refused */
	REACH_FAILED, /* err: no route, ... */
};

typedef void (*doctor_reach_fn)(void *ctx);

struct doctor_reach_try {
	struct conf_server to; /* where it went */
	uint16_t port;	       /* the one that was meant */
	enum doctor_reach_kind kind;
	enum doctor_reach_state state;
	int err;
	uint64_t took_us;
	unsigned stratum;		  /* of the NTP server */
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
	struct doctor_reach_try tries[DOCTOR_REACH_MAX];
	size_t count, waiting;
	uint64_t started_us;
	doctor_reach_fn fn;
	void *ctx;
};

/** `fn` is told, never from inside a call of this module, when nothing is waited for any more;
 * what is borrowed lives longer than it. */
void doctor_reach_init(struct doctor_reach *reach, struct loop *loop,
		       const struct doctor_reach_ways *ways, doctor_reach_fn fn, void *ctx);
/** Begins to connect, to ask for the time, or TLS in the name of Apple's couriers; twice the same
 * is tried once. Past DOCTOR_REACH_MAX it is not tried. */
void doctor_reach_start(struct doctor_reach *reach, const struct addr *addr, uint16_t port,
			enum doctor_reach_kind kind);
/** What became of it; NULL where it was not tried. */
const struct doctor_reach_try *doctor_reach_find(const struct doctor_reach *reach,
						 const struct addr *addr, uint16_t port,
						 enum doctor_reach_kind kind);
void doctor_reach_done(struct doctor_reach *reach);
