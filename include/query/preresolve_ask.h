/* query/preresolve_ask.h: the questions that preresolve.h has in turn, made into requests. */
#pragma once

struct worker;

/** Before anything is scheduled. */
void preresolve_ask_init(struct worker *worker);
/** The worker is closed: asks no more, and ends what nobody else waits for. */
void preresolve_ask_close(struct worker *worker);
