/* stderr_pipe.h: standard error is a pipe while a test runs: set-up and teardown of it, and what
 * has been written. */
#pragma once

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "unit.h"

static int stderr_pipe_real, stderr_pipe_reader;
static char stderr_pipe_text[65536];

static inline int stderr_pipe_open(void **state)
{
	int ends[2];

	(void)state;
	stderr_pipe_real = dup(STDERR_FILENO);
	if (stderr_pipe_real < 0 || pipe(ends) != 0)
		return -1;
	stderr_pipe_reader = ends[0];
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	unsetenv("JOURNAL_STREAM");
	log_open(LEVEL_DEBUG, LOG_TO_STDERR);
	return 0;
}

/* From here on nobody reads. */
static inline void stderr_pipe_break(void)
{
	close(stderr_pipe_reader);
	stderr_pipe_reader = -1;
}

static inline int stderr_pipe_close(void **state)
{
	(void)state;
	dup2(stderr_pipe_real, STDERR_FILENO);
	close(stderr_pipe_real);
	if (stderr_pipe_reader >= 0)
		close(stderr_pipe_reader);
	return 0;
}

/* All that has been written so far. */
static inline const char *stderr_pipe_said(void)
{
	struct pollfd waiting = { .fd = stderr_pipe_reader, .events = POLLIN };
	size_t len = 0;

	while (poll(&waiting, 1, 0) == 1 && (waiting.revents & POLLIN) != 0) {
		const ssize_t got = read(stderr_pipe_reader, stderr_pipe_text + len,
					 sizeof(stderr_pipe_text) - 1 - len);
		if (got <= 0)
			break;
		len += (size_t)got;
	}
	stderr_pipe_text[len] = '\0';
	return stderr_pipe_text;
}
