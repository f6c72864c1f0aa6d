#include "app/listeners.h"

#include <errno.h>

#include "app/port_holder.h"
#include "base/log.h"
#include "base/mem.h"
#include "front/listener_stream.h"
#include "front/listener_udp.h"

/* So often it is looked whether somebody still waits for an answer by a socket that goes. */
#define SWEEP_US (100u * USEC_PER_MSEC)

/* What is open of one entry. */
struct place {
	struct addr addr;
	struct listener_udp *udp;
	struct listener_stream *stream;
	bool is_new_udp, is_new_stream; /* opened for listeners_use() */
	bool has_returned;		/* was leaving */
};

struct places {
	struct place *all;
	size_t count;
};

struct listeners {
	struct loop *loop;
	struct worker *worker;
	struct listener_stream_table *connections;
	struct places now, next; /* next borrows from now and leaving what it can */
	struct places leaving;	 /* UDP alone */
	struct timer sweep;
};

/* --- what cannot be ------------------------------------------------------------------------ */

/* What is to be opened, and the place to complain of. */
struct opening {
	struct listeners *listeners;
	const struct listeners_wish *wish;
	const struct conf_listen *listen;
	struct place *place;
	bool is_tcp;
	struct complaints *complaints;
};

static int complain(const struct opening *opening, int err)
{
	const struct conf_place *place = &opening->listen->place;
	const char *protocol = opening->is_tcp ? "tcp" : "udp";
	struct port_holder holder;
	struct addr_text text;

	addr_to_text(&opening->listen->addr, &text);
	switch (err) {
	case -EADDRNOTAVAIL:
	case -EAFNOSUPPORT:
		if (opening->wish->is_default && opening->listen->addr.family == ADDR_IPV6) {
			LOG(LEVEL_WARNING, "%s %s: %s; going on without it", text.text, protocol,
			    err_text(err));
			return 0;
		}
		complaint_add(opening->complaints, place, "%s %s: this machine has no such address",
			      text.text, protocol);
		return err;
	case -EADDRINUSE:
		complaint_add(opening->complaints, place,
			      "%s %s: taken by %s; stop it, or listen elsewhere (-l)", text.text,
			      protocol,
			      port_holder_find(&opening->listen->addr, opening->is_tcp, &holder));
		return err;
	case -EACCES:
		complaint_add(opening->complaints, place,
			      "%s %s: ports below 1024 need root or CAP_NET_BIND_SERVICE",
			      text.text, protocol);
		return err;
	default:
		complaint_add(opening->complaints, place, "%s %s: cannot listen: %s", text.text,
			      protocol, err_text(err));
		return err;
	}
}

/* --- opening ------------------------------------------------------------------------------- */

static int open_socket(const struct opening *opening)
{
	struct listeners *listeners = opening->listeners;
	struct place *place = opening->place;

	if (opening->is_tcp)
		return listener_stream_new(listeners->connections, &place->addr, &place->stream);
	return listener_udp_new(listeners->loop, listeners->worker, &place->addr, &place->udp);
}

static int open_bound(const struct opening *opening, struct loop_binding binding)
{
	loop_set_binding(opening->listeners->loop, binding);
	const int err = open_socket(opening);
	loop_set_binding(opening->listeners->loop, (struct loop_binding){ .takes_over = false });
	return err;
}

static bool overlap(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && a->port == b->port &&
	       (addr_equal(a, b) || addr_is_wildcard(a) || addr_is_wildcard(b));
}

static bool is_wished(const struct conf *conf, const struct addr *addr, bool is_tcp)
{
	for (size_t i = 0; i < conf->listen_count; i++) {
		const struct conf_listen *listen = &conf->listen[i];

		if ((is_tcp ? listen->tcp : listen->udp) && addr_equal(&listen->addr, addr))
			return true;
	}
	return false;
}

static void let_in(const struct place *place, bool is_tcp, bool on)
{
	if (is_tcp && place->stream != NULL)
		listener_stream_let_in(place->stream, on);
	else if (!is_tcp && place->udp != NULL)
		listener_udp_let_in(place->udp, on);
}

/* Has sockets of ours that go, in the way of one that comes, let it in or not; counts them. */
static size_t let_in_all(const struct opening *opening, const struct places *places, bool on)
{
	size_t count = 0;

	for (size_t i = 0; i < places->count; i++) {
		const struct place *place = &places->all[i];

		if (!overlap(&place->addr, &opening->listen->addr) ||
		    (opening->is_tcp ? place->stream == NULL : place->udp == NULL) ||
		    is_wished(opening->wish->conf, &place->addr, opening->is_tcp))
			continue;
		let_in(place, opening->is_tcp, on);
		count++;
	}
	return count;
}

static size_t let_in_everywhere(const struct opening *opening, bool on)
{
	const struct listeners_wish *wish = opening->wish;
	size_t count = 0;

	for (size_t i = 0; i < wish->ours_count; i++) {
		count += let_in_all(opening, &wish->ours[i]->now, on);
		count += let_in_all(opening, &wish->ours[i]->leaving, on);
	}
	return count;
}

