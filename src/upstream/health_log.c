#include "upstream/health_log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server_internal.h"

#define LINE_COSTS_US (60u * USEC_PER_SEC)
#define LINES_IN_A_ROW 4u
#define SUMMARY_FIRST_US (60u * USEC_PER_SEC)
#define SUMMARY_MOST_US (3600u * USEC_PER_SEC)
/* Where several workers may have news, of which the first's timer knows nothing, it looks so often.
 */
#define LOOK_US (5u * USEC_PER_SEC)

/* What is told of the servers of one kind, of which each worker has its own. */
struct health_log_told {
	struct list link;
	bool is_told_down;
	bool has_answered;	 /* ever */
	unsigned holders, downs; /* entries; those that are down */
	unsigned silences, probes;
	int err;
	unsigned untold;	 /* changes since the last line */
	uint64_t down_us;	 /* when the first was set aside */
	uint64_t spent_until_us; /* its lines are paid for up to then, a minute each */
	struct conf_server how;
	char group[];
};

/* What all workers tell. */
struct book {
	struct lock lock; /* of this and all below it */
	unsigned holders;
	struct list told;
	struct loop *loop;	 /* the first's */
	uint64_t summary_us;	 /* when the next is due */
	uint32_t summary_gap_us; /* and how long after the one before; 0: no server is down */
	struct timer timer;	 /* set while a server is down, or something is untold; of several
				  * workers' always */
};

struct health_log {
	struct loop *loop;
	struct book *book;
};

static uint64_t now_us(const struct health_log *log)
{
	return loop_clock(log->loop)->now_us;
}

/* Clocks of workers differ by a little. */
static unsigned down_for_s(const struct health_log *log, const struct health_log_told *told)
{
	const uint64_t now = now_us(log);

	return now > told->down_us ? (unsigned)((now - told->down_us) / USEC_PER_SEC) : 0;
}

static bool is_down(const struct health_log_told *told)
{
	return told->downs > 0;
}

static struct health_log_told *told_of(struct list *link)
{
	return link == NULL ? NULL : LIST_ITEM(link, struct health_log_told, link);
}

static struct health_log_told *first_told(const struct health_log *log)
{
	return told_of(list_first(&log->book->told));
}

static struct health_log_told *next_told(const struct health_log *log,
					 const struct health_log_told *told)
{
	return told_of(list_next(&log->book->told, &told->link));
}

/* --- one server ---------------------------------------------------------------------------- */

struct left {
	unsigned up, all;
};

static struct left count_left(const struct health_log *log, const char *group)
{
	struct left left = { 0 };

