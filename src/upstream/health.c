#include "upstream/health.h"

#include <errno.h>

#include "base/mem.h"
#include "server_internal.h"
#include "upstream/health_log.h"
#include "upstream/probe.h"

/* A suspected server is asked at once, a step later, and again by TCP; after four steps it is set
 * aside. A step is longer than it is known to take. */
#define SUSPECTED_PROBES 3u
#define VERDICT_STEPS 4u
#define STEP_LEAST_US (500u * USEC_PER_MSEC)
#define STEP_MOST_US (2u * USEC_PER_SEC)
/* One that is down is asked so often: while clients ask its group, and when nobody does. */
#define DOWN_ASKED_US (1u * USEC_PER_SEC)
#define DOWN_IDLE_US (12u * USEC_PER_SEC)
/* And after so many of these it is asked what a client asks. */
#define THEIRS_AFTER 4u
/* A probe's socket is good for so long: late replies count, forgers have no standing target. */
#define SOCKET_US (8u * USEC_PER_SEC)

struct health {
	struct probe_ways ways;
	struct stats *stats;
	struct health_log *log;
	struct list patients;
};

/* A server that is looked after. While it is up there is neither a timer nor a socket. */
struct patient {
	struct server_watch watch; /* first: the server's */
	struct health *health;
	struct server *server;	 /* not held: it tells when it goes */
	bool knows_stream_alone; /* it has answered over TCP, but not over UDP */
	bool wants_theirs;	 /* it is to be asked what a client asks next */
	bool has_theirs;	 /* that is what was asked last */
	unsigned probes;	 /* since it came to be suspected, without a reply */
	uint64_t began_us;	 /* when that was */
	uint64_t opened_us;	 /* the probe's socket */
	uint64_t sent_us;	 /* the last probe */
	struct list link;	 /* in health->patients */
	struct health_log_entry log;
	struct timer timer;
	struct probe probe;
};

static uint64_t now_us(const struct patient *patient)
{
	return loop_clock(patient->health->ways.loop)->now_us;
}

static void wake_in(struct patient *patient, uint64_t us)
{
	timer_start(loop_timers(patient->health->ways.loop), &patient->timer, us);
}

static void wake_at(struct patient *patient, uint64_t at_us)
{
	const uint64_t now = now_us(patient);

	wake_in(patient, at_us > now ? at_us - now : 0);
}

static void stop_asking(struct patient *patient)
{
	probe_close(&patient->probe);
	timer_stop(loop_timers(patient->health->ways.loop), &patient->timer);
}

/* --- probes -------------------------------------------------------------------------------- */

static bool is_our_lack(int err)
{
	return err_is_lack(err) || err == ERR_LIMIT;
}

static void set_aside(struct patient *patient)
{
	server_set_aside(patient->server);
	health_log_down(patient->health->log, &patient->log, patient->probes);
	wake_at(patient, patient->sent_us + DOWN_IDLE_US);
}

static void take_error(struct patient *patient, int err)
{
	patient->server->err = err;
	if (server_state(patient->server) == SERVER_SUSPECTED)
		set_aside(patient);
}

static void ask(struct patient *patient, bool by_stream)
{
	const uint64_t now = now_us(patient);

	if (!by_stream && now - patient->opened_us >= SOCKET_US) {
		probe_close(&patient->probe);
		patient->opened_us = now;
	}
	patient->sent_us = now;
	const int err = probe_send(&patient->probe, by_stream);
	if (is_our_lack(err) && !by_stream)
		return; /* says nothing of the server */
	patient->probes++;
	stats_add(patient->health->stats, STAT_UPSTREAM_PROBES, err == 0);
	if (err != 0 && !by_stream)
		take_error(patient, err);
}

static uint32_t step_us(const struct patient *patient)
{
	const uint32_t known_us = latency_measured_us(&patient->server->latency);
	const uint32_t us = known_us + known_us / 4;

	return us < STEP_LEAST_US ? STEP_LEAST_US : us > STEP_MOST_US ? STEP_MOST_US : us;
}

static void look_at_suspect(struct patient *patient)
{
	const bool is_last = patient->probes + 1 == SUSPECTED_PROBES;

	if (patient->probes >= SUSPECTED_PROBES) {
		set_aside(patient);
		return;
	}
	/* before it is asked, for that may end in another time */
	wake_in(patient, is_last ? (VERDICT_STEPS - SUSPECTED_PROBES + 1) * step_us(patient)
				 : step_us(patient));
	ask(patient, is_last);
}

/* One that is known to answer over TCP alone is asked by both ways in turn. */
static void look_at_down(struct patient *patient)
{
	wake_in(patient, DOWN_IDLE_US);
	if (patient->has_theirs)
		probe_set_question(&patient->probe, NULL);
	patient->has_theirs = false;
	ask(patient, patient->knows_stream_alone && patient->probes % 2 == 0);
	patient->wants_theirs = patient->wants_theirs || patient->probes % THEIRS_AFTER == 0;
}

