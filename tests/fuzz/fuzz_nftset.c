/* What the kernel says of sets of its packet filter: one packet. */
#include <string.h>

#include "fuzz.h"
#include "net/nftset_message.h"

#define SEQ 3u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
#if COURIERDNS_NFTSET
	uint64_t aligned[1024];
	struct nftset_reply reply = { 0 };

	if (size > sizeof(aligned))
		return 0;
	memcpy(aligned, data, size);
	const int err = nftset_message_read(aligned, size, SEQ, &reply);
	CHECK(err == 0 || err == ERR_MALFORMED);
	CHECK(reply.err <= 0);
	CHECK(reply.err == 0 || reply.is_heard);
	CHECK(reply.kind.address_len == 0 || reply.kind.address_len == 4 ||
	      reply.kind.address_len == 16);
	CHECK(reply.has_kind || reply.kind.address_len == 0);
#else
	(void)data;
	(void)size;
#endif
	return 0;
}
