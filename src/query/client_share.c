#include "query/client_share.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

/* What addr_client() says, as it is compared fastest. */
struct host {
	uint64_t words[2]; /* of the network */
	uint32_t scope;
	uint8_t family;
};

struct client_share {
	struct list chain; /* in its bucket */
	struct list rank;  /* in by_count[count] */
	struct list holds;
	struct host client;
	uint32_t count; /* of holds; never 0 */
};

/* Always true: a client is in by_count[n] if and only if it has n > 0 holds; `most` is the largest
 * such n. As a client's count changes by one at a time, the one below is `most` when the last
 * client has left it. Lists are all zero until they are first used, so that an idle table costs no
 * memory. */
struct client_shares {
	uint64_t factors[2]; /* drawn, and odd */
	struct slab *slots;
	struct list *by_count;
	uint32_t most, max_holds;
	unsigned shift; /* leaves as many bits as there are buckets */
	struct list *buckets;
};

static void add_to(struct list *list, struct list *link)
{
	if (!list_has(list))
		list_init(list);
	list_add(list, link);
}

static unsigned bits_for(uint32_t max_holds)
{
	unsigned bits = 4;

	while (bits < 20 && (uint32_t)1 << bits < max_holds)
		bits++;
	return bits;
}

struct client_shares *client_share_new(uint32_t max_holds)
{
	const unsigned bits = bits_for(max_holds);
	struct client_shares *shares = mem_zalloc(sizeof(*shares));

	if (shares == NULL)
		return NULL;
	shares->shift = 64 - bits;
	shares->max_holds = max_holds;
	random_bytes(shares->factors, sizeof(shares->factors));
	shares->factors[0] |= 1;
	shares->factors[1] |= 1;
	shares->slots = slab_new(sizeof(struct client_share), max_holds);
	shares->by_count = mem_zalloc(((size_t)max_holds + 1) * sizeof(struct list));
	shares->buckets = mem_zalloc(((size_t)1 << bits) * sizeof(struct list));
	if (shares->slots == NULL || shares->by_count == NULL || shares->buckets == NULL) {
		client_share_free(shares);
		return NULL;
	}
	return shares;
}

void client_share_free(struct client_shares *shares)
{
	if (shares == NULL)
		return;
	slab_free(shares->slots);
	mem_free(shares->by_count);
	mem_free(shares->buckets);
	mem_free(shares);
}

static struct host host_of(const struct addr *addr)
{
	struct host host = { .scope = addr->scope, .family = addr->family };

	memcpy(host.words, addr->bytes, sizeof(host.words));
	if (addr->family == ADDR_IPV6 && !addr_is_link_local(addr))
		host.words[1] = 0;
	return host;
}

/* Multiply-shift (Dietzfelbinger and others, 1997): two clients that were chosen without knowledge
 * of the factors meet no more often than by chance. But for link-local addresses, of which there
 * are as many as the link has hosts, one of the words is 0. */
static struct list *bucket_of(struct client_shares *shares, const struct host *client)
{
	return &shares->buckets[(client->words[0] * shares->factors[0] +
				 client->words[1] * shares->factors[1]) >>
				shares->shift];
}

/* Nothing in these lists of before is in any list of now. */
static void move_shares(struct client_shares *shares, struct list *by_count, struct list *buckets)
{
	for (uint32_t i = 1; i <= shares->most; i++) {
		struct list *before = &shares->by_count[i];

		for (struct list *link; list_has(before) && (link = list_first(before)) != NULL;) {
			struct client_share *share = LIST_ITEM(link, struct client_share, rank);

			list_remove(&share->rank);
			add_to(&by_count[i], &share->rank);
			list_remove(&share->chain);
			add_to(buckets + (bucket_of(shares, &share->client) - shares->buckets),
			       &share->chain);
		}
	}
}

