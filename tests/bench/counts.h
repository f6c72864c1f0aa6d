/* counts.h: what is counted of the program under measurement, in the file that $COUNTS names: one
 * number after the other. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum count {
	COUNT_ALLOCATIONS,
	COUNT_CALLS,	     /* of the system: what has to do with sockets, waiting and timers */
	COUNT_STREAM_READS,  /* those of them that read from a TCP connection */
	COUNT_STREAM_WRITES, /* and that write to one */
	COUNTS
};

void counts_add(enum count count);
