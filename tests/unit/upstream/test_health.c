#include "upstream/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "fake_net.h"
#include "upstream/pool.h"
#include "wire/message.h"

#define MSEC ((uint64_t)USEC_PER_MSEC)
#define SEC ((uint64_t)USEC_PER_SEC)
#define SERVERS_MAX 3u

/* A group of servers, what looks after them, and what the log says of that. */
struct ward {
	struct loop *loop;
	struct stats stats;
	struct transport_udp *datagrams;
	struct transport_stream *streams;
	struct health *health;
	struct server *servers[SERVERS_MAX];
	unsigned count;
	unsigned lines;
	char line[16][256];
};

static void keep_line(void *ctx, enum log_level level, const char *text)
{
	struct ward *ward = ctx;

	(void)level;
	if (ward->lines < 16)
		snprintf(ward->line[ward->lines], sizeof(ward->line[0]), "%s", text);
	ward->lines++;
}

static void ward_free(struct ward *ward)
{
	log_tap(NULL, NULL);
	health_free(ward->health);
	transport_stream_free(ward->streams);
	transport_udp_free(ward->datagrams);
	for (unsigned i = 0; i < ward->count; i++)
		server_unref(ward->servers[i]);
}

/* Servers are 192.0.2.1, .2, .3 of the group "default", and clients have begun to ask. */
static struct ward *ward_new(unsigned count)
{
	struct ward *ward = unit_zalloc(sizeof(*ward));

	assert_int_equal(loop_new(&ward->loop), 0);
	unit_own(ward->loop, loop_free);
	unit_own(ward, ward_free);
	log_open(LEVEL_INFO, LOG_TO_STDERR);
	log_tap(keep_line, ward);
	ward->streams = transport_stream_new(ward->loop, &ward->stats);
	assert_non_null(ward->streams);
	ward->datagrams = transport_udp_new(ward->loop, &ward->stats);
	assert_non_null(ward->datagrams);
	ward->health = health_new(ward->loop, &ward->stats, ward->datagrams, ward->streams, NULL);
	assert_non_null(ward->health);
	for (unsigned i = 0; i < count; i++) {
		const struct conf_server how = { .addr = fake_addr(i + 1) };

		ward->servers[i] = server_new("default", &how);
		assert_non_null(ward->servers[i]);
		ward->count++;
	}
	for (unsigned i = 0; i < count; i++)
		health_note_asked(ward->health, ward->servers[i], NULL);
	return ward;
}

static uint64_t now_us(const struct ward *ward)
{
	return ward->loop->clock.now_us;
}

static void note_reply(struct ward *ward, unsigned server)
{
	server_note_sent(ward->servers[server], false, now_us(ward));
	server_note_reply(ward->servers[server], now_us(ward), MSEC, MSEC, 1);
}

/* So many questions of its own to a server, half a second each, come to nothing. */
static void ask_in_vain(struct ward *ward, unsigned server, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		health_note_asked(ward->health, ward->servers[server], NULL);
		server_note_sent(ward->servers[server], false, now_us(ward));
		fake_pass(ward->loop, 500 * MSEC);
		server_note_silence(ward->servers[server], now_us(ward));
	}
	fake_pass(ward->loop, MSEC);
}

/* Clients ask its group for so long, four times a second. */
static void ask_around(struct ward *ward, unsigned server, unsigned seconds)
{
	for (unsigned i = 0; i < 4 * seconds; i++) {
		health_note_asked(ward->health, ward->servers[server], NULL);
		fake_pass(ward->loop, 250 * MSEC);
	}
}

static void reply_to(struct ward *ward, unsigned at)
{
	uint8_t wire[FAKE_WIRE];

	assert_true(at < ward->loop->sent);
	const struct fake_sent *sent = &ward->loop->sends[at];
	memcpy(wire, sent->wire, sent->len);
	message_set_flags(wire, FLAG_QR | FLAG_RD | FLAG_RA | RCODE_REFUSED); /* whatever */
	fake_deliver(ward->loop, sent->socket, wire, sent->len);
}

static void reply_to_last(struct ward *ward)
{
	assert_true(ward->loop->sent > 0);
	reply_to(ward, ward->loop->sent - 1);
}