bool client_share_reserve(struct client_shares *shares, uint32_t max_holds)
{
	const unsigned bits = bits_for(max_holds);

	if (max_holds <= shares->max_holds)
		return true;
	struct list *by_count = mem_zalloc(((size_t)max_holds + 1) * sizeof(struct list));
	struct list *buckets = mem_zalloc(((size_t)1 << bits) * sizeof(struct list));
	if (by_count == NULL || buckets == NULL || !slab_reserve(shares->slots, max_holds)) {
		mem_free(by_count);
		mem_free(buckets);
		return false;
	}
	shares->shift = 64 - bits; /* for bucket_of(), whose old buckets are only left */
	shares->max_holds = max_holds;
	move_shares(shares, by_count, buckets);
	mem_free(shares->by_count);
	mem_free(shares->buckets);
	shares->by_count = by_count;
	shares->buckets = buckets;
	return true;
}

static bool is_same(const struct host *a, const struct host *b)
{
	return a->words[0] == b->words[0] && a->words[1] == b->words[1] && a->scope == b->scope &&
	       a->family == b->family;
}

static struct client_share *find(const struct list *bucket, const struct host *client)
{
	for (struct list *link = list_has(bucket) ? list_first(bucket) : NULL; link != NULL;
	     link = list_next(bucket, link)) {
		struct client_share *share = LIST_ITEM(link, struct client_share, chain);

		if (is_same(&share->client, client))
			return share;
	}
	return NULL;
}

static struct client_share *share_new(struct client_shares *shares, const struct host *client,
				      struct list *bucket)
{
	struct client_share *share = slab_take(shares->slots);

	assert(share != NULL);
	*share = (struct client_share){ .client = *client };
	list_init(&share->holds);
	add_to(bucket, &share->chain);
	return share;
}

static void set_count(struct client_shares *shares, struct client_share *share, uint32_t count)
{
	list_remove(&share->rank);
	share->count = count;
	if (count > 0)
		add_to(&shares->by_count[count], &share->rank);
	if (count > shares->most)
		shares->most = count;
	else if (count + 1 == shares->most && list_is_empty(&shares->by_count[shares->most]))
		shares->most = count;
}

uint32_t client_share_take(struct client_shares *shares, const struct addr *addr,
			   struct client_share_hold *hold)
{
	const struct host client = host_of(addr);
	struct list *bucket = bucket_of(shares, &client);
	struct client_share *share = find(bucket, &client);

	assert(hold->share == NULL);
	if (share == NULL)
		share = share_new(shares, &client, bucket);
	hold->share = share;
	list_add(&share->holds, &hold->link);
	set_count(shares, share, share->count + 1);
	return share->count - 1;
}

void client_share_give(struct client_shares *shares, struct client_share_hold *hold)
{
	struct client_share *share = hold->share;

	if (share == NULL)
		return;
	hold->share = NULL;
	list_remove(&hold->link);
	set_count(shares, share, share->count - 1);
	if (share->count > 0)
		return;
	list_remove(&share->chain);
	slab_give(shares->slots, share);
}

uint32_t client_share_count(struct client_shares *shares, const struct addr *addr)
{
	const struct host client = host_of(addr);
	const struct client_share *share = find(bucket_of(shares, &client), &client);

	return share == NULL ? 0 : share->count;
}

uint32_t client_share_most(const struct client_shares *shares)
{
	return shares->most;
}

struct client_share_hold *client_share_oldest_of_most(struct client_shares *shares)
{
	struct list *equals = &shares->by_count[shares->most];
	struct list *link = shares->most == 0 ? NULL : list_first(equals);

	if (link == NULL)
		return NULL;
	list_remove(link);
	list_add(equals, link);
	struct client_share *share = LIST_ITEM(link, struct client_share, rank);
	link = list_first(&share->holds);
	return link == NULL ? NULL : LIST_ITEM(link, struct client_share_hold, link);
}

struct client_share_hold *client_share_younger(const struct client_share_hold *hold)
{
	struct list *link = list_next(&hold->share->holds, &hold->link);

	return link == NULL ? NULL : LIST_ITEM(link, struct client_share_hold, link);
}
