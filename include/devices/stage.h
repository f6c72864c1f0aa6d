/* devices/stage.h: which names a device asks for on its way from the network to being enrolled.
 *
 * The names are those that Apple lists for its devices, in the order in which a device that is set
 * up comes to them. Read-only data; found in constant time; silent. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stage {
	STAGE_CAPTIVE,	    /* is there a captive portal? */
	STAGE_TIME,	    /* the clock */
	STAGE_ACTIVATION,   /* albert and its helpers */
	STAGE_BAG,	    /* how couriers are found: host name and count */
	STAGE_TXT,	    /* the same by a TXT record, where there is no bag; shown as "count" */
	STAGE_COURIER,	    /* the alias that has no address, or what it leads to */
	STAGE_VARIANT,	    /* a numbered courier: the one that is connected to */
	STAGE_ENROLMENT,    /* device management */
	STAGE_CERTIFICATES, /* whether the certificates on the way are good; at any time */
	STAGE_NONE,
};
#define STAGE_KINDS STAGE_NONE

const char *stage_text(enum stage stage); /* "captive", "count"; "none" */

/* What is right to be told of the name. */
enum stage_expects {
	STAGE_EXPECTS_ADDRESS,
	STAGE_EXPECTS_TEXT,	/* of TXT; the name is of no stage for other types */
	STAGE_EXPECTS_DANGLING, /* an alias of nothing, or of addresses */
	STAGE_EXPECTS_NOTHING,	/* no data, or addresses */
};

#define STAGE_N_MAX 9999u
/* Pools from here on are for who finds names of stages elsewhere: families of the configuration. */
#define STAGE_POOL_OTHERS 16u

struct stage_match {
	enum stage stage;
	enum stage_expects expects;
	bool is_shared;	  /* asked for by all sorts of machines: makes nobody a device */
	bool is_everyday; /* asked for by devices in use as well, for updates say */
	uint8_t pool;	  /* of a variant: those of one pool are tried one after another */
	uint16_t n;	  /* of a variant: its number */
};

/** The stage of a name in lower-case wire form, `len` bytes with the root label. False, and
 * STAGE_NONE, for all others. */
bool stage_find(const uint8_t *name, size_t len, struct stage_match *ret_match);
