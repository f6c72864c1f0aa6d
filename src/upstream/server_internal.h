/* server_internal.h: what server.c, server_table.c and health.c share. */
#pragma once

#include "base/histogram.h"
#include "base/list.h"
#include "upstream/latency.h"
#include "upstream/server.h"

struct server_counts {
	uint64_t sent[2]; /* over UDP, over TCP */
	uint64_t failures[SERVER_FAILURE_COUNT];
	struct histogram took; /* answers */
};

/* Whoever looks after a server. */
struct server_watch {
	/** It is up again, or suspected. */
	void (*on_change)(struct server_watch *watch);
	/** It is going: it must not be used any more, and the watch ends. */
	void (*on_gone)(struct server_watch *watch);
};

/* Sockets to it that take questions: transport_udp.c's. */
struct server_sockets {
	struct list list;
	unsigned count;
	struct transport_socket *latest; /* of the turn of that time; NULL for none */
	uint64_t latest_us;
};

/* What is small comes first: it is reached by shorter instructions. */
struct server {
	uint8_t clearings; /* by probes, since it last answered a question */
	bool is_unproven;  /* up on trust alone since server_forget() */
	enum server_state state;
	unsigned holders;
	unsigned times_down;	    /* since the start */
	unsigned silences;	    /* since it last said something */
	int err;		    /* what the system said since then, 0: nothing */
	struct server_watch *watch; /* NULL: nobody */
	uint32_t penalty_us;	    /* as it was at worse_us */
	uint64_t worse_us;	    /* when it last failed where another one did not */
	uint64_t heard_us;	    /* when it last said something; 0: never */
	uint64_t unheard_us;	    /* the first send since then; 0: none */
	uint64_t cleared_us;	    /* when it last came up again */
	uint64_t lacks_edns_until_us;
	char *group;
	struct list link; /* in its table's; removes itself when the last lets go */
	struct server_sockets sockets;
	struct latency latency;
	struct conf_server how;
	struct server_counts counts;
};

/** It is there: up, whatever was noted against it. Tells the watch where it was not, or where that
 * was not sure. */
void server_hear(struct server *server, uint64_t now_us);
/** Suspected before, it is down now. */
void server_set_aside(struct server *server);
/** As if nothing had ever been learned of it but that it lacks EDNS. What was counted stays. */
void server_forget(struct server *server);
