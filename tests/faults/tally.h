/* tally.h: what became of the questions: counts, times, and how late the client itself ran. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet.h"

/** Ends the program where memory is short, as all of these. With `is_traced` each question is
 * printed in the report: when it was asked, how long it took, what it came to. */
void tally_start(uint64_t now_us, bool is_traced);
void tally_sent(void);
void tally_courier(void); /* what was sent is a question for one */
/** `asked_us` and `now_us` by the monotonic clock. */
void tally_reply(enum verdict verdict, uint64_t asked_us, uint64_t now_us);
/** A reply to nothing that is still waited for. */
void tally_stray(void);
/** So much later than it should have the client came to do something. */
void tally_late(uint64_t late_us);
/** Prints it all as one line of JSON. */
void tally_report(uint64_t now_us);
