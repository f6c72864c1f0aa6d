/* query/steps.h: the steps of a query, in order. steps.c is the page that tells the story. */
#pragma once

struct request;

enum step {
	STEP_POLICY,
	STEP_CACHE,
	STEP_FORWARD,
	STEP_ASK,
	STEP_CLASSIFY,
	STEP_REPAIR,
	STEP_RESPOND,
	STEP_COUNT,
	STEP_WAIT, /* an exchange, the request that leads, or one that it is in line behind, will go
		    * on with it */
	STEP_DONE,
};

/** Walks from `step` until the request waits or is done; then it is gone, and who was in line
 * behind it has asked. */
void steps_run(struct request *request, enum step step);