	for (const struct health_log_told *e = first_told(log); e != NULL; e = next_told(log, e)) {
		if (strcmp(e->group, group) != 0)
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

static const char *phrase_untold(const struct health_log_told *told, struct phrase *into)
{
	into->text[0] = '\0';
	if (told->untold > 0)
		(void)snprintf(into->text, sizeof(into->text),
			       "; %u changes before that were not told", told->untold);
	return into->text;
}

static void write_down(const struct health_log *log, const struct health_log_told *told)
{
	const char *group = told->group;
	const struct left left = count_left(log, group);
	const enum log_level level = left.up > 0 ? LEVEL_WARNING : LEVEL_ERROR;
	struct addr_text addr;
	struct phrase rest, untold;

	addr_to_text(&told->how.addr, &addr);
	phrase_left(&left, &rest);
	phrase_untold(told, &untold);
	if (told->err != 0)
		LOG(level, "group %s: server %s cannot be reached (%s); set aside, %s%s", group,
		    addr.text, err_text(told->err), rest.text, untold.text);
	else
		LOG(level,
		    "group %s: server %s does not answer%s (no reply to %u questions and %u "
		    "probes); set aside, %s%s",
		    group, addr.text, told->has_answered ? " any more" : "", told->silences,
		    told->probes, rest.text, untold.text);
}

static void write_up(const struct health_log *log, const struct health_log_told *told)
{
	const char *group = told->group;
	const struct left left = count_left(log, group);
	struct addr_text addr;
	struct phrase untold;

	LOG(LEVEL_NOTICE, "group %s: server %s answers again after %u s; %u of %u servers in use%s",
	    group, addr_to_text(&told->how.addr, &addr), down_for_s(log, told), left.up, left.all,
	    phrase_untold(told, &untold));
}

/* A server that went and came, and is now what the log says of it already. */
static void write_flapped(const struct health_log_told *told)
{
	struct addr_text addr;

	LOG(LEVEL_WARNING, "group %s: server %s came and went %u times more; it is %s now",
	    told->group, addr_to_text(&told->how.addr, &addr), (told->untold + 1) / 2,
	    is_down(told) ? "set aside" : "in use");
}

static bool may_write(struct health_log *log, struct health_log_told *told)
{
	const uint64_t now = now_us(log);

	if (told->spent_until_us > now + (LINES_IN_A_ROW - 1) * LINE_COSTS_US)
		return false;
	if (told->spent_until_us < now)
		told->spent_until_us = now;
	told->spent_until_us += LINE_COSTS_US;
	return true;
}

static void tell(struct health_log *log, struct health_log_told *told)
{
	if (is_down(told) == told->is_told_down)
		write_flapped(told);
	else if (is_down(told))
		write_down(log, told);
	else
		write_up(log, told);
	told->untold = 0;
	told->is_told_down = is_down(told);
}

/* --- by and by ----------------------------------------------------------------------------- */

/* group default: 2 of 3 servers are set aside: 192.0.2.1@53 for 61 s, 192.0.2.2@53 for 60 s */
static void write_summary(const struct health_log *log, const char *group)
{
	const struct left left = count_left(log, group);
	char list[512];
	size_t len = 0;

	list[0] = '\0';
	for (const struct health_log_told *e = first_told(log); e != NULL; e = next_told(log, e)) {
		struct addr_text addr;

		if (!is_down(e) || strcmp(e->group, group) != 0 || len + 96 > sizeof(list))
			continue;
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s for %u s",
					len > 0 ? ", " : "", addr_to_text(&e->how.addr, &addr),
					down_for_s(log, e));
	}
	LOG(LEVEL_WARNING, "group %s: %u of %u servers still set aside: %s", group,
	    left.all - left.up, left.all, list);
}

/* One that is down, and of whose group none before it is. */
static bool is_first_down(const struct health_log *log, const struct health_log_told *told)
{
	const struct health_log_told *e = first_told(log);

	while (e != told && !(is_down(e) && strcmp(e->group, told->group) == 0))
		e = next_told(log, e);
	return e == told && is_down(told);
}

static void summarise(struct health_log *log)
{
	for (const struct health_log_told *e = first_told(log); e != NULL; e = next_told(log, e)) {
		if (is_first_down(log, e))
			write_summary(log, e->group);
	}
}

static bool has_down(const struct health_log *log)
{
	const struct health_log_told *e = first_told(log);

	while (e != NULL && !is_down(e))
		e = next_told(log, e);
	return e != NULL;
}

/* What is untold is told as soon as it may be: looked at every minute. */
static bool tell_untold(struct health_log *log)
{
	bool is_left = false;

	for (struct health_log_told *e = first_told(log); e != NULL; e = next_told(log, e)) {
		if (e->untold > 0 && may_write(log, e)) {
			e->untold -= is_down(e) != e->is_told_down; /* that is the line's own */
			tell(log, e);
		}
		is_left = is_left || e->untold > 0;
	}
	return is_left;
}

static void look(struct health_log *log)
{
	struct book *book = log->book;
	const bool is_untold = tell_untold(log);
	const bool is_lacking = has_down(log);

	if (!is_lacking) {
		book->summary_gap_us = 0;
	} else if (book->summary_gap_us == 0) {
		book->summary_gap_us = SUMMARY_FIRST_US;
		book->summary_us = now_us(log) + SUMMARY_FIRST_US;
	} else if (now_us(log) >= book->summary_us) {
		summarise(log);
		if (book->summary_gap_us < SUMMARY_MOST_US)
			book->summary_gap_us *= 2;
		book->summary_us = now_us(log) + book->summary_gap_us;
	}
	if (book->lock.is_shared)
		timer_start(loop_timers(book->loop), &book->timer, LOOK_US);
	else if (is_untold || is_lacking)
		timer_start(loop_timers(book->loop), &book->timer, SUMMARY_FIRST_US);
}

static void on_timer(void *ctx)
{
	struct health_log *log = ctx;

	lock_take(&log->book->lock);
	look(log);
	lock_give(&log->book->lock);
}

static void note_change(struct health_log *log, struct health_log_told *told)
{
	struct book *book = log->book;

	if (is_down(told) == told->is_told_down && told->untold == 0)
		return; /* the network has changed in between; that tells no news */
	if (may_write(log, told))
		tell(log, told);
	else
		told->untold++;
	if (book->lock.is_shared ? book->summary_gap_us > 0 : timer_is_set(&book->timer))
		return;
	book->summary_gap_us = SUMMARY_FIRST_US;
	book->summary_us = now_us(log) + SUMMARY_FIRST_US;
	if (!book->lock.is_shared)
		timer_start(loop_timers(book->loop), &book->timer, SUMMARY_FIRST_US);
}

static void note_down(struct health_log *log, const struct health_log_entry *entry, unsigned probes)
{
	const struct server *server = entry->server;
	struct health_log_told *told = entry->told;

	if (!told->is_told_down || told->untold > 0)
		told->down_us = now_us(log);
	told->silences = server->silences;
	told->probes = probes;
	told->err = server->err;
	told->has_answered = server->heard_us != 0;
	note_change(log, told);
}

void health_log_down(struct health_log *log, struct health_log_entry *entry, unsigned probes)
{
	lock_take(&log->book->lock);
	entry->told->downs += !entry->is_down;
	entry->is_down = true;
	if (entry->told->downs == 1)
		note_down(log, entry, probes);
	lock_give(&log->book->lock);
}

static void forget(struct health_log_entry *entry)
{
	entry->told->downs -= entry->is_down;
	entry->is_down = false;
}

void health_log_up(struct health_log *log, struct health_log_entry *entry)
{
	lock_take(&log->book->lock);
	forget(entry);
	if (entry->told->downs == 0)
		note_change(log, entry->told);
	lock_give(&log->book->lock);
}

void health_log_forget(struct health_log *log, struct health_log_entry *entry)
{
	lock_take(&log->book->lock);
	forget(entry);
	lock_give(&log->book->lock);
}

/* --- beginning and end --------------------------------------------------------------------- */

static struct health_log_told *find(const struct health_log *log, const struct server *server)
{
	struct health_log_told *told = first_told(log);