/* A probe in the place of the next; not for questions that say who asks, or ask for much. */
static void ask_theirs(struct patient *patient, const struct query_view *view)
{
	if (view->is_opaque || (view->type >= 128 && view->type <= 255))
		return;
	patient->wants_theirs = false;
	patient->has_theirs = true;
	probe_set_question(&patient->probe, view);
	wake_in(patient, DOWN_ASKED_US);
	ask(patient, false);
}

static void on_timer(void *ctx)
{
	struct patient *patient = ctx;

	switch (server_state(patient->server)) {
	case SERVER_UP:
		return;
	case SERVER_SUSPECTED:
		look_at_suspect(patient);
		return;
	case SERVER_DOWN:
		look_at_down(patient);
		return;
	}
}

static void on_probe(struct probe *probe, int err, bool by_stream)
{
	struct patient *patient = LIST_ITEM(probe, struct patient, probe);
	const uint64_t now = now_us(patient);

	if (is_our_lack(err))
		return;
	if (err != 0) {
		take_error(patient, err);
		return;
	}
	patient->knows_stream_alone = by_stream;
	/* once it is down, nobody knows which probe it was that it answers */
	if (server_state(patient->server) == SERVER_SUSPECTED)
		latency_add(&patient->server->latency, now,
			    (uint32_t)(now - (by_stream ? patient->sent_us : patient->began_us)),
			    (uint32_t)(now - patient->sent_us), by_stream ? 1 : patient->probes);
	server_hear(patient->server, now);
}

/* --- what servers tell --------------------------------------------------------------------- */

static void on_change(struct server_watch *watch)
{
	struct patient *patient = (struct patient *)(void *)watch;

	switch (server_state(patient->server)) {
	case SERVER_UP:
		stop_asking(patient);
		patient->wants_theirs = false;
		health_log_up(patient->health->log, &patient->log);
		return;
	case SERVER_SUSPECTED:
		if (patient->has_theirs)
			probe_set_question(&patient->probe, NULL);
		patient->has_theirs = false;
		patient->began_us = now_us(patient);
		patient->opened_us = patient->sent_us = 0;
		patient->probes = 0;
		wake_in(patient, 0);
		return;
	case SERVER_DOWN: /* so it was found */
		wake_in(patient, 0);
		return;
	}
}

static void let_go(struct patient *patient)
{
	stop_asking(patient);
	health_log_leave(patient->health->log, &patient->log);
	patient->server->watch = NULL;
	list_remove(&patient->link);
	mem_free(patient);
}

static void on_gone(struct server_watch *watch)
{
	let_go((struct patient *)(void *)watch);
}

static void look_after(struct health *health, struct server *server)
{
	struct patient *patient = mem_zalloc(sizeof(*patient));

	if (patient == NULL)
		return; /* another question, another try */
	patient->watch.on_change = on_change;
	patient->watch.on_gone = on_gone;
	patient->health = health;
	patient->server = server;
	probe_init(&patient->probe, &health->ways, server, on_probe);
	timer_init(&patient->timer, on_timer, patient);
	if (health_log_enter(health->log, &patient->log, server) != 0) {
		mem_free(patient);
		return;
	}
	list_add(&health->patients, &patient->link);
	server->watch = &patient->watch;
	if (server_state(server) != SERVER_UP)
		on_change(&patient->watch);
}

void health_note_asked(struct health *health, struct server *server, const struct query_view *view)
{
	if (server->watch == NULL)
		look_after(health, server);
	if (server->watch == NULL || server_state(server) != SERVER_DOWN)
		return;
	struct patient *patient = (struct patient *)(void *)server->watch;
	if (patient->health != health)
		return;
	if (patient->wants_theirs && view != NULL)
		ask_theirs(patient, view);
	if (patient->timer.due_us > patient->sent_us + DOWN_ASKED_US)
		wake_at(patient, patient->sent_us + DOWN_ASKED_US);
}

void health_network_changed(struct health *health)
{
	for (struct list *link = list_first(&health->patients); link != NULL;
	     link = list_next(&health->patients, link)) {
		struct patient *patient = LIST_ITEM(link, struct patient, link);

		stop_asking(patient);
		server_forget(patient->server);
		health_log_forget(health->log, &patient->log);
	}
}

struct health *health_new(struct loop *loop, struct stats *stats, struct transport_udp *datagrams,
			  struct transport_stream *streams, struct health *first)
{
	struct health *health = mem_zalloc(sizeof(*health));

	if (health == NULL)
		return NULL;
	health->ways.loop = loop;
	health->ways.datagrams = datagrams;
	health->ways.streams = streams;
	health->stats = stats;
	list_init(&health->patients);
	health->log = first != NULL ? health_log_share(first->log, loop) : health_log_new(loop);
	if (health->log == NULL) {
		health_free(health);
		return NULL;
	}
	return health;
}

void health_free(struct health *health)
{
	if (health == NULL)
		return;
	for (struct list *link; (link = list_first(&health->patients)) != NULL;)
		let_go(LIST_ITEM(link, struct patient, link));
	health_log_free(health->log);
	mem_free(health);
}