static void condemn(struct ward *ward, unsigned server)
{
	ask_in_vain(ward, server, 3);
	fake_pass(ward->loop, 2010 * MSEC);
	assert_int_equal(server_state(ward->servers[server]), SERVER_DOWN);
}

static void assert_line(const struct ward *ward, unsigned at, const char *wanted)
{
	assert_true(at < ward->lines);
	assert_string_equal(ward->line[at], wanted);
}

/* --- what makes a server suspected --- */

static void server_that_answers_is_never_probed(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	for (unsigned i = 0; i < 1000; i++) {
		health_note_asked(ward->health, ward->servers[0], NULL);
		note_reply(ward, 0);
		fake_pass(ward->loop, 600 * MSEC);
	}
	assert_int_equal(ward->loop->sent, 0);
	assert_int_equal(ward->lines, 0);
	assert_int_equal(fake_open_count(ward->loop), 0);
}

static void UF_03_silent_names_beside_good_ones_raise_no_suspicion(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	for (unsigned i = 0; i < 200; i++) {
		ask_in_vain(ward, 0, 2);
		note_reply(ward, 0);
		assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
	}
	assert_int_equal(ward->loop->sent, 0);
}

static void UF_03_server_that_ignores_every_name_but_answers_the_probe_stays_up(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	for (unsigned i = 0; i < 10; i++) {
		ask_in_vain(ward, 0, 3);
		assert_int_equal(server_state(ward->servers[0]), SERVER_SUSPECTED);
		assert_int_equal(ward->loop->sent, i + 1);
		reply_to_last(ward);
		assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
		assert_int_equal(fake_open_count(ward->loop), 0);
		fake_pass(ward->loop, 15 * SEC);
	}
	assert_int_equal(ward->loop->sent, 10);
	assert_int_equal(ward->lines, 0);
}

static void UF_04_burst_of_silent_names_is_one_suspicion(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	note_reply(ward, 0);
	fake_pass(ward->loop, 2 * SEC);
	for (unsigned i = 0; i < 400; i++)
		server_note_silence(ward->servers[0], now_us(ward));
	fake_pass(ward->loop, MSEC);
	assert_int_equal(ward->loop->sent, 1);
	reply_to_last(ward);
	for (unsigned i = 0; i < 400; i++)
		server_note_silence(ward->servers[0], now_us(ward));
	fake_pass(ward->loop, 500 * MSEC);
	assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
	assert_int_equal(ward->loop->sent, 1);
}

static void silence_of_a_moment_is_no_suspicion(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	note_reply(ward, 0);
	fake_pass(ward->loop, 100 * MSEC);
	for (unsigned i = 0; i < 50; i++)
		server_note_silence(ward->servers[0], now_us(ward));
	assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
}

/* Slower than others are patient with: it answers probes, and no question in time. */
static void server_that_is_always_too_late_is_probed_ever_more_rarely(void **state)
{
	struct ward *ward = ward_new(2);
	(void)state;

	for (unsigned i = 0; i < 240; i++) {
		ask_in_vain(ward, 0, 1);
		if (server_state(ward->servers[0]) == SERVER_UP)
			continue;
		fake_pass(ward->loop, 300 * MSEC);
		reply_to_last(ward);
	}
	assert_in_range(ward->loop->sent, 5, 15);
	assert_int_equal(ward->lines, 0);
	/* one that has answered again is an ordinary one */
	note_reply(ward, 0);
	const unsigned before = ward->loop->sent;
	ask_in_vain(ward, 0, 3);
	assert_int_equal(ward->loop->sent, before + 1);
}

/* --- what a probe is --- */

static void probe_asks_for_the_root(void **state)
{
	static const uint8_t wanted[] =
		"\1\0\0\1\0\0\0\0\0\1\0\0\2\0\1\0\0\x29\4\xd0\0\0\0\0\0\0"; /* behind the ID */
	struct ward *ward = ward_new(1);
	const struct fake_sent *sent = ward->loop->sends;
	const struct addr to = fake_addr(1);
	(void)state;

	ask_in_vain(ward, 0, 3);
	assert_int_equal(ward->loop->sent, 1);
	assert_false(sent->is_stream);
	assert_true(addr_equal(&sent->to, &to));
	assert_int_equal(sent->len, 2 + sizeof(wanted) - 1);
	assert_memory_equal(sent->wire + 2, wanted, sizeof(wanted) - 1);
	assert_int_equal(ward->stats.count[STAT_UPSTREAM_PROBES], 1);
	assert_int_equal(ward->stats.count[STAT_UPSTREAM_UDP], 0);
}

