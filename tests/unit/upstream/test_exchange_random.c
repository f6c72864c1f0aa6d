#include "exchange_bench.h"

#define AT_ONCE 3u
#define SERVERS 3u
#define ROUNDS 400u
#define STEPS 40u

/* Exchanges and a network that does anything at any time. */
struct storm {
	struct exchange_bench *bench;
	uint64_t seed;
	struct slot {
		struct exchange *exchange;
		unsigned done;
		uint64_t end_us;
	} slots[AT_ONCE];
	unsigned started;
	bool network_changes;
	bool has_failed;
};

static unsigned draw(struct storm *storm, unsigned bound)
{
	return (unsigned)(unit_random(&storm->seed) % bound);
}

static void on_done(void *ctx, struct exchange_result *result)
{
	struct slot *slot = ctx;

	slot->done++;
	slot->exchange = NULL;
	if (result->outcome == EXCHANGE_REPLIED) {
		struct message_facts facts;
		/* whatever is handed out can be read, answers the question and is whole */
		if (message_read(result->wire, result->wire_len, &facts) == MESSAGE_BAD ||
		    facts.question_len != EXCHANGE_BENCH_QUESTION_LEN ||
		    (facts.flags & FLAG_TC) != 0 || facts.trailing > 0)
			slot->done += 100;
	}
}

static void start(struct storm *storm)
{
	struct exchange_bench *bench = storm->bench;
	const uint64_t now_us = loop_clock(bench->loop)->now_us;
	struct slot *slot = &storm->slots[draw(storm, AT_ONCE)];
	const struct exchange_ask ask = { .view = &bench->view,
					  .pool = bench->pool,
					  .via_stream = draw(storm, 3) == 0,
					  .edns_size = 1232,
					  .deadline_us = now_us + 100 * MSEC * draw(storm, 40) };

	if (slot->exchange != NULL) {
		if (draw(storm, 4) == 0) {
			exchange_cancel(slot->exchange);
			slot->exchange = NULL;
		}
		return;
	}
	*slot = (struct slot){ .end_us = now_us + 2000 * MSEC };
	if (slot->end_us > ask.deadline_us)
		slot->end_us = ask.deadline_us;
	if (exchange_start(bench->upstream, &ask, on_done, slot, &slot->exchange) != 0)
		slot->exchange = NULL;
	else if (slot->done > 0)
		storm->has_failed = true;
	storm->started++;
}

static void say_something(struct storm *storm)
{
	static const uint16_t flags[] = {
		0,	 0,	  RCODE_SERVFAIL, RCODE_FORMERR, RCODE_NOTIMP, RCODE_NXDOMAIN,
		FLAG_TC, FLAG_QR, 0x1000
	};
	struct exchange_bench *bench = storm->bench;
	const struct answer how = {
		.flags = flags[draw(storm, sizeof(flags) / sizeof(flags[0]))],
		.has_data = draw(storm, 2) == 0,
		.has_opt = draw(storm, 2) == 0,
		.is_bare = draw(storm, 6) == 0,
		.id_xor = draw(storm, 6) == 0,
		.question = draw(storm, 8) == 0 ? "\3www\7eXampla\3org\0\0\1\0\1" : NULL,
		.padding = draw(storm, 8) == 0 ? 5000 : 0,
	};
	uint8_t wire[6000];
	const unsigned at = draw(storm, bench->loop->sent);
	size_t len = make_reply(&bench->loop->sends[at], &how, wire);

	if (draw(storm, 8) == 0)
		len = draw(storm, (unsigned)len + 1);
	fake_deliver(bench->loop, bench->loop->sends[at].socket, wire, len);
}

static void step(struct storm *storm)
{
	static const int errors[] = { -ECONNREFUSED, -ECONNRESET, -ETIMEDOUT, -EPIPE };
	struct loop *loop = storm->bench->loop;
	const unsigned socket = loop->opened > 0 ? draw(storm, loop->opened) : 0;

	/* now and then nothing works for a while */
	loop->udp_new_fails = draw(storm, 20) == 0 ? -EMFILE : 0;
	loop->udp_send_fails = draw(storm, 20) == 0 ? -EPERM : 0;
	loop->connect_fails = draw(storm, 20) == 0 ? -ENETUNREACH : 0;
	loop->stream_send_fails = draw(storm, 20) == 0 ? ERR_LIMIT : 0;
	if (storm->network_changes && draw(storm, 30) == 0)
		exchange_upstream_network_changed(storm->bench->upstream);
	switch (draw(storm, 10)) {
	case 0:
	case 1:
		start(storm);
		return;
	case 2:
	case 3:
		fake_pass(loop, (uint64_t)draw(storm, 700) * MSEC);
		return;
	case 4:
		fake_break(loop, socket, errors[draw(storm, 4)]);
		return;
	case 5:
		if (fake_is_open(loop, socket) && loop->sockets[socket]->is_stream)
			fake_end(loop, socket);
		return;
	case 6:
		if (fake_is_open(loop, socket) && loop->sockets[socket]->is_stream)
			fake_connected(loop, socket);
		return;
	default:
		if (loop->sent > 0)
			say_something(storm);
		return;
	}
}

/* The sends of exchanges, without those that ask whether a server is there. */
static unsigned sent(const struct storm *storm)
{
	const struct loop *loop = storm->bench->loop;
	unsigned count = 0;

	for (unsigned i = 0; i < loop->sent; i++)
		count += loop->sends[i].wire[12] != 0;
	return count;
}

static void whatever_happens_each_ends_once_and_in_time(void **state)
{
	struct storm *storm = unit_zalloc(sizeof(*storm));
	struct exchange_bench *bench = storm->bench = exchange_bench_new(SERVERS);
	struct loop *loop = bench->loop;
	(void)state;

	storm->seed = 20;
	for (unsigned round = 0; round < ROUNDS && !unit_is_starved(); round++) {
		storm->started = 0;
		storm->network_changes = round % 2 == 1;
		for (unsigned i = 0; i < STEPS; i++) {
			step(storm);
			for (unsigned j = 0; j < AT_ONCE; j++) {
				const struct slot *slot = &storm->slots[j];
				assert_true(slot->done <= 1);
				assert_true(slot->exchange == NULL ||
					    slot->end_us >= loop->clock.now_us ||
					    timer_next_due(loop->timers) <= loop->clock.now_us);
			}
		}
		assert_false(storm->has_failed);
		/* AM_07; on another network as if for the first time, at most once a second */
		assert_true(sent(storm) <=
			    storm->started * SERVERS * 4 * (storm->network_changes ? 3 : 1));
		fake_pass(loop, 2000 * MSEC);
		for (unsigned j = 0; j < AT_ONCE; j++)
			assert_null(storm->slots[j].exchange);
		exchange_upstream_network_changed(bench->upstream); /* all are well again */
		fake_pass(loop, 11 * USEC_PER_SEC);
		assert_int_equal(fake_open_count(loop), 0);
		loop->opened = loop->sent = 0;
	}
	exchange_upstream_free(bench->upstream);
	bench->upstream = NULL;
	assert_int_equal(timer_next_due(loop->timers), UINT64_MAX);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(whatever_happens_each_ends_once_and_in_time),
};
UNIT_MAIN(tests)
