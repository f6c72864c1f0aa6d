#include "query/client_rate.h"

#include <stdatomic.h>
#include <stddef.h>

#include "base/hash.h"
#include "base/lock.h"
#include "base/mem.h"

#define NSEC_PER_SEC 1000000000u
#define NSEC_PER_USEC 1000u
/* 16,384 clients in 384 KB, of which only what is used is touched. */
#define SETS 2048u
#define SET_SIZE 8u
#define LOCKS 32u

/* A client's debt, as the time at which it will have been paid off: each question adds the time
 * that it takes to earn one, and a time in the past is no debt at all (the generic cell rate
 * algorithm, ITU-T I.371). A client is known by a keyed hash of 64 bits alone. */
struct bucket {
	uint64_t hash;
	uint64_t paid_ns; /* 0: never used */
	uint32_t above;	  /* questions above the rate since it was last without debt */
};

struct shared {
	atomic_uint handles;
	struct hash_key key;
	struct lock locks[LOCKS]; /* each of those sets whose number is its own, modulo LOCKS */
	struct bucket sets[SETS][SET_SIZE];
};

struct client_rates {
	struct shared *shared;
	struct stats *stats;
};

static struct client_rates *handle_new(struct shared *shared, struct stats *stats)
{
	struct client_rates *rates = mem_alloc(sizeof(*rates));

	if (rates == NULL)
		return NULL;
	*rates = (struct client_rates){ .shared = shared, .stats = stats };
	atomic_fetch_add(&shared->handles, 1);
	return rates;
}

static void shared_free(struct shared *shared)
{
	for (unsigned i = 0; i < LOCKS; i++)
		lock_done(&shared->locks[i]);
	mem_free(shared);
}

struct client_rates *client_rate_new(unsigned workers, struct stats *stats)
{
	struct shared *shared = mem_zalloc(sizeof(*shared));

	if (shared == NULL)
		return NULL;
	hash_key_draw(&shared->key);
	for (unsigned i = 0; i < LOCKS; i++)
		lock_init(&shared->locks[i], workers > 1);
	struct client_rates *rates = handle_new(shared, stats);
	if (rates == NULL)
		shared_free(shared);
	return rates;
}

struct client_rates *client_rate_share(struct client_rates *rates, struct stats *stats)
{
	for (unsigned i = 0; i < LOCKS; i++)
		lock_share(&rates->shared->locks[i]);
	return handle_new(rates->shared, stats);
}

void client_rate_free(struct client_rates *rates)
{
	if (rates == NULL)
		return;
	if (atomic_fetch_sub(&rates->shared->handles, 1) == 1)
		shared_free(rates->shared);
	mem_free(rates);
}

static uint64_t hash_of(const struct client_rates *rates, const struct addr *addr, bool is_stream)
{
	struct addr client = addr_client(addr).net;

	client.port = is_stream;
	/* all but what may stand behind its last member */
	return hash_bytes(&rates->shared->key, &client, offsetof(struct addr, family) + 1);
}

/* The client's, or the one of the set that is missed least. */
static struct bucket *bucket_for(struct client_rates *rates, uint64_t hash, uint64_t now_ns)
{
	struct bucket *set = rates->shared->sets[hash % SETS], *least = set;

	for (unsigned i = 0; i < SET_SIZE; i++) {
		if (set[i].hash == hash && set[i].paid_ns != 0)
			return &set[i];
		if (set[i].paid_ns < least->paid_ns)
			least = &set[i];
	}
	stats_add(rates->stats, STAT_LIMIT_RATE_CLIENTS, least->paid_ns > now_ns);
	*least = (struct bucket){ .hash = hash, .paid_ns = now_ns };
	return least;
}

static enum client_rate take(struct bucket *bucket, const struct client_rate_limit *limit,
			     uint64_t now_ns)
{
	const uint32_t each_ns = NSEC_PER_SEC / limit->per_second;
	const uint64_t most_ns =
		(uint64_t)(limit->burst > 0 ? limit->burst : limit->per_second) * each_ns;
	uint64_t debt_ns = bucket->paid_ns > now_ns ? bucket->paid_ns - now_ns : 0;

	if (debt_ns == 0)
		bucket->above = 0;
	if (debt_ns > most_ns) /* made under other limits */
		debt_ns = most_ns;
	bucket->paid_ns = now_ns + debt_ns;
	if (debt_ns + each_ns <= most_ns) {
		bucket->paid_ns += each_ns;
		return CLIENT_RATE_WITHIN;
	}
	return ++bucket->above % CLIENT_RATE_SLIP_EACH == 0 ? CLIENT_RATE_SLIP : CLIENT_RATE_ABOVE;
}

enum client_rate client_rate_take(struct client_rates *rates, const struct addr *client,
				  bool is_stream, const struct client_rate_limit *limit,
				  uint64_t now_us)
{
	const uint64_t now_ns = now_us * NSEC_PER_USEC;
	const uint64_t hash = hash_of(rates, client, is_stream);
	struct lock *lock = &rates->shared->locks[hash % SETS % LOCKS];

	lock_take(lock);
	const enum client_rate rate = take(bucket_for(rates, hash, now_ns), limit, now_ns);
	lock_give(lock);
	return rate;
}
