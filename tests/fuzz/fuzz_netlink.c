/* What the kernel tells of the network: messages one behind the other. */
#include <string.h>

#include "fuzz.h"
#include "net/netlink_message.h"

static void check_prefix(const struct addr_prefix *prefix)
{
	struct addr_text text;
	struct addr_prefix again;

	CHECK(prefix->net.family == ADDR_IPV4 || prefix->net.family == ADDR_IPV6);
	CHECK(prefix->net.port == 0 && prefix->net.scope == 0);
	/* what our own reader takes, host bits clear */
	CHECK(addr_prefix_parse(addr_prefix_to_text(prefix, &text), &again) == 0);
	CHECK(again.bits == prefix->bits && addr_equal(&again.net, &prefix->net));
}

static void check_message(const struct netlink_message *message)
{
	switch (message->kind) {
	case NETLINK_OF_LINK:
		CHECK(message->index != 0);
		return;
	case NETLINK_OF_ADDRESS:
		CHECK(message->index != 0 && message->addr.port == 0);
		CHECK(message->addr.family == ADDR_IPV4 || message->addr.family == ADDR_IPV6);
		return;
	case NETLINK_OF_ROUTE:
		check_prefix(&message->to);
		return;
	case NETLINK_END:
	case NETLINK_OTHER:
		return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netlink_message message, again;
	size_t used, used_again;

	while (size > 0 && netlink_message_read(data, size, &message, &used) == 0) {
		CHECK(used >= 16 && used <= size);
		check_message(&message);
		/* it does not depend on what follows */
		uint8_t *copy = fuzz_alloc(used);
		memcpy(copy, data, used);
		CHECK(netlink_message_read(copy, used, &again, &used_again) == 0);
		CHECK(used_again == used && again.kind == message.kind);
		CHECK(again.index == message.index && again.is_usable == message.is_usable);
		free(copy);
		data += used;
		size -= used;
	}
	return 0;
}
