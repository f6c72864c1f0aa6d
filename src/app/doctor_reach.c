#include "app/doctor_reach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "wire/cursor.h"

/* RFC 5905 section 7.3: version 4, mode 3 (client) in the first byte; the server gives the transmit
 * timestamp back as the origin, in bytes 24 to 31. */
#define NTP_LEN 48u
#define NTP_ORIGIN 24u
#define NTP_TRANSMIT 40u
#define NTP_CLIENT 0x23u
#define NTP_MODE_SERVER 4u

void doctor_reach_init(struct doctor_reach *reach, struct loop *loop,
		       const struct doctor_reach_ways *ways, doctor_reach_fn fn, void *ctx)
{
	reach->loop = loop;
	reach->ways = ways;
	reach->fn = fn;
	reach->ctx = ctx;
	reach->started_us = (uint32_t)loop_clock(loop)->now_us;
}

static void close_try(struct doctor_reach_try *try)
{
	timer_stop(loop_timers(try->reach->loop), &try->end);
	stream_free(try->stream);
	udp_client_free(try->udp);
	tls_look_free(try->tls);
	try->tls = NULL;
	try->stream = NULL;
	try->udp = NULL;
}

static void finish(struct doctor_reach_try *try, enum doctor_reach_state state)
{
	struct doctor_reach *reach = try->reach;

	close_try(try);
	try->state = state;
	try->took_ms =
		((uint32_t)loop_clock(reach->loop)->now_us - reach->started_us) / USEC_PER_MSEC;
	if (--reach->waiting == 0)
		reach->fn(reach->ctx);
}

static void on_end(void *ctx)
{
	struct doctor_reach_try *try = ctx;

	finish(try, try->err == 0 ? REACH_SILENT : REACH_FAILED);
}

/* --- TCP ----------------------------------------------------------------------------------- */

static void on_connected(void *ctx)
{
	finish(ctx, REACH_OPEN);
}

static void on_broken(void *ctx, int err)
{
	struct doctor_reach_try *try = ctx;

	try->err = err;
	finish(try, err == -ECONNREFUSED ? REACH_CLOSED
		    : err == -ETIMEDOUT	 ? REACH_SILENT
					 : REACH_FAILED);
}

static void on_message(void *ctx, uint8_t *wire, size_t wire_len)
{
	(void)ctx; /* whoever talks first: it is closed as soon as it is open */
	(void)wire;
	(void)wire_len;
}

static void on_peer_end(void *ctx)
{
	finish(ctx, REACH_OPEN); /* it was open, at least */
}

static const struct stream_events events = { .on_message = on_message,
					     .on_connected = on_connected,
					     .on_end = on_peer_end,
					     .on_broken = on_broken };

/* --- NTP ----------------------------------------------------------------------------------- */

static void on_datagram(void *ctx, int err, uint8_t *wire, size_t wire_len)
{
	struct doctor_reach_try *try = ctx;

	if (err != 0) {
		on_broken(try, err);
		return;
	}
	if (wire_len < NTP_LEN || (wire[0] & 7u) != NTP_MODE_SERVER ||
	    memcmp(wire + NTP_ORIGIN, try->cookie, sizeof(try->cookie)) != 0)
		return;
	try->stratum = wire[1];
	finish(try, REACH_OPEN);
}

static int ask_time(struct doctor_reach_try *try)
{
	uint8_t packet[NTP_LEN] = { NTP_CLIENT };

	const int err = udp_client_new(try->reach->loop, &try->to, on_datagram, try, &try->udp);
	if (err != 0)
		return err;
	/* any number does for the time of sending; one that nobody guesses is better */
	random_bytes(try->cookie, sizeof(try->cookie));
	memcpy(packet + NTP_TRANSMIT, try->cookie, sizeof(try->cookie));
	return udp_client_send(try->udp, packet, sizeof(packet));
}

/* --- TLS ----------------------------------------------------------------------------------- */

static void on_issuer(void *ctx, const char *issuer)
{
	struct doctor_reach_try *try = ctx;

	snprintf(try->issuer, sizeof(try->issuer), "%s", issuer);
	finish(try, REACH_OPEN);
}

static const struct tls_look_events tls_events = { .on_issuer = on_issuer, .on_failed = on_broken };

/* As Apple's push daemon does: the name without a number. */
static const struct tls_look_names tls_names = { .server = "courier.push.apple.com",
						 .protocol = "apns-security-v3" };

/* --- what is tried ------------------------------------------------------------------------- */

static void find_way(const struct doctor_reach_ways *ways, const struct addr *addr, uint16_t port,
		     struct addr *ret_to)
{
	*ret_to = ways->at.family == ADDR_NONE ? *addr : ways->at;
	ret_to->port = port;
	for (size_t i = 0; i < ways->port_count; i++) {
		if (ways->ports[i].from == port)
			ret_to->port = ways->ports[i].to;
	}
}

const struct doctor_reach_try *doctor_reach_find(const struct doctor_reach *reach,
						 const struct addr *addr, uint16_t port,
						 bool is_tls)
{
	struct addr to;

	find_way(reach->ways, addr, port, &to);
	for (size_t i = 0; i < reach->count; i++) {
		const struct doctor_reach_try *try = reach->tries + i;
		if (try->is_tls == is_tls && try->port == port && addr_equal(&try->to.addr, &to))
			return try;
	}
	return NULL;
}

static int begin(struct doctor_reach_try *try)
{
	struct loop *loop = try->reach->loop;

	if (try->is_tls)
		return tls_look_start(loop, &try->to, &tls_names, &tls_events, try, &try->tls);
	if (try->port == DOCTOR_REACH_NTP)
		return ask_time(try);
	return stream_connect(loop, &try->to, &events, try, &try->stream);
}

void doctor_reach_start(struct doctor_reach *reach, const struct addr *addr, uint16_t port,
			bool is_tls)
{
	if (reach->count == DOCTOR_REACH_MAX ||
	    doctor_reach_find(reach, addr, port, is_tls) != NULL)
		return;
	struct doctor_reach_try *try = &reach->tries[reach->count++];
	*try = (struct doctor_reach_try){ .port = port, .is_tls = is_tls, .reach = reach };
	find_way(reach->ways, addr, port, &try->to.addr);
	reach->waiting++;
	timer_init(&try->end, on_end, try);
	try->err = begin(try);
	timer_start(loop_timers(reach->loop), &try->end,
		    try->err == 0 ? DOCTOR_REACH_PATIENCE_S * USEC_PER_SEC : 0);
}

void doctor_reach_done(struct doctor_reach *reach)
{
	for (size_t i = 0; i < reach->count; i++)
		close_try(&reach->tries[i]);
}
