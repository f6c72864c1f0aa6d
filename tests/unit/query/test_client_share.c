#include "query/client_share.h"

#include <stdio.h>

#include "unit.h"

#define HOLDS 64u

static struct addr client(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, 40000, &addr), 0);
	return addr;
}

struct bench {
	struct client_shares *shares;
	struct client_share_hold holds[HOLDS];
};

static void give_all_back(struct bench *bench)
{
	for (size_t i = 0; i < HOLDS; i++)
		client_share_give(bench->shares, &bench->holds[i]);
	client_share_free(bench->shares);
}

static struct bench *new_bench(void)
{
	struct bench *bench = unit_zalloc(sizeof(*bench));

	bench->shares = client_share_new(HOLDS);
	assert_non_null(bench->shares);
	return unit_own(bench, give_all_back);
}

static void take(struct bench *bench, const char *who, unsigned at)
{
	const struct addr addr = client(who);

	const uint32_t had = client_share_count(bench->shares, &addr);

	assert_int_equal(client_share_take(bench->shares, &addr, &bench->holds[at]), had);
}

static uint32_t count(const struct bench *bench, const char *who)
{
	const struct addr addr = client(who);

	return client_share_count(bench->shares, &addr);
}

static void each_client_is_counted_by_itself(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	assert_int_equal(count(bench, "192.0.2.1"), 0);
	take(bench, "192.0.2.1", 0);
	take(bench, "192.0.2.1@7", 1);
	take(bench, "192.0.2.2", 2);
	take(bench, "2001:db8::1", 3);
	take(bench, "2001:db8::2", 4);
	take(bench, "2001:db8:0:1::2", 5);
	assert_int_equal(count(bench, "192.0.2.1"), 2);
	assert_int_equal(count(bench, "192.0.2.2"), 1);
	assert_int_equal(count(bench, "192.0.2.3"), 0);
	assert_int_equal(count(bench, "2001:db8::77"), 2);
	assert_int_equal(count(bench, "2001:db8:0:1::1"), 1);
	client_share_give(bench->shares, &bench->holds[0]);
	client_share_give(bench->shares, &bench->holds[0]);
	assert_int_equal(count(bench, "192.0.2.1"), 1);
	client_share_give(bench->shares, &bench->holds[1]);
	assert_int_equal(count(bench, "192.0.2.1"), 0);
}

/* Who has no network of its own is known by the whole address, and by the link it is of. */
static void link_local_clients_are_one_each(void **state)
{
	static const char *const who[] = { "fe80::1%1", "fe80::2%1", "fe80::1%2", "fe80::2%2",
					   "fe80:0:0:1::1%1" };
	struct bench *bench = new_bench();
	(void)state;

	for (unsigned i = 0; i < 5; i++) {
		for (unsigned j = 0; j <= i; j++)
			take(bench, who[i], i * 8 + j);
	}
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(count(bench, who[i]), i + 1);
	assert_int_equal(count(bench, "fe80::3%1"), 0);
}

static void who_has_most_is_known_and_gives_its_oldest(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	assert_int_equal(client_share_most(bench->shares), 0);
	assert_null(client_share_oldest_of_most(bench->shares));
	take(bench, "192.0.2.1", 0);
	for (unsigned i = 1; i < 4; i++)
		take(bench, "192.0.2.2", i);
	take(bench, "192.0.2.3", 4);
	assert_int_equal(client_share_most(bench->shares), 3);
	struct client_share_hold *hold = client_share_oldest_of_most(bench->shares);
	assert_ptr_equal(hold, &bench->holds[1]);
	assert_ptr_equal(client_share_younger(hold), &bench->holds[2]);
	assert_null(client_share_younger(&bench->holds[3]));
	client_share_give(bench->shares, &bench->holds[1]);
	assert_int_equal(client_share_most(bench->shares), 2);
	assert_ptr_equal(client_share_oldest_of_most(bench->shares), &bench->holds[2]);
}

static void equals_take_turns(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	for (unsigned i = 0; i < 4; i++)
		take(bench, i % 2 == 0 ? "192.0.2.1" : "192.0.2.2", i);
	const struct client_share_hold *first = client_share_oldest_of_most(bench->shares);
	const struct client_share_hold *second = client_share_oldest_of_most(bench->shares);
	assert_ptr_not_equal(first->share, second->share);
	assert_ptr_equal(client_share_oldest_of_most(bench->shares), first);
}

