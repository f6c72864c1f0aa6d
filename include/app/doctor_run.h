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
#define DOCTOR_SERVERS_MAX 17 /* 16 to be tested, and the reference */
#define DOCTOR_VARIANTS_MAX 20
#define DOCTOR_COUNT_DEFAULT 50u /* N runs to this where the TXT record does not say */

/* A place of an answer. Those of hosts follow doctor_run_hosts(), those of variants run.variants.
 */
enum doctor_slot {
	SLOT_ALIAS_A,
	SLOT_TARGET,
	SLOT_COUNT_TXT,
	SLOT_BAG_A,
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
};
#define DOCTOR_HOSTS 27
#define SLOT_VARIANTS_HTTPS (SLOT_HOSTS + DOCTOR_HOSTS)
#define SLOT_VARIANTS_A (SLOT_VARIANTS_HTTPS + DOCTOR_VARIANTS_MAX)
#define DOCTOR_SLOTS (SLOT_VARIANTS_A + DOCTOR_VARIANTS_MAX)

enum doctor_host_use {
	HOST_ACTIVATION,
	HOST_ENROLMENT,
	HOST_REACH, /* asked for with --reach only */
};
struct doctor_host {
	const char *name;
	enum doctor_host_use use : 8;
	uint16_t ports[2]; /* TCP; 0 for none */
	bool is_besides;   /* MDM servers go there, or devices that have another way */
};
const struct doctor_host *doctor_run_host(size_t at); /* below DOCTOR_HOSTS */
/** The question of a fixed slot or a host's. */
struct doctor_question doctor_run_question(size_t slot);
/** Asked of the reference too, whose answer should have the same shape. */
bool doctor_run_is_compared(size_t slot);

struct doctor_options {
	size_t variants; /* how many */
	bool with_reach;
	struct doctor_reach_ways ways;
	bool with_dnsmasq;  /* the servers to be tested are dnsmasq, whatever they say */
	bool with_progress; /* on stderr */
};

struct doctor_server {
	struct conf_server to;
	bool is_reference;
	size_t answered; /* replies of any kind */
	struct doctor_ask asks[DOCTOR_SLOTS];
};

struct doctor_variant {
	unsigned n;
	char name[40]; /* "17-courier.push.apple.com" */
};

struct doctor_run;
/** NULL when memory is short. */
struct doctor_run *doctor_run_new(const struct doctor_options *options);
void doctor_run_free(struct doctor_run *run); /* NULL is fine */
/** In the order they are to be reported. */
MUST_CHECK int doctor_run_add(struct doctor_run *run, const struct addr *server, bool is_reference);
/** Asks and waits. -errno where there is no event loop. */
MUST_CHECK int doctor_run_ask(struct doctor_run *run);

/* --- what came of it --- */

const struct doctor_options *doctor_run_options(const struct doctor_run *run);
size_t doctor_run_server_count(const struct doctor_run *run);
const struct doctor_server *doctor_run_server(const struct doctor_run *run, size_t at);
const struct doctor_server *doctor_run_reference(const struct doctor_run *run); /* or NULL */
/** The variants that were asked for: as many as the options say. */
const struct doctor_variant *doctor_run_variant(const struct doctor_run *run, size_t at);
/** Has tried what any server answered, the reference too. */
const struct doctor_reach *doctor_run_reach(const struct doctor_run *run);
uint64_t doctor_run_took_us(const struct doctor_run *run);
/** The number in TXT records "count=N"; false where there is none, or it is 0 or beyond 1,000. */
bool doctor_run_read_count(const struct doctor_ask *ask, unsigned *ret_count);
