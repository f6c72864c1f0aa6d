#include "net/nftset_message.h"

#include "unit.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

static const struct nftset_name apple = { NFPROTO_INET, "fw4", "apple" };
static uint64_t out[NFTSET_MESSAGE_MAX / sizeof(uint64_t)];

static const struct nftset_address seven = { { 192, 0, 2, 7 }, 4, 300 };

/* --- what is written, read by libmnl ------------------------------------------------------- */

static const struct nlattr *find(const struct nlattr *attr, unsigned type)
{
	const struct nlattr *each;

	mnl_attr_for_each_nested(each, attr)
	{
		if (mnl_attr_get_type(each) == type)
			return each;
	}
	return NULL;
}

struct told {
	unsigned type, flags;
	size_t elements;
	uint8_t key[16]; /* the first one's */
	uint64_t ms;
	unsigned end_flags; /* of the second */
	uint8_t end[16];
};

static void read_element(const struct nlattr *element, uint8_t *key, uint64_t *ms, unsigned *flags)
{
	const struct nlattr *data = find(find(element, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);
	const struct nlattr *timeout = find(element, NFTA_SET_ELEM_TIMEOUT);
	const struct nlattr *bits = find(element, NFTA_SET_ELEM_FLAGS);

	memcpy(key, mnl_attr_get_payload(data), mnl_attr_get_payload_len(data));
	*ms = timeout == NULL ? 0 : be64toh(mnl_attr_get_u64(timeout));
	*flags = bits == NULL ? 0 : ntohl(mnl_attr_get_u32(bits));
}

static void read_list(const struct nlmsghdr *message, struct told *told)
{
	const struct nlattr *attr, *element;
	unsigned flags;
	uint64_t ms;

	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) == NFTA_SET_ELEM_LIST_TABLE)
			assert_string_equal(mnl_attr_get_str(attr), "fw4");
		if (mnl_attr_get_type(attr) == NFTA_SET_ELEM_LIST_SET)
			assert_string_equal(mnl_attr_get_str(attr), "apple");
		if (mnl_attr_get_type(attr) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(element, attr)
		{
			if (told->elements++ == 0)
				read_element(element, told->key, &told->ms, &flags);
			else
				read_element(element, told->end, &ms, &told->end_flags);
		}
	}
}

/* All of a batch; returns how many messages. */
static size_t read_batch(size_t len, uint32_t seq, struct told told[8])
{
	const struct nlmsghdr *message = (const void *)out;
	size_t count = 0;
	int left = (int)len;

	memset(told, 0, 8 * sizeof(*told));
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		assert_int_equal(message->nlmsg_seq, seq);
		assert_true((message->nlmsg_flags & NLM_F_REQUEST) != 0);
		told[count].type = message->nlmsg_type;
		told[count].flags = message->nlmsg_flags;
		if (message->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES)
			read_list(message, &told[count]);
		count++;
	}
	assert_int_equal(left, 0);
	return count;
}

#define NEW (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM)
#define DEL (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELSETELEM)

static void what_is_there_goes_and_comes_again_in_one_batch(void **state)
{
	const struct nftset_kind kind = { .address_len = 4, .has_timeouts = true };
	const struct nftset_address two[2] = { seven, { { 192, 0, 2, 8 }, 4, 60 } };
	struct told told[8];

	(void)state;
	assert_int_equal(read_batch(nftset_message_put(out, &apple, &kind, two, 2, 9), 9, told), 5);
	assert_int_equal(told[0].type, NFNL_MSG_BATCH_BEGIN);
	assert_int_equal(told[1].type, NEW);
	assert_int_equal(told[2].type, DEL);
	assert_int_equal(told[3].type, NEW);
	assert_int_equal(told[4].type, NFNL_MSG_BATCH_END);
	for (unsigned i = 1; i < 4; i++) {
		assert_int_equal(told[i].elements, 2);
		assert_memory_equal(told[i].key, seven.bytes, 4);
		assert_int_equal(told[i].ms, i == 3 ? 300000 : 0);
		assert_true((told[i].flags & NLM_F_EXCL) == 0);
		assert_int_equal((told[i].flags & NLM_F_ACK) != 0, i == 3);
	}
}