static void a_full_table_has_room_for_every_client(void **state)
{
	struct bench *bench = new_bench();
	(void)state;

	for (unsigned i = 0; i < HOLDS; i++) {
		const struct addr addr = { .bytes = { 10, 0, 0, (uint8_t)i }, .family = ADDR_IPV4 };
		(void)client_share_take(bench->shares, &addr, &bench->holds[i]);
	}
	assert_int_equal(client_share_most(bench->shares), 1);
	assert_int_equal(count(bench, "10.0.0.63"), 1);
}

static uint32_t most_of(const unsigned *counts, size_t clients)
{
	uint32_t most = 0;

	for (size_t i = 0; i < clients; i++)
		most = counts[i] > most ? counts[i] : most;
	return most;
}

/* Against plain counting, with whatever is taken and given. */
static void a_table_that_grows_knows_what_it_knew(void **state)
{
	struct bench *bench = new_bench();
	struct client_share_hold more[10 * HOLDS] = { { .share = NULL } };
	const struct addr busy = client("192.0.2.1");
	(void)state;

	for (unsigned i = 0; i < 10; i++)
		take(bench, "192.0.2.1", i);
	for (unsigned i = 10; i < HOLDS; i++) {
		char who[32];

		snprintf(who, sizeof(who), "198.51.100.%u", i / 2);
		take(bench, who, i);
	}
	assert_true(client_share_reserve(bench->shares, HOLDS / 2)); /* it has more */
	assert_true(client_share_reserve(bench->shares, 20 * HOLDS));
	assert_int_equal(count(bench, "192.0.2.1"), 10);
	assert_int_equal(count(bench, "198.51.100.7"), 2);
	assert_int_equal(client_share_most(bench->shares), 10);
	assert_ptr_equal(client_share_oldest_of_most(bench->shares), &bench->holds[0]);
	for (unsigned i = 0; i < 10 * HOLDS; i++)
		assert_int_equal(client_share_take(bench->shares, &busy, &more[i]), 10 + i);
	assert_int_equal(client_share_most(bench->shares), 10 + 10 * HOLDS);
	for (unsigned i = 0; i < 10 * HOLDS; i++)
		client_share_give(bench->shares, &more[i]);
	for (unsigned i = 0; i < HOLDS; i++)
		client_share_give(bench->shares, &bench->holds[i]);
	assert_int_equal(client_share_most(bench->shares), 0);
	assert_null(client_share_oldest_of_most(bench->shares));
}

static void counts_are_right_at_any_time(void **state)
{
	enum { CLIENTS = 7 };
	struct bench *bench = new_bench();
	unsigned counts[CLIENTS] = { 0 }, owner[HOLDS];
	uint64_t seed = 11;
	(void)state;

	for (unsigned step = 0; step < 20000; step++) {
		const unsigned at = (unsigned)(unit_random(&seed) % HOLDS);
		struct client_share_hold *hold = &bench->holds[at];
		struct addr addr = { .bytes = { 10 }, .family = ADDR_IPV4 };

		if (hold->share != NULL) {
			client_share_give(bench->shares, hold);
			counts[owner[at]]--;
		} else {
			/* the first clients ask more than the last */
			owner[at] = (unsigned)(unit_random(&seed) % CLIENTS *
					       (unit_random(&seed) % CLIENTS) / CLIENTS);
			addr.bytes[3] = (uint8_t)owner[at];
			assert_int_equal(client_share_take(bench->shares, &addr, hold),
					 counts[owner[at]]);
			counts[owner[at]]++;
		}
		addr.bytes[3] = (uint8_t)(step % CLIENTS);
		assert_int_equal(client_share_count(bench->shares, &addr), counts[step % CLIENTS]);
		assert_int_equal(client_share_most(bench->shares), most_of(counts, CLIENTS));
		hold = client_share_oldest_of_most(bench->shares);
		assert_true((hold == NULL) == (most_of(counts, CLIENTS) == 0));
		if (hold != NULL)
			assert_int_equal(counts[owner[hold - bench->holds]],
					 most_of(counts, CLIENTS));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_client_is_counted_by_itself),
	cmocka_unit_test(link_local_clients_are_one_each),
	cmocka_unit_test(who_has_most_is_known_and_gives_its_oldest),
	cmocka_unit_test(equals_take_turns),
	cmocka_unit_test(a_full_table_has_room_for_every_client),
	cmocka_unit_test(a_table_that_grows_knows_what_it_knew),
	cmocka_unit_test(counts_are_right_at_any_time),
};

UNIT_MAIN(tests)
