#include "query/client_share.h"

#include <assert.h>

#include "base/hash.h"
#include "base/mem.h"

struct client_share {
	struct list chain; /* in its bucket */
	struct list rank;  /* in by_count[count] */
	struct list holds;
	struct addr_prefix client;
	uint32_t count; /* of holds; never 0 */
};

/* Always true: a client is in by_count[n] if and only if it has n > 0 holds; `most` is the largest
 * such n. As a client's count changes by one at a time, the one below is `most` when the last
 * client has left it. Lists are all zero until they are first used, so that an idle table costs no
 * memory. */
struct client_shares {
	struct hash_key key;
	struct slab *slots;
	struct list *by_count;
	uint32_t most, mask;
	struct list buckets[];
};

static void add_to(struct list *list, struct list *link)
{
	if (!list_has(list))
		list_init(list);
	list_add(list, link);
}

struct client_shares *client_share_new(uint32_t max_holds)
{
	uint32_t size = 16;

	while (size < max_holds && size < 1u << 20)
		size *= 2;
	struct client_shares *shares = mem_zalloc(sizeof(*shares) + size * sizeof(struct list));
	if (shares == NULL)
		return NULL;
	shares->mask = size - 1;
	hash_key_draw(&shares->key);
	shares->slots = slab_new(sizeof(struct client_share), max_holds);
	shares->by_count = mem_zalloc(((size_t)max_holds + 1) * sizeof(struct list));
	if (shares->slots == NULL || shares->by_count == NULL) {
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
	mem_free(shares);
}

static uint32_t bucket_of(const struct client_shares *shares, const struct addr_prefix *client)
{
	/* link-local addresses alone have a scope, and a few equal ones do no harm */
	return (uint32_t)hash_bytes(&shares->key, client->net.bytes, sizeof(client->net.bytes)) &
	       shares->mask;
}

static struct client_share *find(const struct client_shares *shares,
				 const struct addr_prefix *client, uint32_t at)
{
	const struct list *bucket = &shares->buckets[at];

	for (struct list *link = list_has(bucket) ? list_first(bucket) : NULL; link != NULL;
	     link = list_next(bucket, link)) {
		struct client_share *share = LIST_ITEM(link, struct client_share, chain);

		if (addr_same_host(&share->client.net, &client->net))
			return share;
	}
	return NULL;
}

static struct client_share *share_new(struct client_shares *shares,
				      const struct addr_prefix *client, uint32_t at)
{
	struct client_share *share = slab_take(shares->slots);

	assert(share != NULL);
	*share = (struct client_share){ .client = *client };
	list_init(&share->holds);
	add_to(&shares->buckets[at], &share->chain);
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

void client_share_take(struct client_shares *shares, const struct addr *addr,
		       struct client_share_hold *hold)
{
	const struct addr_prefix client = addr_client(addr);
	const uint32_t at = bucket_of(shares, &client);
	struct client_share *share = find(shares, &client, at);

	assert(hold->share == NULL);
	if (share == NULL)
		share = share_new(shares, &client, at);
	hold->share = share;
	list_add(&share->holds, &hold->link);
	set_count(shares, share, share->count + 1);
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

uint32_t client_share_count(const struct client_shares *shares, const struct addr *addr)
{
	const struct addr_prefix client = addr_client(addr);
	const struct client_share *share = find(shares, &client, bucket_of(shares, &client));

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
