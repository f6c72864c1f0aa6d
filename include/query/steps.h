/* query/steps.h: the five steps of a query, in order. steps.c is the page that tells the story. */
#pragma once

struct request;

enum step {
	STEP_POLICY,
	STEP_CACHE,
	STEP_FORWARD,
	STEP_CLASSIFY,
	STEP_RESPOND,
	STEP_COUNT,
	STEP_WAIT, /* an exchange, or the request that leads, will go on with it */
	STEP_DONE,
};

/** Walks from `step` until the request waits or is done; then it is gone. */
void steps_run(struct request *request, enum step step);
