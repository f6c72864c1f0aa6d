#include "upstream/health_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "server_internal.h"

#define LINE_COSTS_US (60ull * USEC_PER_SEC)
#define LINES_IN_A_ROW 4u
#define SUMMARY_FIRST_US (60ull * USEC_PER_SEC)
#define SUMMARY_MOST_US (3600ull * USEC_PER_SEC)

struct health_log {
	struct loop *loop;
	struct list entries;
	struct timer timer;	 /* set while a server is down, or something is untold */
	uint64_t summary_us;	 /* when the next is due */
	uint64_t summary_gap_us; /* and how long after the one before; 0: no server is down */
};

static uint64_t now_us(const struct health_log *log)
{
	return loop_clock(log->loop)->now_us;
}

static bool is_down(const struct health_log_entry *entry)
{
	return server_state(entry->server) == SERVER_DOWN;
}

static struct health_log_entry *entry_of(struct list *link)
{
	return link == NULL ? NULL : LIST_ITEM(link, struct health_log_entry, link);
}

static struct health_log_entry *first_entry(const struct health_log *log)
{
	return entry_of(list_first(&log->entries));
}

static struct health_log_entry *next_entry(const struct health_log *log,
					   const struct health_log_entry *entry)
{
	return entry_of(list_next(&log->entries, &entry->link));
}

/* --- one server ---------------------------------------------------------------------------- */

struct left {
	unsigned up, all;
};

static struct left count_left(const struct health_log *log, const char *group)
{
	struct left left = { 0 };

	for (const struct health_log_entry *e = first_entry(log); e != NULL;
	     e = next_entry(log, e)) {
		if (strcmp(server_group(e->server), group) != 0)
			continue;
		left.all++;
		left.up += !is_down(e);
	}
	return left;
}

struct phrase {
	char text[96];
};

static const char *phrase_left(const struct left *left, struct phrase *into)
{
	if (left->up > 0)
		(void)snprintf(into->text, sizeof(into->text), "%u of %u servers left", left->up,
			       left->all);
	else if (left->all == 1)
		(void)snprintf(into->text, sizeof(into->text),
			       "no other server left: it is asked all the same");
	else
		(void)snprintf(into->text, sizeof(into->text),
			       "none of %u servers left: they are asked all the same", left->all);
	return into->text;
}

static const char *phrase_untold(const struct health_log_entry *entry, struct phrase *into)
{
	into->text[0] = '\0';
	if (entry->untold > 0)
		(void)snprintf(into->text, sizeof(into->text),
			       "; %u changes before that were not told", entry->untold);
	return into->text;
}

static void write_down(const struct health_log *log, const struct health_log_entry *entry)
{
	const char *group = server_group(entry->server);
	const struct left left = count_left(log, group);
	const enum log_level level = left.up > 0 ? LEVEL_WARNING : LEVEL_ERROR;
	struct addr_text addr;
	struct phrase rest, untold;

	addr_to_text(server_addr(entry->server), &addr);
	phrase_left(&left, &rest);
	phrase_untold(entry, &untold);
	if (entry->err != 0)
		LOG(level, "group %s: server %s cannot be reached (%s); set aside, %s%s", group,
		    addr.text, err_text(entry->err), rest.text, untold.text);
	else
		LOG(level,
		    "group %s: server %s does not answer%s (no reply to %u questions and %u "
		    "probes); set aside, %s%s",
		    group, addr.text, entry->has_answered ? " any more" : "", entry->silences,
		    entry->probes, rest.text, untold.text);
}

static void write_up(const struct health_log *log, const struct health_log_entry *entry)
{
	const char *group = server_group(entry->server);
	const struct left left = count_left(log, group);
	struct addr_text addr;
	struct phrase untold;

	LOG(LEVEL_NOTICE,
	    "group %s: server %s answers again after %" PRIu64 " s; %u of %u servers in use%s",
	    group, addr_to_text(server_addr(entry->server), &addr),
	    (now_us(log) - entry->down_us) / USEC_PER_SEC, left.up, left.all,
	    phrase_untold(entry, &untold));
}

/* A server that went and came, and is now what the log says of it already. */
static void write_flapped(const struct health_log_entry *entry)
{
	struct addr_text addr;

	LOG(LEVEL_WARNING, "group %s: server %s came and went %u times more; it is %s now",
	    server_group(entry->server), addr_to_text(server_addr(entry->server), &addr),
	    (entry->untold + 1) / 2, is_down(entry) ? "set aside" : "in use");
}

static bool may_write(struct health_log *log, struct health_log_entry *entry)
{
	const uint64_t now = now_us(log);

	if (entry->spent_until_us > now + (LINES_IN_A_ROW - 1) * LINE_COSTS_US)
		return false;
	if (entry->spent_until_us < now)
		entry->spent_until_us = now;
	entry->spent_until_us += LINE_COSTS_US;
	return true;
}

static void tell(struct health_log *log, struct health_log_entry *entry)
{
	if (is_down(entry) == entry->is_told_down)
		write_flapped(entry);
	else if (is_down(entry))
		write_down(log, entry);
	else
		write_up(log, entry);
	entry->untold = 0;
	entry->is_told_down = is_down(entry);
}

