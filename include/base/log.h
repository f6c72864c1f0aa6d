/* base/log.h: one event, one line, told once by the one who decides.
 *
 * base/, wire/, cache/ and rr/ never call this. Of what is off nothing is formatted; whoever goes
 * to some length for what a line says asks log_is_on() before. To stderr (with the <N> prefix that
 * journald reads where $JOURNAL_STREAM says that it is journald's, but in a build with SYSTEMD=no)
 * or to syslog. The level and the target are the program's only mutable static state. Lines of
 * several threads stay whole. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum log_level { LEVEL_ERROR, LEVEL_WARNING, LEVEL_NOTICE, LEVEL_INFO, LEVEL_DEBUG };
enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG };

/* These two while no other thread logs. To a pipe or a terminal is written by a description of our
 * own, which never waits; whoever shares the one that we were given sees nothing of that. */
void log_open(enum log_level level, enum log_target target);
void log_set_level(enum log_level level);
enum log_level log_level(void);
bool log_is_on(enum log_level level);
void log_write(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);
/** Somebody has asked for this line: a notice, whatever the level. */
void log_answer(const char *format, ...) PRINTF_LIKE(1, 2);

/** Many lines, which are written whatever the level, several in one call, each whole: its level as
 * one byte, its text (printable ASCII, of LOG_TEXT_MAX bytes at most) and a line end. Returns how
 * many bytes of whole lines the reader has taken from the front; less than `len` where it takes no
 * more now. */
#define LOG_TEXT_MAX 2000u
size_t log_write_lines(const char *lines, size_t len);

/** Tests only: lines that are on, without level, go to `fn` instead; NULL for back to normal. */
typedef void (*log_tap_fn)(void *ctx, enum log_level level, const char *text);
void log_tap(log_tap_fn fn, void *ctx);

/* State of a place in the code that may say something once a minute; zero is its start. */
struct log_minute {
	uint64_t next_us;   /* not before */
	uint64_t held_back; /* since the last line */
};
/** True when a line may be written now, and then how many were held back since the last one. */
bool log_minute_allows(struct log_minute *minute, uint64_t now_us, uint64_t *ret_held_back);

#define LOG(level, ...) log_write(level, __VA_ARGS__)
