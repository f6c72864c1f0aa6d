/* report.h: telling what a scenario found wrong, with its place, and ending there.
 *
 * Each scenario runs in a process of its own, so a failure can end it wherever it is noticed. */
#pragma once

#include <stddef.h>

#include "base/err.h"

/** What is being played; the text stays the caller's. */
void report_at(const char *path, int line);
void report_at_line(int line);
int report_line(void);
/** Prints FILE:LINE and the text, and ends the process. */
void report_fail(const char *format, ...) PRINTF_LIKE(1, 2) __attribute__((noreturn));
/** The same for a line other than the one being played. */
void report_fail_at(int line, const char *format, ...) PRINTF_LIKE(2, 3) __attribute__((noreturn));
/** Memory of the runner's own, which the failing of allocations does not touch; zeroed. */
void *report_alloc(size_t size);
void *report_dup(const void *bytes, size_t size);