/* --- by and by ----------------------------------------------------------------------------- */

/* group default: 2 of 3 servers are set aside: 192.0.2.1@53 for 61 s, 192.0.2.2@53 for 60 s */
static void write_summary(const struct health_log *log, const char *group)
{
	const struct left left = count_left(log, group);
	char list[512];
	size_t len = 0;

	list[0] = '\0';
	for (const struct health_log_entry *e = first_entry(log); e != NULL;
	     e = next_entry(log, e)) {
		struct addr_text addr;

		if (!is_down(e) || strcmp(server_group(e->server), group) != 0 ||
		    len + 96 > sizeof(list))
			continue;
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s for %" PRIu64 " s",
					len > 0 ? ", " : "",
					addr_to_text(server_addr(e->server), &addr),
					(now_us(log) - e->down_us) / USEC_PER_SEC);
	}
	LOG(LEVEL_WARNING, "group %s: %u of %u servers still set aside: %s", group,
	    left.all - left.up, left.all, list);
}

/* One that is down, and of whose group none before it is. */
static bool is_first_down(const struct health_log *log, const struct health_log_entry *entry)
{
	const struct health_log_entry *e = first_entry(log);

	while (e != entry &&
	       !(is_down(e) && strcmp(server_group(e->server), server_group(entry->server)) == 0))
		e = next_entry(log, e);
	return e == entry && is_down(entry);
}

static void summarise(struct health_log *log)
{
	for (const struct health_log_entry *e = first_entry(log); e != NULL;
	     e = next_entry(log, e)) {
		if (is_first_down(log, e))
			write_summary(log, server_group(e->server));
	}
}

static bool has_down(const struct health_log *log)
{
	const struct health_log_entry *e = first_entry(log);

	while (e != NULL && !is_down(e))
		e = next_entry(log, e);
	return e != NULL;
}

/* What is untold is told as soon as it may be: looked at every minute. */
static bool tell_untold(struct health_log *log)
{
	bool is_left = false;

	for (struct health_log_entry *e = first_entry(log); e != NULL; e = next_entry(log, e)) {
		if (e->untold > 0 && may_write(log, e)) {
			e->untold -= is_down(e) != e->is_told_down; /* that is the line's own */
			tell(log, e);
		}
		is_left = is_left || e->untold > 0;
	}
	return is_left;
}

static void on_timer(void *ctx)
{
	struct health_log *log = ctx;
	const bool is_untold = tell_untold(log);
	const bool is_lacking = has_down(log);

	if (!is_lacking) {
		log->summary_gap_us = 0;
	} else if (log->summary_gap_us == 0) {
		log->summary_gap_us = SUMMARY_FIRST_US;
		log->summary_us = now_us(log) + SUMMARY_FIRST_US;
	} else if (now_us(log) >= log->summary_us) {
		summarise(log);
		if (log->summary_gap_us < SUMMARY_MOST_US)
			log->summary_gap_us *= 2;
		log->summary_us = now_us(log) + log->summary_gap_us;
	}
	if (is_untold || is_lacking)
		timer_start(loop_timers(log->loop), &log->timer, SUMMARY_FIRST_US);
}

static void note_change(struct health_log *log, struct health_log_entry *entry)
{
	if (is_down(entry) == entry->is_told_down && entry->untold == 0)
		return; /* the network has changed in between; that tells no news */
	if (may_write(log, entry))
		tell(log, entry);
	else
		entry->untold++;
	if (timer_is_set(&log->timer))
		return;
	log->summary_gap_us = SUMMARY_FIRST_US;
	log->summary_us = now_us(log) + SUMMARY_FIRST_US;
	timer_start(loop_timers(log->loop), &log->timer, SUMMARY_FIRST_US);
}

void health_log_down(struct health_log *log, struct health_log_entry *entry, unsigned probes)
{
	const struct server *server = entry->server;

	if (!entry->is_told_down || entry->untold > 0)
		entry->down_us = now_us(log);
	entry->silences = server->silences;
	entry->probes = probes;
	entry->err = server->err;
	entry->has_answered = server->heard_us != 0;
	note_change(log, entry);
}

void health_log_up(struct health_log *log, struct health_log_entry *entry)
{
	note_change(log, entry);
}

/* --- beginning and end --------------------------------------------------------------------- */

void health_log_enter(struct health_log *log, struct health_log_entry *entry,
		      const struct server *server)
{
	*entry = (struct health_log_entry){ .server = server };
	list_add(&log->entries, &entry->link);
}

void health_log_leave(struct health_log *log, struct health_log_entry *entry)
{
	(void)log;
	list_remove(&entry->link);
}

struct health_log *health_log_new(struct loop *loop)
{
	struct health_log *log = mem_zalloc(sizeof(*log));

	if (log == NULL)
		return NULL;
	log->loop = loop;
	list_init(&log->entries);
	timer_init(&log->timer, on_timer, log);
	return log;
}

void health_log_free(struct health_log *log)
{
	if (log == NULL)
		return;
	timer_stop(loop_timers(log->loop), &log->timer);
	mem_free(log);
}