	while (told != NULL && (!conf_server_equal(&told->how, server_how(server)) ||
				strcmp(told->group, server_group(server)) != 0))
		told = next_told(log, told);
	return told;
}

/* NULL when memory is short. */
static struct health_log_told *find_or_add(struct health_log *log, const struct server *server)
{
	const size_t group_size = strlen(server_group(server)) + 1;
	struct health_log_told *told = find(log, server);

	if (told != NULL)
		return told;
	told = mem_zalloc(sizeof(*told) + group_size);
	if (told == NULL)
		return NULL;
	told->how = *server_how(server);
	memcpy(told->group, server_group(server), group_size);
	list_add(&log->book->told, &told->link);
	return told;
}

int health_log_enter(struct health_log *log, struct health_log_entry *entry,
		     const struct server *server)
{
	lock_take(&log->book->lock);
	struct health_log_told *told = find_or_add(log, server);
	if (told != NULL)
		told->holders++;
	*entry = (struct health_log_entry){ .server = server, .told = told };
	if (told != NULL && server_state(server) == SERVER_DOWN) { /* and so it was found */
		entry->is_down = true;
		told->downs++;
	}
	lock_give(&log->book->lock);
	return told != NULL ? 0 : -ENOMEM;
}

void health_log_leave(struct health_log *log, struct health_log_entry *entry)
{
	struct health_log_told *told = entry->told;

	lock_take(&log->book->lock);
	forget(entry);
	if (--told->holders == 0) {
		list_remove(&told->link);
		mem_free(told);
	}
	lock_give(&log->book->lock);
}

static struct health_log *new_log(struct loop *loop, struct book *book)
{
	struct health_log *log = mem_zalloc(sizeof(*log));

	if (log == NULL)
		return NULL;
	log->loop = loop;
	log->book = book;
	book->holders++;
	return log;
}

struct health_log *health_log_new(struct loop *loop)
{
	struct book *book = mem_zalloc(sizeof(*book));

	if (book == NULL)
		return NULL;
	list_init(&book->told);
	book->loop = loop;
	struct health_log *log = new_log(loop, book);
	if (log == NULL)
		mem_free(book);
	else
		timer_init(&book->timer, on_timer, log);
	return log;
}

struct health_log *health_log_share(struct health_log *first, struct loop *loop)
{
	struct book *book = first->book;
	struct health_log *log = new_log(loop, book);

	if (log != NULL && !book->lock.is_shared) {
		lock_init(&book->lock, true);
		timer_start(loop_timers(book->loop), &book->timer, LOOK_US);
	}
	return log;
}

void health_log_free(struct health_log *log)
{
	if (log == NULL)
		return;
	if (--log->book->holders == 0) {
		timer_stop(loop_timers(log->loop), &log->book->timer);
		lock_done(&log->book->lock);
		mem_free(log->book);
	}
	mem_free(log);
}