static void a_set_without_timeouts_is_added_to(void **state)
{
	const struct nftset_kind kind = { .address_len = 4 };
	struct told told[8];

	(void)state;
	assert_int_equal(read_batch(nftset_message_put(out, &apple, &kind, &seven, 1, 1), 1, told),
			 3);
	assert_int_equal(told[1].type, NEW);
	assert_int_equal(told[1].ms, 0);
}

static void an_interval_ends_before_the_next_address(void **state)
{
	const struct nftset_kind kind = { .address_len = 4, .has_intervals = true };
	const struct nftset_address carries = { { 10, 0, 255, 255 }, 4, 5 };
	const struct nftset_address last = { { 255, 255, 255, 255 }, 4, 5 };
	struct told told[8];

	(void)state;
	(void)read_batch(nftset_message_put(out, &apple, &kind, &carries, 1, 1), 1, told);
	assert_int_equal(told[1].elements, 2);
	assert_memory_equal(told[1].end, ((uint8_t[]){ 10, 1, 0, 0 }), 4);
	assert_int_equal(told[1].end_flags, NFT_SET_ELEM_INTERVAL_END);
	(void)read_batch(nftset_message_put(out, &apple, &kind, &last, 1, 1), 1, told);
	assert_int_equal(told[1].elements, 1);
}

/* With the longest names there may be. */
static void the_largest_batch_has_room(void **state)
{
	const struct nftset_kind kind = { .address_len = 16, .has_timeouts = true };
	struct nftset_address many[NFTSET_MESSAGE_ADDRESSES];
	struct nftset_name name = { NFPROTO_INET, NULL, NULL };
	char longest[256];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[255] = '\0';
	name.table = name.set = longest;
	for (size_t i = 0; i < NFTSET_MESSAGE_ADDRESSES; i++)
		many[i] = (struct nftset_address){ .len = 16, .ttl_s = UINT32_MAX };
	assert_true(nftset_message_put(out, &name, &kind, many, NFTSET_MESSAGE_ADDRESSES, 1) <=
		    sizeof(out));
}

/* --- what is read -------------------------------------------------------------------------- */

static uint64_t said[64];

static size_t say(unsigned type, uint32_t seq, const void *body, size_t len)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(said);

	message->nlmsg_type = (uint16_t)type;
	message->nlmsg_seq = seq;
	memcpy(mnl_nlmsg_put_extra_header(message, len), body, len);
	return message->nlmsg_len;
}

static size_t say_error(int err, uint32_t seq)
{
	const struct nlmsgerr error = { .error = err };

	return say(NLMSG_ERROR, seq, &error, sizeof(error));
}

static size_t say_set(uint32_t type, uint32_t len, uint32_t flags)
{
	const struct nfgenmsg head = { .nfgen_family = NFPROTO_INET };

	(void)say(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSET, 3, &head, sizeof(head));
	struct nlmsghdr *message = (void *)said;
	mnl_attr_put_strz(message, NFTA_SET_NAME, "apple");
	mnl_attr_put_u32(message, NFTA_SET_KEY_TYPE, htonl(type));
	mnl_attr_put_u32(message, NFTA_SET_KEY_LEN, htonl(len));
	mnl_attr_put_u32(message, NFTA_SET_FLAGS, htonl(flags));
	return message->nlmsg_len;
}

static void the_first_error_is_the_one(void **state)
{
	struct nftset_reply reply = { 0 };

	(void)state;
	assert_int_equal(nftset_message_read(said, say_error(0, 3), 3, &reply), 0);
	assert_true(reply.is_heard);
	assert_int_equal(reply.err, 0);
	assert_int_equal(nftset_message_read(said, say_error(-ENOENT, 3), 3, &reply), 0);
	assert_int_equal(nftset_message_read(said, say_error(-EPERM, 3), 3, &reply), 0);
	assert_int_equal(reply.err, -ENOENT);
}

