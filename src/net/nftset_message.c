#include "net/nftset_message.h"

#if COURIERDNS_NFTSET
#include <arpa/inet.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

/* Of data types the kernel keeps the number for nft, which gave it them. */
#define TYPE_IPV4 7u
#define TYPE_IPV6 8u
/* Flags of a set that is another thing than a list of keys that may become longer. */
#define NOT_A_LIST (NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_MAP | NFT_SET_OBJECT)

/* --- writing ------------------------------------------------------------------------------- */

static struct nlmsghdr *begin(void *at, unsigned type, unsigned flags, uint32_t seq, uint8_t family)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(at);

	message->nlmsg_type = (uint16_t)type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	message->nlmsg_seq = seq;
	struct nfgenmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	*head = (struct nfgenmsg){ .nfgen_family = family, .version = NFNETLINK_V0 };
	return message;
}

static struct nlmsghdr *begin_of_tables(void *at, unsigned type, unsigned flags, uint32_t seq,
					const struct nftset_name *name)
{
	return begin(at, NFNL_SUBSYS_NFTABLES << 8 | type, flags, seq, name->family);
}

/* First and last of what is to be done as one. */
static void *put_mark(void *at, unsigned type, uint32_t seq)
{
	struct nlmsghdr *message = begin(at, type, 0, seq, AF_UNSPEC);
	struct nfgenmsg *head = mnl_nlmsg_get_payload(message);

	head->res_id = htons(NFNL_SUBSYS_NFTABLES);
	return mnl_nlmsg_get_payload_tail(message);
}

static void put_element(struct nlmsghdr *message, const uint8_t *key, size_t len, uint64_t ms,
			uint32_t flags)
{
	struct nlattr *element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	struct nlattr *data = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);

	mnl_attr_put(message, NFTA_DATA_VALUE, len, key);
	mnl_attr_nest_end(message, data);
	if (flags != 0)
		mnl_attr_put_u32(message, NFTA_SET_ELEM_FLAGS, htonl(flags));
	if (ms != 0)
		mnl_attr_put_u64(message, NFTA_SET_ELEM_TIMEOUT, htobe64(ms));
	mnl_attr_nest_end(message, element);
}

/* The first address behind; there is none behind the last of all, and an interval needs no end. */
static void put_end_of_interval(struct nlmsghdr *message, const struct nftset_address *address)
{
	uint8_t next[sizeof(address->bytes)];
	size_t at = address->len;

	memcpy(next, address->bytes, sizeof(next));
	while (at > 0 && ++next[at - 1] == 0)
		at--;
	if (at > 0)
		put_element(message, next, address->len, 0, NFT_SET_ELEM_INTERVAL_END);
}

/* What is to be done to all of these. */
struct deed {
	unsigned type, flags;
	bool has_timeouts;
};

static void *put_elements(void *at, const struct deed *deed, const struct nftset_name *name,
			  const struct nftset_kind *kind, const struct nftset_address *addresses,
			  size_t count, uint32_t seq)
{
	struct nlmsghdr *message = begin_of_tables(at, deed->type, deed->flags, seq, name);

	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, name->table);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, name->set);
	struct nlattr *list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = 0; i < count; i++) {
		const uint64_t ms = deed->has_timeouts ? addresses[i].ttl_s * UINT64_C(1000) : 0;

		put_element(message, addresses[i].bytes, addresses[i].len, ms, 0);
		if (kind->has_intervals)
			put_end_of_interval(message, &addresses[i]);
	}
	mnl_attr_nest_end(message, list);
	return mnl_nlmsg_get_payload_tail(message);
}

size_t nftset_message_ask(void *out, const struct nftset_name *name, uint32_t seq)
{
	struct nlmsghdr *message = begin_of_tables(out, NFT_MSG_GETSET, NLM_F_ACK, seq, name);

	mnl_attr_put_strz(message, NFTA_SET_TABLE, name->table);
	mnl_attr_put_strz(message, NFTA_SET_NAME, name->set);
	return message->nlmsg_len;
}

/* Kernels before 6.12 leave the time of an element alone that is there already. So it goes and
 * comes again, which in one batch nobody sees; and so that it can go, it comes first. */
size_t nftset_message_put(void *out, const struct nftset_name *name, const struct nftset_kind *kind,
			  const struct nftset_address *addresses, size_t count, uint32_t seq)
{
	const struct deed first = { NFT_MSG_NEWSETELEM, NLM_F_CREATE, false };
	const struct deed gone = { NFT_MSG_DELSETELEM, 0, false };
	const struct deed last = { NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK,
				   kind->has_timeouts };
	void *at = put_mark(out, NFNL_MSG_BATCH_BEGIN, seq);

	if (kind->has_timeouts) {
		at = put_elements(at, &first, name, kind, addresses, count, seq);
		at = put_elements(at, &gone, name, kind, addresses, count, seq);
	}
	at = put_elements(at, &last, name, kind, addresses, count, seq);
	at = put_mark(at, NFNL_MSG_BATCH_END, seq);
	return (size_t)((uint8_t *)at - (uint8_t *)out);
}

/* --- reading ------------------------------------------------------------------------------- */

static uint32_t read_u32(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_U32) < 0 ? 0 : ntohl(mnl_attr_get_u32(attr));
}

static void read_kind(const struct nlmsghdr *message, struct nftset_reply *reply)
{
	uint32_t type = 0, len = 0, flags = 0;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg))
	{
		switch (mnl_attr_get_type(attr)) {
		case NFTA_SET_KEY_TYPE:
			type = read_u32(attr);
			break;
		case NFTA_SET_KEY_LEN:
			len = read_u32(attr);
			break;
		case NFTA_SET_FLAGS:
			flags = read_u32(attr);
			break;
		default:
			break;
		}
	}
	const bool is_address = (type == TYPE_IPV4 && len == 4) || (type == TYPE_IPV6 && len == 16);
	reply->has_kind = true;
	reply->kind = (struct nftset_kind){
		.address_len = (uint8_t)(is_address && (flags & NOT_A_LIST) == 0 ? len : 0),
		.has_timeouts = (flags & NFT_SET_TIMEOUT) != 0,
		.has_intervals = (flags & NFT_SET_INTERVAL) != 0,
	};
}

static int read_message(const struct nlmsghdr *message, struct nftset_reply *reply)
{
	const size_t len = mnl_nlmsg_get_payload_len(message);

	if (message->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *said = mnl_nlmsg_get_payload(message);

		if (len < sizeof(*said) || said->error > 0)
			return ERR_MALFORMED;
		reply->is_heard = true;
		if (reply->err == 0)
			reply->err = said->error;
	} else if (message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSET)) {
		if (len < sizeof(struct nfgenmsg))
			return ERR_MALFORMED;
		read_kind(message, reply);
	}
	return 0;
}

/* mnl_nlmsg_ok() takes a length of 2 GB and more for one below zero, which is not too long. */
static bool is_whole(const struct nlmsghdr *message, int left)
{
	return mnl_nlmsg_ok(message, left) && message->nlmsg_len <= (uint32_t)left;
}

int nftset_message_read(const void *bytes, size_t len, uint32_t seq, struct nftset_reply *reply)
{
	const struct nlmsghdr *message = bytes;
	int left = (int)len, err;

	for (; is_whole(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_seq != seq)
			continue;
		if ((err = read_message(message, reply)) != 0)
			return err;
	}
	return left == 0 ? 0 : ERR_MALFORMED;
}
#endif
