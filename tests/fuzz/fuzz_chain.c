/* Chains in an answer section (made_chain.h): the walk of message_read() and ldns agree on what the
 * reply is, and the walk follows what is in order by itself. */
#include <string.h>

#include "fuzz.h"
#include "made_chain.h"
#include "policy/classify.h"

/* One record cannot be out of order. */
static bool is_plain(const uint8_t *data, size_t size)
{
	return size <= 3 && data[size - 1] != 0xbf;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t out[MADE_CHAIN_MAX];
	struct message_facts facts;
	struct packet_shape shape;

	const size_t len = made_chain(data, size, out);
	CHECK(len > 0);
	uint8_t *wire = fuzz_alloc(len);
	memcpy(wire, out, len);
	CHECK(message_read(wire, len, &facts) != MESSAGE_BAD);
	CHECK(facts.is_followed || !is_plain(data, size));
	const enum verdict verdict = classify_reply(wire, &facts);
	if (facts.is_followed) {
		CHECK(packet_shape(wire, len, &shape) == 0);
		CHECK(classify_shape(&shape) == verdict);
		CHECK(facts.has_data == shape.has_data);
		CHECK((facts.hops > 0) == (shape.cname_count > 0));
		CHECK(facts.has_data || facts.hops == shape.cname_count);
	}
	facts.is_followed = false;
	CHECK(facts.records[SECTION_ANSWER] > CLASSIFY_READ_MAX ||
	      classify_reply(wire, &facts) == verdict);
	free(wire);
	return 0;
}
