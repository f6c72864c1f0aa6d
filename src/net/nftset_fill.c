#include "nftset_internal.h"

#if COURIERDNS_NFTSET
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

/* --- the kernel ---------------------------------------------------------------------------- */

/* What is said to a message is there when it has been sent. */
static int hear(struct nftset *nftset, struct nftset_reply *reply)
{
	*reply = (struct nftset_reply){ 0 };
	for (;;) {
		const ssize_t len =
			recv(nftset->fd, nftset->reply, sizeof(nftset->reply), MSG_DONTWAIT);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			break;
		const int err = nftset_message_read(nftset->reply, (size_t)len, nftset->seq, reply);
		if (err != 0)
			return err;
	}
	return reply->is_heard ? reply->err : -EIO;
}

static int tell(struct nftset *nftset, size_t len, struct nftset_reply *reply)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	if (nftset->fd < 0) {
		nftset->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
		if (nftset->fd < 0)
			return -errno;
	}
	ssize_t sent;
	do {
		sent = sendto(nftset->fd, nftset->message, len, 0, (const struct sockaddr *)&kernel,
			      sizeof(kernel));
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : hear(nftset, reply);
}

static int ask_kind(struct nftset *nftset, const struct nftset_set *set,
		    struct nftset_kind *ret_kind)
{
	struct nftset_reply reply = { 0 };
	const size_t len = nftset_message_ask(nftset->message, &set->name, ++nftset->seq);
	const int err = tell(nftset, len, &reply);

	if (err != 0)
		return err;
	*ret_kind = reply.kind;
	return reply.kind.address_len != 0 ? 0 : -EMEDIUMTYPE;
}

/* --- what is put into one set ------------------------------------------------------------------
 */

struct filling {
	struct nftset *nftset;
	struct nftset_set *set;
	struct nftset_kind kind;
	uint64_t additions, failures;
	int err;
	size_t count;
	struct nftset_address addresses[NFTSET_MESSAGE_ADDRESSES];
};

/* Two names may lead to one address. Who has been told the longer time shall have it. */
static uint32_t time_for(struct nftset *nftset, const struct nftset_set *set,
			 const struct addr *addr, uint32_t ttl_s, uint64_t now_us)
{
	const uint64_t hash = hash_with(hash_bytes(&nftset->key, addr->bytes, sizeof(addr->bytes)),
					(uint64_t)(uintptr_t)set);
	struct nftset_memo *memo = &nftset->memos[hash % NFTSET_MEMOS];
	uint64_t until_us = now_us + (uint64_t)(ttl_s > 0 ? ttl_s : 1) * USEC_PER_SEC;

	if (memo->hash == hash && memo->until_us > until_us)
		until_us = memo->until_us;
	*memo = (struct nftset_memo){ hash, until_us };
	return (uint32_t)((until_us - now_us + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

/* What is in a larger interval already is where it is to be. */
static int put(const struct filling *filling, size_t first, size_t count)
{
	struct nftset *nftset = filling->nftset;
	struct nftset_reply reply;
	const size_t len = nftset_message_put(nftset->message, &filling->set->name, &filling->kind,
					      filling->addresses + first, count, ++nftset->seq);
	const int err = tell(nftset, len, &reply);

	return filling->kind.has_intervals && (err == -EEXIST || err == -ENOTEMPTY) ? 0 : err;
}

static void note_put(struct filling *filling, size_t count, int err)
{
	if (err == 0) {
		filling->additions += count;
	} else {
		filling->failures += count;
		filling->err = err;
	}
}

/* All at once, which is done or not done as a whole. Each by itself where one must be in nobody's
 * way: which is in a larger interval already, or for which there is no room, as there is for those
 * that are in there. */
static void put_all(struct filling *filling)
{
	const size_t count = filling->count;

	filling->count = 0;
	if (count > 1 && !filling->kind.has_intervals) {
		const int err = put(filling, 0, count);

		if (err != -ENFILE) {
			note_put(filling, count, err);
			return;
		}
	}
	for (size_t i = 0; i < count; i++)
		note_put(filling, 1, put(filling, i, 1));
}

static void fill_address(struct filling *filling, const struct nftset_item *item, uint64_t now_us)
{
	const uint8_t len = item->addr.family == ADDR_IPV4 ? 4 : 16;
	struct nftset_address *address;

	if (filling->kind.address_len == 0) {
		filling->failures++;
		return;
	}
	if (len != filling->kind.address_len)
		return;
	const uint32_t ttl_s =
		time_for(filling->nftset, filling->set, &item->addr, item->ttl_s, now_us);
	for (size_t i = 0; i < filling->count; i++) {
		address = &filling->addresses[i];
		if (memcmp(address->bytes, item->addr.bytes, sizeof(address->bytes)) == 0) {
			address->ttl_s = ttl_s;
			return;
		}
	}
	if (filling->count == NFTSET_MESSAGE_ADDRESSES)
		put_all(filling);
	address = &filling->addresses[filling->count++];
	*address = (struct nftset_address){ .len = len, .ttl_s = ttl_s };
	memcpy(address->bytes, item->addr.bytes, sizeof(address->bytes));
}

static void fill_job(struct filling *filling, const struct nftset_job *job)
{
	for (size_t i = 0; i < job->target_count; i++) {
		if (job->targets[i].set != filling->set)
			continue;
		for (size_t j = 0; j < job->count; j++) {
			const uint8_t only = job->targets[i].only;

			if (only == ADDR_NONE || only == job->items[j].addr.family)
				fill_address(filling, &job->items[j], job->now_us);
		}
	}
}

static void note(struct filling *filling)
{
	struct nftset_state *state = &filling->set->state;
	struct nftset *nftset = filling->nftset;

	pthread_mutex_lock(&nftset->mutex);
	state->additions += filling->additions;
	state->failures += filling->failures;
	state->err = filling->err;
	if (filling->kind.address_len != 0)
		state->lacks_timeouts = !filling->kind.has_timeouts;
	pthread_mutex_unlock(&nftset->mutex);
}

static void fill_set(struct nftset *nftset, struct nftset_set *set, const struct list *jobs)
{
	struct filling filling = { .nftset = nftset, .set = set };

	filling.err = ask_kind(nftset, set, &filling.kind);
	for (struct list *link = list_first(jobs); link != NULL; link = list_next(jobs, link))
		fill_job(&filling, LIST_ITEM(link, struct nftset_job, link));
	put_all(&filling);
	if (filling.additions > 0 || filling.failures > 0)
		note(&filling);
}

void nftset_fill(struct nftset *nftset, const struct list *jobs)
{
	nftset->round++;
	for (struct list *link = list_first(jobs); link != NULL; link = list_next(jobs, link)) {
		const struct nftset_job *job = LIST_ITEM(link, struct nftset_job, link);

		for (size_t i = 0; i < job->target_count; i++) {
			struct nftset_set *set = job->targets[i].set;

			if (set->round == nftset->round)
				continue;
			set->round = nftset->round;
			fill_set(nftset, set, jobs);
		}
	}
}
#endif