static void probe_does_without_edns_where_the_server_does(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	server_note_lacks_edns(ward->servers[0], now_us(ward));
	ask_in_vain(ward, 0, 3);
	assert_int_equal(ward->loop->sent, 1);
	assert_int_equal(ward->loop->sends[0].len, 17);
}

static void UF_10_packet_that_does_not_match_is_no_sign_of_life(void **state)
{
	struct ward *ward = ward_new(1);
	const struct fake_sent *sent = ward->loop->sends;
	uint8_t wire[FAKE_WIRE];
	(void)state;

	ask_in_vain(ward, 0, 3);
	assert_int_equal(ward->loop->sent, 1);
	for (unsigned fault = 0; fault < 4; fault++) {
		size_t len = sent->len;

		memcpy(wire, sent->wire, len);
		message_set_flags(wire, fault == 0 ? FLAG_RD : FLAG_QR | FLAG_RD);
		if (fault == 1)
			message_set_id(wire, message_id(wire) ^ 1);
		if (fault == 2)
			wire[14] = TYPE_A;
		if (fault == 3)
			len = 5;
		fake_deliver(ward->loop, sent->socket, wire, len);
		assert_int_equal(server_state(ward->servers[0]), SERVER_SUSPECTED);
	}
	reply_to_last(ward);
	assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
}

static void header_that_says_formerr_is_a_sign_of_life(void **state)
{
	struct ward *ward = ward_new(1);
	const struct fake_sent *sent = ward->loop->sends;
	uint8_t wire[12] = { 0 };
	(void)state;

	ask_in_vain(ward, 0, 3);
	assert_int_equal(ward->loop->sent, 1);
	message_set_id(wire, message_id(sent->wire));
	message_set_flags(wire, FLAG_QR | RCODE_FORMERR);
	fake_deliver(ward->loop, sent->socket, wire, sizeof(wire));
	assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
}

/* --- verdicts --- */

static void silent_server_is_probed_three_times_and_set_aside(void **state)
{
	struct ward *ward = ward_new(2);
	(void)state;

	note_reply(ward, 0);
	ask_in_vain(ward, 0, 5);
	fake_pass(ward->loop, 980 * MSEC);
	assert_int_equal(server_state(ward->servers[0]), SERVER_SUSPECTED);
	fake_pass(ward->loop, 30 * MSEC);
	assert_int_equal(server_state(ward->servers[0]), SERVER_DOWN);
	assert_int_equal(ward->lines, 1);
	assert_line(ward, 0,
		    "group default: server 192.0.2.1@53 does not answer any more (no reply to 5 "
		    "questions and 3 probes); set aside, 1 of 2 servers left");
	if (unit_is_starved())
		return;
	/* by the same port with the same ID; the third over TCP */
	fake_connected(ward->loop, 1);
	assert_int_equal(ward->loop->sends[1].socket, 0);
	assert_int_equal(message_id(ward->loop->sends[1].wire),
			 message_id(ward->loop->sends[0].wire));
	assert_true(ward->loop->sends[2].is_stream);
}

static void any_reply_of_its_own_clears_a_server(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	ask_in_vain(ward, 0, 3);
	note_reply(ward, 0);
	assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
	fake_pass(ward->loop, 100 * SEC);
	assert_int_equal(ward->loop->sent, 1);
	assert_int_equal(ward->lines, 0);
}

static void UF_05_server_that_takes_a_second_and_a_half_is_not_set_aside(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	for (unsigned i = 0; i < 20; i++) {
		ask_in_vain(ward, 0, 3);
		const unsigned first = ward->loop->sent - 1;

		fake_pass(ward->loop, 1500 * MSEC);
		assert_int_equal(server_state(ward->servers[0]), SERVER_SUSPECTED);
		reply_to(ward, first);
		assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
		fake_pass(ward->loop, 15 * SEC);
	}
	assert_int_equal(ward->lines, 0);
}

