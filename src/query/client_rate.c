#include "query/client_rate.h"

#include "base/hash.h"
#include "base/mem.h"

#define NSEC_PER_SEC 1000000000u
#define NSEC_PER_USEC 1000u
/* 16,384 clients in 384 KB, of which only what is used is touched. */
#define SETS 2048u
#define SET_SIZE 8u

/* A client's debt, as the time at which it will have been paid off: each question adds the time
 * that it takes to earn one, and a time in the past is no debt at all (the generic cell rate
 * algorithm, ITU-T I.371). A client is known by a keyed hash of 64 bits alone. */
struct bucket {
	uint64_t hash;
	uint64_t paid_ns; /* 0: never used */
	uint32_t above;	  /* questions above the rate since it was last without debt */
};

struct client_rates {
	struct hash_key key;
	struct stats *stats;
	struct bucket sets[SETS][SET_SIZE];
};

struct client_rates *client_rate_new(struct stats *stats)
{
	struct client_rates *rates = mem_zalloc(sizeof(*rates));

	if (rates == NULL)
		return NULL;
	rates->stats = stats;
	hash_key_draw(&rates->key);
	return rates;
}

void client_rate_free(struct client_rates *rates)
{
	mem_free(rates);
}

static uint64_t hash_of(const struct client_rates *rates, const struct addr *addr, bool is_stream)
{
	const struct addr_prefix client = addr_client(addr);
	uint8_t bytes[24] = { 0 };

	for (unsigned i = 0; i < 16; i++)
		bytes[i] = client.net.bytes[i];
	bytes[16] = client.net.family;
	bytes[17] = is_stream;
	for (unsigned i = 0; i < 4; i++)
		bytes[18 + i] = (uint8_t)(client.net.scope >> 8 * i);
	return hash_bytes(&rates->key, bytes, sizeof(bytes));
}

/* The client's, or the one of the set that is missed least. */
static struct bucket *bucket_for(struct client_rates *rates, uint64_t hash, uint64_t now_ns)
{
	struct bucket *set = rates->sets[hash % SETS], *least = set;

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

enum client_rate client_rate_take(struct client_rates *rates, const struct addr *client,
				  bool is_stream, const struct client_rate_limit *limit,
				  uint64_t now_us)
{
	const uint64_t now_ns = now_us * NSEC_PER_USEC;
	const uint64_t each_ns = NSEC_PER_SEC / limit->per_second;
	const uint64_t burst = limit->burst > 0 ? limit->burst : limit->per_second;
	struct bucket *bucket = bucket_for(rates, hash_of(rates, client, is_stream), now_ns);

	if (bucket->paid_ns <= now_ns) {
		bucket->paid_ns = now_ns;
		bucket->above = 0;
	}
	if (bucket->paid_ns - now_ns > burst * each_ns) /* made under other limits */
		bucket->paid_ns = now_ns + burst * each_ns;
	if (bucket->paid_ns - now_ns + each_ns <= burst * each_ns) {
		bucket->paid_ns += each_ns;
		return CLIENT_RATE_WITHIN;
	}
	return ++bucket->above % CLIENT_RATE_SLIP_EACH == 0 ? CLIENT_RATE_SLIP : CLIENT_RATE_ABOVE;
}
