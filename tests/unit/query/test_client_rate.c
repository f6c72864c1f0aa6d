#include "query/client_rate.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "unit.h"

/* As many clients as the table takes, and more. */
#define CROWD 100000u

static struct stats stats;

static struct client_rates *new_rates(void)
{
	struct client_rates *rates = unit_own(client_rate_new(1, &stats), client_rate_free);

	assert_non_null(rates);
	stats = (struct stats){ 0 };
	return rates;
}

static struct addr client(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, 40000, &addr), 0);
	return addr;
}

/* How many of `n` questions at once are within the rate. */
static unsigned ask(struct client_rates *rates, const char *who, unsigned n,
		    struct client_rate_limit limit, uint64_t now_us)
{
	const struct addr addr = client(who);
	unsigned within = 0;

	for (unsigned i = 0; i < n; i++)
		within +=
			client_rate_take(rates, &addr, false, &limit, now_us) == CLIENT_RATE_WITHIN;
	return within;
}

static void burst_at_once_then_the_rate(void **state)
{
	struct client_rates *rates = new_rates();
	const struct client_rate_limit limit = { 100, 20 };
	(void)state;

	assert_int_equal(ask(rates, "192.0.2.1", 50, limit, 0), 20);
	assert_int_equal(ask(rates, "192.0.2.1", 50, limit, 9999), 0);
	assert_int_equal(ask(rates, "192.0.2.1", 50, limit, 10000), 1);
	assert_int_equal(ask(rates, "192.0.2.1", 50, limit, 60000), 5);
	assert_int_equal(ask(rates, "192.0.2.1", 50, limit, USEC_PER_SEC), 20);
	/* what was refused is not owed */
	assert_int_equal(ask(rates, "192.0.2.1", 5000, limit, 2 * USEC_PER_SEC), 20);
	assert_int_equal(ask(rates, "192.0.2.1", 50, limit, 3 * USEC_PER_SEC), 20);
}

static void burst_not_written_is_a_second_worth(void **state)
{
	struct client_rates *rates = new_rates();
	(void)state;

	assert_int_equal(ask(rates, "192.0.2.1", 50, (struct client_rate_limit){ 30, 0 }, 5), 30);
	assert_int_equal(ask(rates, "192.0.2.2", 5, (struct client_rate_limit){ 1, 0 }, 5), 1);
	assert_int_equal(ask(rates, "192.0.2.3", 5, (struct client_rate_limit){ 1000000, 3 }, 5),
			 3);
}

static void who_asks_slowly_enough_is_never_held_up(void **state)
{
	struct client_rates *rates = new_rates();
	const struct client_rate_limit limit = { 3, 1 };
	(void)state;

	for (uint64_t at_us = 0; at_us < 100 * USEC_PER_SEC; at_us += 333334)
		assert_int_equal(ask(rates, "192.0.2.1", 1, limit, at_us), 1);
}

static void clients_and_transports_have_accounts_of_their_own(void **state)
{
	struct client_rates *rates = new_rates();
	const struct client_rate_limit limit = { 10, 2 };
	const struct addr addr = client("192.0.2.1");
	(void)state;

	assert_int_equal(ask(rates, "192.0.2.1", 3, limit, 0), 2);
	assert_int_equal(ask(rates, "192.0.2.1@1", 3, limit, 0), 0);
	assert_int_equal(ask(rates, "192.0.2.2", 3, limit, 0), 2);
	assert_int_equal(ask(rates, "2001:db8::1", 3, limit, 0), 2);
	assert_int_equal(ask(rates, "2001:db8::2", 3, limit, 0), 0);
	assert_int_equal(ask(rates, "2001:db8:1::2", 3, limit, 0), 2);
	assert_int_equal(client_rate_take(rates, &addr, true, &limit, 0), CLIENT_RATE_WITHIN);
	assert_int_equal(client_rate_take(rates, &addr, true, &limit, 0), CLIENT_RATE_WITHIN);
	assert_int_equal(client_rate_take(rates, &addr, true, &limit, 0), CLIENT_RATE_ABOVE);
}

static void AM_09_every_second_one_above_slips(void **state)
{
	struct client_rates *rates = new_rates();
	const struct client_rate_limit limit = { 1, 1 };
	const struct addr addr = client("192.0.2.1");
	(void)state;

	assert_int_equal(client_rate_take(rates, &addr, false, &limit, 0), CLIENT_RATE_WITHIN);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(client_rate_take(rates, &addr, false, &limit, 0),
				 CLIENT_RATE_ABOVE);
		assert_int_equal(client_rate_take(rates, &addr, false, &limit, 0),
				 CLIENT_RATE_SLIP);
	}
}