static void UF_06_server_known_to_take_four_seconds_has_more_time(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	for (unsigned i = 0; i < 5; i++)
		server_note_reply(ward->servers[0], now_us(ward), 4 * SEC, 4 * SEC, 1);
	ask_in_vain(ward, 0, 3);
	fake_pass(ward->loop, 4 * SEC);
	assert_int_equal(server_state(ward->servers[0]), SERVER_SUSPECTED);
	reply_to(ward, 0);
	assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
	assert_int_equal(ward->lines, 0);
}

static void UF_31_refusal_is_made_sure_of_at_once(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	server_note_error(ward->servers[0], -ECONNREFUSED, now_us(ward));
	assert_int_equal(server_state(ward->servers[0]), SERVER_SUSPECTED);
	fake_pass(ward->loop, MSEC);
	assert_int_equal(ward->loop->sent, 1);
	fake_break(ward->loop, 0, -ECONNREFUSED);
	assert_int_equal(server_state(ward->servers[0]), SERVER_DOWN);
	assert_line(
		ward, 0,
		"group default: server 192.0.2.1@53 cannot be reached (Connection refused); set "
		"aside, no other server left: it is asked all the same");
}

static void server_that_refuses_tcp_alone_is_up(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	for (unsigned i = 0; i < 100; i++) {
		server_note_error(ward->servers[0], -ECONNREFUSED, now_us(ward));
		fake_pass(ward->loop, 100 * MSEC);
		if (ward->loop->sent > 0)
			reply_to_last(ward);
		assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
	}
	assert_in_range(ward->loop->sent, 1, 11);
	assert_int_equal(ward->lines, 0);
}

static void no_route_sets_aside_without_a_packet(void **state)
{
	struct ward *ward = ward_new(2);
	(void)state;

	ward->loop->udp_new_fails = -ENETUNREACH;
	for (unsigned i = 0; i < 2; i++)
		server_note_error(ward->servers[i], -ENETUNREACH, now_us(ward));
	fake_pass(ward->loop, MSEC);
	assert_int_equal(server_state(ward->servers[0]), SERVER_DOWN);
	assert_int_equal(server_state(ward->servers[1]), SERVER_DOWN);
	assert_int_equal(ward->lines, 2);
	char wanted[256];
	snprintf(wanted, sizeof(wanted),
		 "group default: server 192.0.2.2@53 cannot be reached (%s); "
		 "set aside, none of 2 servers left: they are asked all the same",
		 strerror(ENETUNREACH));
	assert_line(ward, 1, wanted);
	ward->loop->udp_new_fails = 0;
	ask_around(ward, 0, 2);
	reply_to_last(ward);
	assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
}

static void want_of_sockets_condemns_nobody(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	ward->loop->udp_new_fails = -EMFILE;
	ward->loop->connect_fails = -EMFILE;
	ask_in_vain(ward, 0, 3);
	fake_pass(ward->loop, 10 * SEC);
	assert_int_not_equal(server_state(ward->servers[0]), SERVER_DOWN);
	ward->loop->udp_new_fails = 0;
	fake_pass(ward->loop, SEC);
	reply_to_last(ward);
	assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
	assert_int_equal(ward->lines, 0);
}

/* --- the way back --- */

static void FO_02_server_that_is_down_is_probed_every_second_while_clients_ask(void **state)
{
	struct ward *ward = ward_new(2);
	(void)state;

	note_reply(ward, 0);
	condemn(ward, 0);
	const unsigned before = ward->loop->sent;
	ask_around(ward, 0, 20);
	assert_in_range(ward->loop->sent - before, 15, 21);
	for (unsigned i = before + 1; i < ward->loop->sent; i++)
		assert_true(ward->loop->sends[i].at_us - ward->loop->sends[i - 1].at_us >= SEC);
	reply_to_last(ward);
	assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
	assert_int_equal(fake_open_count(ward->loop), 0);
	assert_line(
		ward, 1,
		"group default: server 192.0.2.1@53 answers again after 20 s; 2 of 2 servers in "
		"use");
	ask_around(ward, 0, 20);
	assert_int_equal(ward->lines, 2);
}

