/* devices/device_internal.h: one device as the timeline keeps it.
 *
 * All times are tenths of a second since the timeline was made, which is enough for 13 years. */
#pragma once

#include "base/list.h"
#include "devices/timeline.h"

#define TENTHS_PER_SEC 10u
#define DEVICE_NAME_MAX 40 /* enough for each name of a stage but the sandbox's */
#define DEVICE_TRIES 6u
#define DEVICE_NUMBERS 256u

/* What an answer is worth, by what is right for the name. */
enum worth {
	WORTH_NOTHING, /* no data of a type that a device can do without: neither here nor there */
	WORTH_GOOD,
	WORTH_BAD,
};

/* What a device was told. */
struct saying {
	uint16_t type, rcode;
	uint8_t told, by, worth; /* enum told, told_by, worth */
	uint8_t family;		 /* of the address */
	uint8_t address[16];	 /* the first of the reply */
};

/* A stage. */
struct slot {
	uint32_t first, last;
	uint32_t asked, good; /* asked is 0: never reached */
	uint32_t bad_since;
	uint16_t bad_run; /* bad answers, with no good one for that name between them */
	uint8_t name_len;
	struct saying saying;	       /* of most worth since the attempt began */
	uint8_t name[DEVICE_NAME_MAX]; /* that of the saying: the first bytes of it */
};

/* A numbered courier that was asked for. */
struct
try {
	uint32_t last; /* 0: none, as DEVICE_TRIES begin with */
	uint16_t n;
	uint8_t pool;
	bool is_answered; /* with an address */
};

struct device {
	struct addr address;
	uint8_t hardware[OPTION_HARDWARE_LEN];
	bool has_hardware;

	bool has_attempt, has_courier;
	uint8_t furthest;    /* enum stage, of the attempt */
	uint32_t since;	     /* when it got there */
	uint32_t asked;	     /* the last question of the attempt */
	uint32_t courier_at; /* when it was last told the address of a numbered courier */

	uint32_t last;	      /* question of any stage */
	struct list link;     /* among those of its shard */
	struct device *chain; /* the next in the bucket */
	uint64_t numbers[DEVICE_NUMBERS / 64], numbers_good[DEVICE_NUMBERS / 64];
	struct try tries[DEVICE_TRIES];
	struct slot slots[STAGE_KINDS];
};
_Static_assert(sizeof(struct device) <= 984, "what timeline.h says");

/* The attempt is over after so long without a question of it. */
#define DEVICE_ATTEMPT_GAP (300u * TENTHS_PER_SEC)
/* An activation so soon after the look for a captive portal is one from the start. */
#define DEVICE_FRESH (120u * TENTHS_PER_SEC)

/** A question of this device's, and its reply. */
void device_note(struct device *device, const struct timeline_event *event, uint32_t now);
/** The name that a stage's slot holds. One that was too long to be kept has lost its end: its whole
 * labels, and "...". */
void device_name(const struct slot *slot, struct name_text *ret_name);
/** Neither data nor that there is none. */
bool device_is_failure(enum told told);