/* From a wildcard to one address, say: both are there for a moment. */
static int take_over(const struct opening *opening)
{
	int err = -EADDRINUSE;

	if (let_in_everywhere(opening, true) > 0)
		err = open_bound(opening, (struct loop_binding){ .takes_over = true });
	(void)let_in_everywhere(opening, false);
	return err;
}

static int open_one(const struct opening *opening)
{
	struct addr_text text;
	int err = open_socket(opening);

	if (err == -EADDRINUSE)
		err = take_over(opening);
	if (err == -EADDRNOTAVAIL && !opening->wish->is_default) {
		err = open_bound(opening, (struct loop_binding){ .is_absent = true });
		if (err == 0 && opening->wish->first == NULL &&
		    !(opening->is_tcp && opening->listen->udp)) /* once */
			LOG(LEVEL_WARNING,
			    "%s: no interface here has this address yet; it is served once one has "
			    "it",
			    addr_to_text(&opening->listen->addr, &text));
	}
	return err == 0 ? 0 : complain(opening, err);
}

/* --- what there is ------------------------------------------------------------------------- */

static struct place *find_udp(const struct places *places, const struct addr *addr)
{
	for (size_t i = 0; i < places->count; i++)
		if (places->all[i].udp != NULL && addr_equal(&places->all[i].addr, addr))
			return &places->all[i];
	return NULL;
}

static struct place *find_stream(const struct places *places, const struct addr *addr)
{
	for (size_t i = 0; i < places->count; i++)
		if (places->all[i].stream != NULL && addr_equal(&places->all[i].addr, addr))
			return &places->all[i];
	return NULL;
}

static int open_udp(struct opening *opening)
{
	struct listeners *listeners = opening->listeners;
	struct place *place = opening->place;
	const struct place *old = find_udp(&listeners->now, &place->addr);

	opening->is_tcp = false;
	if (old == NULL && (old = find_udp(&listeners->leaving, &place->addr)) != NULL)
		place->has_returned = true;
	if (old != NULL) {
		place->udp = old->udp;
		return 0;
	}
	const int err = open_one(opening);
	place->is_new_udp = place->udp != NULL;
	return err;
}

static int open_stream(struct opening *opening)
{
	struct place *place = opening->place;
	const struct place *old = find_stream(&opening->listeners->now, &place->addr);

	opening->is_tcp = true;
	if (old != NULL) {
		place->stream = old->stream;
		return 0;
	}
	const int err = open_one(opening);
	place->is_new_stream = place->stream != NULL;
	return err;
}

/* As the i-th entry has it, or as the first worker has been able to. */
static bool wish_of(const struct listeners_wish *wish, size_t at, struct conf_listen *ret_listen)
{
	*ret_listen = wish->conf->listen[at];
	if (wish->first == NULL)
		return true;
	ret_listen->udp = wish->first->next.all[at].udp != NULL;
	ret_listen->tcp = wish->first->next.all[at].stream != NULL;
	return ret_listen->udp || ret_listen->tcp;
}

/* For all that might go. */
static bool make_room_to_leave(struct listeners *listeners)
{
	struct places *leaving = &listeners->leaving;
	struct place *room = mem_realloc(leaving->all, (leaving->count + listeners->now.count) *
							       sizeof(struct place));

	if (room != NULL)
		leaving->all = room;
	return room != NULL;
}

int listeners_open(struct listeners *listeners, const struct listeners_wish *wish,
		   struct complaints *complaints)
{
	const size_t count = wish->conf == NULL ? 0 : wish->conf->listen_count;
	int err = 0;

	if (!make_room_to_leave(listeners))
		return -ENOMEM;
	listeners->next.all = mem_zalloc(count * sizeof(struct place));
	if (listeners->next.all == NULL)
		return -ENOMEM;
	listeners->next.count = count;
	for (size_t i = 0; i < count && err == 0; i++) {
		struct conf_listen listen;
		struct opening opening = { .listeners = listeners,
					   .wish = wish,
					   .listen = &listen,
					   .place = &listeners->next.all[i],
					   .complaints = complaints };

		opening.place->addr = wish->conf->listen[i].addr;
		if (!wish_of(wish, i, &listen))
			continue;
		if (listen.udp)
			err = open_udp(&opening);
		if (err == 0 && listen.tcp)
			err = open_stream(&opening);
	}
	if (err != 0)
		listeners_forget(listeners);
	return err;
}

static void drop(struct places *places)
{
	mem_free(places->all);
	*places = (struct places){ .all = NULL };
}

void listeners_forget(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->next.count; i++) {
		const struct place *place = &listeners->next.all[i];

		if (place->is_new_udp)
			listener_udp_free(place->udp);
		if (place->is_new_stream)
			listener_stream_free(place->stream);
	}
	drop(&listeners->next);
}

/* --- going --------------------------------------------------------------------------------- */

/* There is room for it since listeners_open(). */
static void leave_udp(struct listeners *listeners, const struct place *place)
{
	struct places *leaving = &listeners->leaving;

	listener_udp_leave(place->udp);
	leaving->all[leaving->count++] = (struct place){ .addr = place->addr, .udp = place->udp };
}