static void FO_14_server_that_is_down_is_hardly_probed_when_nobody_asks(void **state)
{
	struct ward *ward = ward_new(2);
	(void)state;

	condemn(ward, 0);
	const unsigned before = ward->loop->sent;
	fake_pass(ward->loop, 600 * SEC);
	assert_in_range(ward->loop->sent - before, 45, 60);
	for (unsigned i = before; i < ward->loop->sent; i++) {
		assert_true(ward->loop->sends[i].at_us - ward->loop->sends[i - 1].at_us >=
			    10 * SEC);
		assert_true(addr_equal(&ward->loop->sends[i].to, &ward->loop->sends[0].to));
	}
	/* who asks then brings the next one forward */
	health_note_asked(ward->health, ward->servers[0], NULL);
	const unsigned idle = ward->loop->sent;
	fake_pass(ward->loop, SEC);
	assert_int_equal(ward->loop->sent, idle + 1);
}

/* How many of what was sent from `before` on asks that. */
static unsigned count_asked(const struct ward *ward, unsigned before, const uint8_t *question,
			    size_t len)
{
	unsigned asked = 0;

	for (unsigned i = before; i < ward->loop->sent; i++) {
		const struct fake_sent *sent = &ward->loop->sends[i];

		asked += sent->len >= 12 + len && memcmp(sent->wire + 12, question, len) == 0;
	}
	return asked;
}