static void new_limits_are_not_bound_by_old_debts(void **state)
{
	struct client_rates *rates = new_rates();
	(void)state;

	assert_int_equal(ask(rates, "192.0.2.1", 5000, (struct client_rate_limit){ 1, 5000 }, 0),
			 5000);
	assert_int_equal(ask(rates, "192.0.2.1", 50, (struct client_rate_limit){ 10, 5 }, 1), 0);
	assert_int_equal(
		ask(rates, "192.0.2.1", 50, (struct client_rate_limit){ 10, 5 }, USEC_PER_SEC), 5);
}

/* Any number of (forged) senders, one question each: who floods does not get a new account by
 * them, as whoever owes most is the last to be forgotten. */
static void a_crowd_does_not_wash_a_debt_away(void **state)
{
	struct client_rates *rates = new_rates();
	const struct client_rate_limit limit = { 1, 10 };
	(void)state;

	assert_int_equal(ask(rates, "192.0.2.1", 50, limit, 0), 10);
	for (uint32_t i = 0; i < CROWD; i++) {
		const struct addr addr = { .bytes = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
						      (uint8_t)i },
					   .family = ADDR_IPV4 };
		assert_int_equal(client_rate_take(rates, &addr, false, &limit, 0),
				 CLIENT_RATE_WITHIN);
	}
	assert_true(stats.count[STAT_LIMIT_RATE_CLIENTS] > CROWD / 2);
	assert_int_equal(ask(rates, "192.0.2.1", 50, limit, 1), 0);
	/* who owes nothing is in nobody's way */
	stats = (struct stats){ 0 };
	assert_int_equal(ask(rates, "192.0.2.77", 1, limit, 20 * USEC_PER_SEC), 1);
	assert_int_equal(stats.count[STAT_LIMIT_RATE_CLIENTS], 0);
}

/* --- several workers -------------------------------------------------------------------------- */

#define WORKERS 4u

struct asker {
	struct client_rates *rates;
	struct stats stats;
	unsigned within;
};

static void *ask_at_once(void *ctx)
{
	const struct client_rate_limit limit = { 1000, 5000 };
	struct asker *asker = ctx;
	struct addr addr = { .family = ADDR_IPV4, .bytes = { 10 } };

	for (unsigned i = 0; i < 5000; i++) {
		addr.bytes[3] = (uint8_t)(i % 2);
		asker->within += client_rate_take(asker->rates, &addr, false, &limit, 1) ==
				 CLIENT_RATE_WITHIN;
	}
	return NULL;
}

static void rate_is_that_of_all_workers_together(void **state)
{
	static struct asker askers[WORKERS];
	pthread_t threads[WORKERS];
	unsigned started = 0, within = 0;
	(void)state;

	memset(askers, 0, sizeof(askers));
	for (unsigned i = 0; i < WORKERS; i++) {
		askers[i].rates =
			unit_own(i == 0 ? client_rate_new(WORKERS, &askers[0].stats)
					: client_rate_share(askers[0].rates, &askers[i].stats),
				 client_rate_free);
		assert_non_null(askers[i].rates);
	}
	while (started < WORKERS &&
	       pthread_create(&threads[started], NULL, ask_at_once, &askers[started]) == 0)
		started++;
	for (unsigned i = 0; i < started; i++) {
		pthread_join(threads[i], NULL);
		within += askers[i].within;
	}
	assert_int_equal(started, WORKERS);
	assert_int_equal(within, 2 * 5000); /* of 10,000 each */
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(burst_at_once_then_the_rate),
	cmocka_unit_test(burst_not_written_is_a_second_worth),
	cmocka_unit_test(who_asks_slowly_enough_is_never_held_up),
	cmocka_unit_test(clients_and_transports_have_accounts_of_their_own),
	cmocka_unit_test(AM_09_every_second_one_above_slips),
	cmocka_unit_test(new_limits_are_not_bound_by_old_debts),
	cmocka_unit_test(rate_is_that_of_all_workers_together),
	cmocka_unit_test(a_crowd_does_not_wash_a_debt_away),
};

UNIT_MAIN(tests)