static void what_was_said_to_another_question_is_nothing(void **state)
{
	struct nftset_reply reply = { 0 };

	(void)state;
	assert_int_equal(nftset_message_read(said, say_error(-ENOENT, 2), 3, &reply), 0);
	assert_false(reply.is_heard);
	assert_int_equal(reply.err, 0);
}

static void the_kind_of_a_set_is_read(void **state)
{
	static const struct {
		uint32_t type, len, flags;
		struct nftset_kind kind;
	} rows[] = {
		{ 7, 4, NFT_SET_TIMEOUT, { 4, true, false } },
		{ 8, 16, NFT_SET_INTERVAL | NFT_SET_TIMEOUT, { 16, true, true } },
		{ 7, 4, 0, { 4, false, false } },
		{ 7, 4, NFT_SET_MAP, { 0, false, false } },
		{ 7, 4, NFT_SET_CONSTANT, { 0, false, false } },
		{ 7, 16, 0, { 0, false, false } },
		{ 13, 2, 0, { 0, false, false } },
		{ 8 << 6 | 13, 20, 0, { 0, false, false } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const size_t len = say_set(rows[i].type, rows[i].len, rows[i].flags);
		struct nftset_reply reply = { 0 };

		assert_int_equal(nftset_message_read(said, len, 3, &reply), 0);
		assert_true(reply.has_kind);
		assert_int_equal(reply.kind.address_len, rows[i].kind.address_len);
		assert_int_equal(reply.kind.has_timeouts, rows[i].kind.has_timeouts);
		assert_int_equal(reply.kind.has_intervals, rows[i].kind.has_intervals);
	}
}

/* Every length, and every length that it may say of itself. */
static void what_is_cut_off_is_not_read_beyond(void **state)
{
	const size_t len = say_set(7, 4, NFT_SET_TIMEOUT);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		uint64_t *cut = unit_zalloc(i + 1);
		struct nftset_reply reply = { 0 };

		memcpy(cut, said, i);
		const int err = nftset_message_read(cut, i, 3, &reply);
		assert_int_equal(err, i == 0 ? 0 : ERR_MALFORMED);
		assert_false(reply.has_kind);
	}
	for (uint32_t claimed = 0; claimed < 70000; claimed += claimed < 200 ? 1 : 991) {
		struct nftset_reply reply = { 0 };

		((struct nlmsghdr *)(void *)said)->nlmsg_len = claimed;
		const int err = nftset_message_read(said, len, 3, &reply);
		(void)err;
	}
	const int32_t odd = 1;
	struct nftset_reply reply = { 0 };
	assert_int_equal(nftset_message_read(said, say(NLMSG_ERROR, 3, &odd, 4), 3, &reply),
			 ERR_MALFORMED);
	assert_int_equal(nftset_message_read(said, say_error(5, 3), 3, &reply), ERR_MALFORMED);
	assert_false(reply.is_heard);
}

static void the_question_names_the_set(void **state)
{
	const struct nlmsghdr *message = (const void *)out;

	(void)state;
	const size_t len = nftset_message_ask(out, &apple, 5);
	assert_int_equal(len, message->nlmsg_len);
	assert_int_equal(message->nlmsg_type, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSET);
	assert_int_equal(message->nlmsg_seq, 5);
	const struct nfgenmsg *head = mnl_nlmsg_get_payload(message);
	assert_int_equal(head->nfgen_family, NFPROTO_INET);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_there_goes_and_comes_again_in_one_batch),
	cmocka_unit_test(a_set_without_timeouts_is_added_to),
	cmocka_unit_test(an_interval_ends_before_the_next_address),
	cmocka_unit_test(the_largest_batch_has_room),
	cmocka_unit_test(the_first_error_is_the_one),
	cmocka_unit_test(what_was_said_to_another_question_is_nothing),
	cmocka_unit_test(the_kind_of_a_set_is_read),
	cmocka_unit_test(what_is_cut_off_is_not_read_beyond),
	cmocka_unit_test(the_question_names_the_set),
};
UNIT_MAIN(tests)