/* For it may be silent about the root alone. */
static void server_that_is_down_is_now_and_then_asked_what_clients_ask(void **state)
{
	static const uint8_t wire[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7example\0\0\1\0\1";
	const size_t len = sizeof(wire) - 1 - 12;
	struct ward *ward = ward_new(1);
	struct query_view view;
	(void)state;

	assert_int_equal(query_view_parse(&view, wire, sizeof(wire) - 1), QUERY_OK);
	health_note_asked(ward->health, ward->servers[0], &view);
	condemn(ward, 0);
	assert_int_equal(count_asked(ward, 0, wire + 12, len), 0);
	const unsigned before = ward->loop->sent;
	for (unsigned i = 0; i < 240; i++) {
		health_note_asked(ward->health, ward->servers[0], &view);
		fake_pass(ward->loop, 250 * MSEC);
	}
	assert_in_range(ward->loop->sent - before, 45, 85);
	assert_in_range(count_asked(ward, before, wire + 12, len), 10, 22);
	while (count_asked(ward, ward->loop->sent - 1, wire + 12, len) == 0) {
		health_note_asked(ward->health, ward->servers[0], &view);
		fake_pass(ward->loop, 250 * MSEC);
	}
	/* nobody who does not know the ID is believed, nor what answers the question before */
	const struct fake_sent *last = &ward->loop->sends[ward->loop->sent - 1];
	reply_to(ward, ward->loop->sent - 2);
	assert_int_equal(server_state(ward->servers[0]), SERVER_DOWN);
	assert_int_not_equal(last->socket, ward->loop->sends[ward->loop->sent - 2].socket);
	reply_to_last(ward);
	assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
}

static void who_asks_privately_is_not_quoted(void **state)
{
	static const uint8_t wire[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7example\0\0\xfb\0\1";
	struct ward *ward = ward_new(1);
	struct query_view view;
	(void)state;

	assert_int_equal(query_view_parse(&view, wire, sizeof(wire) - 1), QUERY_OK);
	assert_true(view.is_opaque);
	condemn(ward, 0);
	for (unsigned i = 0; i < 240; i++) {
		health_note_asked(ward->health, ward->servers[0], &view);
		fake_pass(ward->loop, 250 * MSEC);
	}
	assert_int_equal(count_asked(ward, 0, wire + 12, 12), 0);
}

static void UF_32_late_reply_to_an_earlier_probe_counts(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	condemn(ward, 0);
	ask_around(ward, 0, 10);
	reply_to(ward, ward->loop->sent - 2); /* more than a second ago */
	assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
}

static void probes_change_their_port_and_id_by_and_by(void **state)
{
	struct ward *ward = ward_new(1);
	unsigned ports = 0;
	(void)state;

	condemn(ward, 0);
	const unsigned before = ward->loop->sent;
	ask_around(ward, 0, 60);
	for (unsigned i = before; i < ward->loop->sent; i++)
		ports += ward->loop->sends[i].socket != ward->loop->sends[i - 1].socket;
	assert_in_range(ports, 5, 10);
	assert_true(fake_open_count(ward->loop) <= 2);
}

static void server_that_answers_over_tcp_alone_stays_up(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	ask_in_vain(ward, 0, 3);
	fake_pass(ward->loop, 1100 * MSEC);
	if (unit_is_starved())
		return;
	fake_connected(ward->loop, ward->loop->opened - 1);
	assert_true(ward->loop->sends[ward->loop->sent - 1].is_stream);
	reply_to_last(ward);
	assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
	assert_int_equal(fake_open_count(ward->loop), 0);
	assert_int_equal(ward->lines, 0);
	/* and comes back so */
	fake_pass(ward->loop, 2 * SEC);
	condemn(ward, 0);
	ask_around(ward, 0, 4);
	assert_true(ward->loop->sends[ward->loop->sent - 1].is_stream ||
		    ward->loop->sends[ward->loop->sent - 2].is_stream);
}

static void server_that_comes_back_is_as_fast_as_it_was(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	note_reply(ward, 0);
	condemn(ward, 0);
	ask_in_vain(ward, 0, 20);
	assert_true(server_latency_us(ward->servers[0], now_us(ward)) > 5 * MSEC);
	note_reply(ward, 0);
	assert_int_equal(server_latency_us(ward->servers[0], now_us(ward)), MSEC);
}

/* --- the log --- */

static void outage_of_a_day_is_a_dozen_lines_or_two(void **state)
{
	struct ward *ward = ward_new(2);
	(void)state;

	condemn(ward, 0);
	ward->loop->udp_send_fails = -ENETUNREACH; /* nothing stays open */
	fake_pass(ward->loop, 61 * SEC);
	assert_int_equal(ward->lines, 2);
	assert_line(ward, 1,
		    "group default: 1 of 2 servers still set aside: 192.0.2.1@53 for 60 s");
	for (unsigned i = 0; i < 24 * 60; i++) {
		assert_int_equal(fake_open_count(ward->loop), 0);
		ward->loop->opened = 0;
		fake_pass(ward->loop, 60 * SEC);
	}
	assert_in_range(ward->lines, 10, 36);
}

static void FO_09_flapping_server_does_not_flood_the_log(void **state)
{
	struct ward *ward = ward_new(2);
	(void)state;

	/* an hour: down for three and a half seconds, up for one */
	for (unsigned i = 0; i < 800; i++) {
		ward->loop->sent = 0;
		ward->loop->opened = 0;
		condemn(ward, 0);
		note_reply(ward, 0);
		fake_pass(ward->loop, SEC);
	}
	assert_in_range(ward->lines, 30, 130);
	const unsigned before = ward->lines;
	fake_pass(ward->loop, 300 * SEC);
	assert_in_range(ward->lines, before, before + 2);
	fake_pass(ward->loop, 3600 * SEC);
	assert_in_range(ward->lines, before, before + 2);
	assert_int_equal(timer_next_due(ward->loop->timers), UINT64_MAX);
}

static void what_was_held_back_is_counted(void **state)
{
	struct ward *ward = ward_new(2);
	(void)state;

	for (unsigned i = 0; i < 5; i++) {
		condemn(ward, 0);
		note_reply(ward, 0);
		fake_pass(ward->loop, 2 * SEC);
	}
	assert_int_equal(ward->lines, 4);
	fake_pass(ward->loop, 120 * SEC);
	assert_int_equal(ward->lines, 5);
	assert_line(
		ward, 4,
		"group default: server 192.0.2.1@53 came and went 3 times more; it is in use now");
}

/* --- comings and goings --- */

static void server_that_no_plan_lists_is_left_alone(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	condemn(ward, 0);
	assert_true(fake_open_count(ward->loop) > 0);
	server_unref(ward->servers[0]);
	ward->count = 0;
	assert_int_equal(fake_open_count(ward->loop), 0);
	const unsigned before = ward->loop->sent;
	fake_pass(ward->loop, 100 * SEC);
	assert_int_equal(ward->loop->sent, before);
	assert_int_equal(timer_next_due(ward->loop->timers), UINT64_MAX);
}

static void servers_outlive_who_looks_after_them(void **state)
{
	struct ward *ward = ward_new(1);
	(void)state;

	condemn(ward, 0);
	health_free(ward->health);
	ward->health = NULL;
	assert_int_equal(fake_open_count(ward->loop), 0);
	assert_int_equal(timer_next_due(ward->loop->timers), UINT64_MAX);
	struct health *next =
		health_new(ward->loop, &ward->stats, ward->datagrams, ward->streams, NULL);
	assert_non_null(next);
	ward->health = next;
	health_note_asked(next, ward->servers[0], NULL);
	fake_pass(ward->loop, MSEC);
	if (unit_is_starved())
		return;
	reply_to_last(ward);
	assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
}

static void another_network_is_a_new_start(void **state)
{
	struct ward *ward = ward_new(2);
	(void)state;

	note_reply(ward, 0);
	server_note_lacks_edns(ward->servers[0], now_us(ward));
	condemn(ward, 0);
	health_network_changed(ward->health);
	assert_int_equal(server_state(ward->servers[0]), SERVER_UP);
	assert_int_equal(server_latency_us(ward->servers[0], now_us(ward)), 0);
	assert_true(server_lacks_edns(ward->servers[0], now_us(ward)));
	assert_int_equal(fake_open_count(ward->loop), 0);
	assert_int_equal(ward->lines, 1);
	/* still dead: that is no news; well again: it is */
	condemn(ward, 0);
	assert_int_equal(ward->lines, 1);
	health_network_changed(ward->health);
	fake_pass(ward->loop, 3500 * MSEC);
	note_reply(ward, 0);
	assert_int_equal(ward->lines, 2);
	assert_line(ward, 1,
		    "group default: server 192.0.2.1@53 answers again after 7 s; 2 of 2 servers in "
		    "use");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(server_that_answers_is_never_probed),
	cmocka_unit_test(UF_03_silent_names_beside_good_ones_raise_no_suspicion),
	cmocka_unit_test(UF_03_server_that_ignores_every_name_but_answers_the_probe_stays_up),
	cmocka_unit_test(UF_04_burst_of_silent_names_is_one_suspicion),
	cmocka_unit_test(silence_of_a_moment_is_no_suspicion),
	cmocka_unit_test(server_that_is_always_too_late_is_probed_ever_more_rarely),
	cmocka_unit_test(probe_asks_for_the_root),
	cmocka_unit_test(probe_does_without_edns_where_the_server_does),
	cmocka_unit_test(UF_10_packet_that_does_not_match_is_no_sign_of_life),
	cmocka_unit_test(header_that_says_formerr_is_a_sign_of_life),
	cmocka_unit_test(silent_server_is_probed_three_times_and_set_aside),
	cmocka_unit_test(any_reply_of_its_own_clears_a_server),
	cmocka_unit_test(UF_05_server_that_takes_a_second_and_a_half_is_not_set_aside),
	cmocka_unit_test(UF_06_server_known_to_take_four_seconds_has_more_time),
	cmocka_unit_test(UF_31_refusal_is_made_sure_of_at_once),
	cmocka_unit_test(server_that_refuses_tcp_alone_is_up),
	cmocka_unit_test(no_route_sets_aside_without_a_packet),
	cmocka_unit_test(want_of_sockets_condemns_nobody),
	cmocka_unit_test(FO_02_server_that_is_down_is_probed_every_second_while_clients_ask),
	cmocka_unit_test(FO_14_server_that_is_down_is_hardly_probed_when_nobody_asks),
	cmocka_unit_test(server_that_is_down_is_now_and_then_asked_what_clients_ask),
	cmocka_unit_test(who_asks_privately_is_not_quoted),
	cmocka_unit_test(UF_32_late_reply_to_an_earlier_probe_counts),
	cmocka_unit_test(probes_change_their_port_and_id_by_and_by),
	cmocka_unit_test(server_that_answers_over_tcp_alone_stays_up),
	cmocka_unit_test(server_that_comes_back_is_as_fast_as_it_was),
	cmocka_unit_test(outage_of_a_day_is_a_dozen_lines_or_two),
	cmocka_unit_test(FO_09_flapping_server_does_not_flood_the_log),
	cmocka_unit_test(what_was_held_back_is_counted),
	cmocka_unit_test(server_that_no_plan_lists_is_left_alone),
	cmocka_unit_test(servers_outlive_who_looks_after_them),
	cmocka_unit_test(another_network_is_a_new_start),
};
UNIT_MAIN(tests)
