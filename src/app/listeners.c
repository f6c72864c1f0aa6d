#include "app/listeners.h"

#include <errno.h>

#include "app/port_holder.h"
#include "base/log.h"
#include "base/mem.h"
#include "front/listener_stream.h"
#include "front/listener_udp.h"

/* So often it is looked whether somebody still waits for an answer by a socket that goes. */
#define SWEEP_US (100u * USEC_PER_MSEC)

/* One socket; an entry of `listen` has two, for UDP and then for TCP. */
struct place {
	struct listener_udp *udp;	/* or the other, or neither: it is not open */
	struct stream_listener *stream; /* likewise */
	bool is_tcp;
	bool is_new;	   /* opened for listeners_use() */
	bool has_returned; /* was leaving */
	struct addr addr;
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

/* --- one of them --------------------------------------------------------------------------- */

static bool is_open(const struct place *place)
{
	return place->udp != NULL || place->stream != NULL;
}

static void close_place(const struct place *place)
{
	listener_udp_free(place->udp);
	stream_listener_free(place->stream);
}

static void let_in(const struct place *place, bool on)
{
	if (place->udp != NULL)
		listener_udp_let_in(place->udp, on);
	else if (place->stream != NULL)
		stream_listener_let_in(place->stream, on);
}

/* One that is open, as that one is or is to be. */
static struct place *find(const struct places *places, const struct place *like)
{
	for (size_t i = 0; i < places->count; i++) {
		struct place *place = &places->all[i];

		if (is_open(place) && place->is_tcp == like->is_tcp &&
		    addr_equal(&place->addr, &like->addr))
			return place;
	}
	return NULL;
}

/* --- what cannot be ------------------------------------------------------------------------ */

/* What is to be opened, and the place to complain of. */
struct opening {
	struct listeners *listeners;
	const struct listeners_wish *wish;
	const struct conf_listen *listen;
	struct place *place;
	struct complaints *complaints;
};

static int complain(const struct opening *opening, int err)
{
	const struct addr *addr = &opening->place->addr;
	const char *protocol = opening->place->is_tcp ? "tcp" : "udp", *why = NULL;
	struct port_holder holder;
	struct addr_text text;

	addr_to_text(addr, &text);
	if (err == -EADDRINUSE) {
		complaint_add(opening->complaints, &opening->listen->place,
			      "%s %s: taken by %s; stop it, or listen elsewhere (-l)", text.text,
			      protocol, port_holder_find(addr, opening->place->is_tcp, &holder));
		return err;
	}
	if (err == -EADDRNOTAVAIL || err == -EAFNOSUPPORT) {
		if (opening->wish->is_default && addr->family == ADDR_IPV6) {
			LOG(LEVEL_WARNING, "%s %s: %s; going on without it", text.text, protocol,
			    err_text(err));
			return 0;
		}
		why = "this machine has no such address";
	} else if (err == -EACCES) {
		why = "ports below 1024 need root or CAP_NET_BIND_SERVICE";
	}
	complaint_add(opening->complaints, &opening->listen->place, "%s %s: %s%s", text.text,
		      protocol, why == NULL ? "cannot listen: " : "",
		      why == NULL ? err_text(err) : why);
	return err;
}

/* --- opening ------------------------------------------------------------------------------- */

static int open_socket(const struct opening *opening)
{
	struct listeners *listeners = opening->listeners;
	struct place *place = opening->place;

	if (place->is_tcp)
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

static bool has_protocol(const struct conf_listen *listen, bool is_tcp)
{
	return is_tcp ? listen->tcp : listen->udp;
}

static bool is_wished(const struct conf *conf, const struct place *place)
{
	for (size_t i = 0; i < conf->listen_count; i++) {
		if (has_protocol(&conf->listen[i], place->is_tcp) &&
		    addr_equal(&conf->listen[i].addr, &place->addr))
			return true;
	}
	return false;
}

/* Has sockets of ours that go, in the way of one that comes, let it in or not; counts them. */
static size_t let_in_all(const struct opening *opening, const struct places *places, bool on)
{
	size_t count = 0;

	for (size_t i = 0; i < places->count; i++) {
		const struct place *place = &places->all[i];

		if (!is_open(place) || place->is_tcp != opening->place->is_tcp ||
		    !overlap(&place->addr, &opening->place->addr) ||
		    is_wished(opening->wish->conf, place))
			continue;
		let_in(place, on);
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

static int open_anew(const struct opening *opening)
{
	struct addr_text text;
	int err = open_socket(opening);

	if (err == -EADDRINUSE)
		err = take_over(opening);
	if (err == -EADDRNOTAVAIL && !opening->wish->is_default) {
		err = open_bound(opening, (struct loop_binding){ .is_absent = true });
		if (err == 0 && opening->wish->first == NULL &&
		    !(opening->place->is_tcp && opening->listen->udp)) /* once */
			LOG(LEVEL_WARNING,
			    "%s: no interface here has this address yet; it is served once one has "
			    "it",
			    addr_to_text(&opening->place->addr, &text));
	}
	return err == 0 ? 0 : complain(opening, err);
}

/* Or takes the one there is. */
static int open_place(const struct opening *opening)
{
	const struct listeners *listeners = opening->listeners;
	struct place *place = opening->place;
	const struct place *old = find(&listeners->now, place);

	if (old == NULL && (old = find(&listeners->leaving, place)) != NULL)
		place->has_returned = true;
	if (old != NULL) {
		place->udp = old->udp;
		place->stream = old->stream;
		return 0;
	}
	const int err = open_anew(opening);
	place->is_new = is_open(place);
	return err;
}

/* As its entry has it, or as the first worker has been able to. */
static bool is_wanted(const struct listeners_wish *wish, size_t at)
{
	return wish->first == NULL ? has_protocol(&wish->conf->listen[at / 2], at % 2 != 0)
				   : is_open(&wish->first->next.all[at]);
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
	const size_t count = wish->conf == NULL ? 0 : 2 * wish->conf->listen_count;
	int err = 0;

	if (!make_room_to_leave(listeners))
		return -ENOMEM;
	listeners->next.all = mem_zalloc(count * sizeof(struct place));
	if (listeners->next.all == NULL)
		return -ENOMEM;
	listeners->next.count = count;
	for (size_t i = 0; i < count && err == 0; i++) {
		const struct opening opening = { .listeners = listeners,
						 .wish = wish,
						 .listen = &wish->conf->listen[i / 2],
						 .place = &listeners->next.all[i],
						 .complaints = complaints };

		opening.place->addr = opening.listen->addr;
		opening.place->is_tcp = i % 2 != 0;
		if (is_wanted(wish, i))
			err = open_place(&opening);
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
		if (listeners->next.all[i].is_new)
			close_place(&listeners->next.all[i]);
	}
	drop(&listeners->next);
}

/* --- going --------------------------------------------------------------------------------- */

/* There is room for it since listeners_open(). */
static void leave(struct listeners *listeners, const struct place *place)
{
	struct places *leaving = &listeners->leaving;

	if (place->is_tcp) {
		stream_listener_empty(place->stream);
		stream_listener_free(place->stream);
		return;
	}
	listener_udp_leave(place->udp);
	leaving->all[leaving->count++] = *place;
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
static void come_back(struct listeners *listeners, const struct place *place)
{
	struct place *leaving = find(&listeners->leaving, place);

	if (leaving == NULL)
		return;
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
		struct place *place = &listeners->now.all[i];

		if (place->has_returned)
			come_back(listeners, place);
		place->is_new = place->has_returned = false;
	}
	for (size_t i = 0; i < gone.count; i++) {
		const struct place *place = &gone.all[i];

		if (is_open(place) && find(&listeners->now, place) == NULL)
			leave(listeners, place);
	}
	drop(&gone);
	listener_stream_dismiss(listeners->connections, is_served, listeners);
	if (listeners->leaving.count > 0)
		timer_start(loop_timers(listeners->loop), &listeners->sweep, 0);
}

void listeners_follow_ports(struct listeners *listeners)
{
	for (size_t i = 0; listeners != NULL && i < listeners->now.count; i++)
		let_in(&listeners->now.all[i], false);
}

void listeners_give(const struct listeners *listeners, uid_t uid, gid_t gid)
{
	int err = 0;

	for (size_t i = 0; listeners != NULL && i < listeners->now.count; i++) {
		const struct place *place = &listeners->now.all[i];
		struct addr_text text;

		if (place->is_tcp && err != 0) /* once for both of an entry */
			continue;
		err = 0;
		if (place->udp != NULL)
			err = listener_udp_give(place->udp, uid, gid);
		if (place->stream != NULL)
			err = stream_listener_give(place->stream, uid, gid);
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
		stream_listener_free(listeners->now.all[i].stream);
		listeners->now.all[i].stream = NULL;
	}
}

static void close_all(struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		close_place(&places->all[i]);
	drop(places);
}

void listeners_free(struct listeners *listeners)
{
	if (listeners == NULL)
		return;
	timer_stop(loop_timers(listeners->loop), &listeners->sweep);
	listeners_forget(listeners);
	listener_stream_table_free(listeners->connections);
	close_all(&listeners->now);
	close_all(&listeners->leaving);
	mem_free(listeners);
}

uint32_t listeners_connections(const struct listeners *listeners)
{
	return listener_stream_connections(listeners->connections);
}

size_t listeners_count(const struct listeners *listeners)
{
	return listeners->now.count / 2;
}

bool listeners_get(const struct listeners *listeners, size_t at, struct conf_listen *ret_listen)
{
	const struct place *udp = &listeners->now.all[2 * at], *tcp = udp + 1;

	*ret_listen = (struct conf_listen){
		.addr = udp->addr,
		.udp = is_open(udp),
		.tcp = is_open(tcp),
	};
	return ret_listen->udp || ret_listen->tcp;
}
