/* app/doctor_run.h: what is asked of whom, in which order, until all is answered or given up.
 *
 * In stages, all servers at once in each, the later ones only of servers that answered anything at
 * all: at most three seconds each, and all of it within DOCTOR_RUN_MAX_US. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/doctor_ask.h"
#include "app/doctor_reach.h"
#include "net/loop.h"

#define DOCTOR_RUN_MAX_US (14u * USEC_PER_SEC)
#define DOCTOR_SERVERS_MAX 16 /* to be tested; and the reference */
#define DOCTOR_VARIANTS_MAX 20
#define DOCTOR_COUNT_DEFAULT 50u /* N runs to this where the TXT record does not say */

/* A place of an answer. Those of hosts follow doctor_run_hosts, those of variants run.variants.
 */
enum doctor_slot {
	SLOT_TARGET, /* asked before the alias, for a cache may answer it by what comes with that */
	SLOT_ALIAS_A,
	SLOT_COUNT_TXT,
	SLOT_BAG_HTTPS,
	SLOT_LIVENESS,
	SLOT_TCP,
	SLOT_DDR,
	SLOT_MASK,
	SLOT_MASK_H2,
	SLOT_ALIAS_HTTPS,
	SLOT_ALIAS_AAAA,
	SLOT_EDNS,
	SLOT_ALIAS_AGAIN,
	SLOT_ALIAS_TCP,
	SLOT_CASE,
	SLOT_VERSION, /* what program it is, which no check looks at */
	SLOT_FIXED_COUNT,
	SLOT_HOSTS = SLOT_FIXED_COUNT,
	SLOT_BAG_A = SLOT_HOSTS,
	SLOT_ACTIVATION,		      /* the first of these */
	SLOT_ENROLMENT = SLOT_ACTIVATION + 7, /* and of these */
};
#define DOCTOR_HOSTS 28
#define SLOT_VARIANTS_A (SLOT_HOSTS + DOCTOR_HOSTS)
#define SLOT_VARIANTS_HTTPS (SLOT_VARIANTS_A + DOCTOR_VARIANTS_MAX)
#define DOCTOR_SLOTS (SLOT_VARIANTS_HTTPS + DOCTOR_VARIANTS_MAX)
/* Whose addresses are gone to: those of hosts, and of variants. */
#define SLOT_REACH_FIRST SLOT_HOSTS
#define SLOT_REACH_END SLOT_VARIANTS_HTTPS

/* Couriers have two ports, the second for where the first is closed, and so has no host more. */
#define DOCTOR_PORTS 2
extern const uint16_t doctor_run_courier_ports[DOCTOR_PORTS];

enum doctor_host_use {
	HOST_BAG,
	HOST_ACTIVATION,
	HOST_ENROLMENT,
	HOST_REACH, /* asked for with --reach only */
};
struct doctor_host {
	const char *name;
	enum doctor_host_use use : 8;
	bool is_besides;	      /* MDM servers go there, or devices that have another way */
	uint16_t ports[DOCTOR_PORTS]; /* 0 for none; DOCTOR_REACH_NTP or of TCP */
};
extern const struct doctor_host doctor_run_hosts[DOCTOR_HOSTS];
/** Asked of the reference too, whose answer should have the same shape. */
bool doctor_run_is_compared(size_t slot);

struct doctor_options {
	bool with_reach;
	bool with_dnsmasq;  /* the servers to be tested are dnsmasq, whatever they say */
	bool with_progress; /* on stderr */
	unsigned variants;  /* how many */
	struct doctor_reach_ways ways;
};

struct doctor_server {
	struct doctor_server *next;
	unsigned answered; /* replies of any kind */
	bool is_reference;
	struct conf_server to;
	struct doctor_ask asks[DOCTOR_SLOTS];
};

struct doctor_variant {
	unsigned n;
	char name[40]; /* "17-courier.push.apple.com" */
};

/* Open to be read; written by this module alone. */
struct doctor_run {
	struct doctor_server *servers;	 /* in the order they are to be reported; NULL for none */
	struct doctor_server *reference; /* one of them, or NULL */
	unsigned took_ms;
	struct doctor_options options; /* variants: as many as were asked for */
	/* --- this module's own */
	unsigned stage;
	unsigned asked, waiting; /* questions */
	struct loop *loop;
	struct doctor_asker asker;
	struct timer end, progress, next;
	/* --- and again to be read */
	struct doctor_variant variants[DOCTOR_VARIANTS_MAX];
	struct doctor_reach reach; /* has tried what any server answered, the reference too */
};

/** NULL when memory is short. */
struct doctor_run *doctor_run_new(const struct doctor_options *options);
void doctor_run_free(struct doctor_run *run); /* NULL is fine */
/** Behind the others. -ENOMEM. */
MUST_CHECK int doctor_run_add(struct doctor_run *run, const struct addr *server, bool is_reference);
/** Asks and waits. -errno where there is no event loop. */
MUST_CHECK int doctor_run_ask(struct doctor_run *run);

/** The number in TXT records "count=N"; 0 where there is none, or it is beyond 1,000. */
unsigned doctor_run_read_count(const struct doctor_ask *ask);