static void on_sweep(void *ctx)
{
	struct listeners *listeners = ctx;
	struct places *leaving = &listeners->leaving;
	size_t kept = 0;

	for (size_t i = 0; i < leaving->count; i++) {
		if (listener_udp_is_idle(leaving->all[i].udp))
			listener_udp_free(leaving->all[i].udp);
		else
			leaving->all[kept++] = leaving->all[i];
	}
	leaving->count = kept;
	if (kept > 0)
		timer_start(loop_timers(listeners->loop), &listeners->sweep, SWEEP_US);
}

/* What is used again is among those that leave no more. */
static void come_back(struct listeners *listeners, struct place *place)
{
	struct place *leaving = find_udp(&listeners->leaving, &place->addr);

	if (!place->has_returned || leaving == NULL)
		return;
	place->has_returned = false;
	*leaving = listeners->leaving.all[--listeners->leaving.count];
	const int err = listener_udp_return(place->udp);
	if (err != 0)
		log_write(LEVEL_ERROR, "listening again: %s", err_text(err));
}

static bool is_served(void *ctx, const struct addr *local)
{
	const struct listeners *listeners = ctx;

	for (size_t i = 0; i < listeners->now.count; i++)
		if (listeners->now.all[i].stream != NULL &&
		    overlap(&listeners->now.all[i].addr, local))
			return true;
	return false;
}

void listeners_use(struct listeners *listeners)
{
	struct places gone = listeners->now;

	listeners->now = listeners->next;
	listeners->next = (struct places){ .all = NULL };
	for (size_t i = 0; i < listeners->now.count; i++) {
		come_back(listeners, &listeners->now.all[i]);
		listeners->now.all[i].is_new_udp = listeners->now.all[i].is_new_stream = false;
	}
	for (size_t i = 0; i < gone.count; i++) {
		const struct place *place = &gone.all[i];

		if (place->udp != NULL && find_udp(&listeners->now, &place->addr) == NULL)
			leave_udp(listeners, place);
		if (place->stream == NULL || find_stream(&listeners->now, &place->addr) != NULL)
			continue;
		listener_stream_empty(place->stream);
		listener_stream_free(place->stream);
	}
	drop(&gone);
	listener_stream_dismiss(listeners->connections, is_served, listeners);
	if (listeners->leaving.count > 0)
		timer_start(loop_timers(listeners->loop), &listeners->sweep, 0);
}

void listeners_follow_ports(struct listeners *listeners)
{
	for (size_t i = 0; listeners != NULL && i < listeners->now.count; i++) {
		let_in(&listeners->now.all[i], true, false);
		let_in(&listeners->now.all[i], false, false);
	}
}

void listeners_give(const struct listeners *listeners, uid_t uid, gid_t gid)
{
	for (size_t i = 0; listeners != NULL && i < listeners->now.count; i++) {
		const struct place *place = &listeners->now.all[i];
		struct addr_text text;
		int err = 0;

		if (place->udp != NULL)
			err = listener_udp_give(place->udp, uid, gid);
		if (place->stream != NULL && err == 0)
			err = listener_stream_give(place->stream, uid, gid);
		if (err != 0)
			LOG(LEVEL_WARNING,
			    "%s: its socket stays root's: %s; more workers will not be able to "
			    "listen there",
			    addr_to_text(&place->addr, &text), err_text(err));
	}
}

/* --- beginning and end --------------------------------------------------------------------- */

struct listeners *listeners_new(struct loop *loop, struct worker *worker)
{
	struct listeners *listeners = mem_zalloc(sizeof(*listeners));

	if (listeners == NULL)
		return NULL;
	listeners->loop = loop;
	listeners->worker = worker;
	timer_init(&listeners->sweep, on_sweep, listeners);
	listeners->connections = listener_stream_table_new(loop, worker);
	if (listeners->connections == NULL) {
		listeners_free(listeners);
		return NULL;
	}
	return listeners;
}

void listeners_stop_accepting(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->now.count; i++) {
		listener_stream_free(listeners->now.all[i].stream);
		listeners->now.all[i].stream = NULL;
	}
}

static void free_udp(struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		listener_udp_free(places->all[i].udp);
	drop(places);
}

void listeners_free(struct listeners *listeners)
{
	if (listeners == NULL)
		return;
	timer_stop(loop_timers(listeners->loop), &listeners->sweep);
	listeners_forget(listeners);
	listeners_stop_accepting(listeners);
	listener_stream_table_free(listeners->connections);
	free_udp(&listeners->now);
	free_udp(&listeners->leaving);
	mem_free(listeners);
}

uint32_t listeners_connections(const struct listeners *listeners)
{
	return listener_stream_connections(listeners->connections);
}

size_t listeners_count(const struct listeners *listeners)
{
	return listeners->now.count;
}

bool listeners_get(const struct listeners *listeners, size_t at, struct conf_listen *ret_listen)
{
	const struct place *place = &listeners->now.all[at];

	*ret_listen = (struct conf_listen){
		.addr = place->addr,
		.udp = place->udp != NULL,
		.tcp = place->stream != NULL,
	};
	return ret_listen->udp || ret_listen->tcp;
}
