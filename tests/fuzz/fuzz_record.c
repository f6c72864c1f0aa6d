/* What an admin may write as a record: it is refused with a reason, or becomes a record that a
 * message holds. */
#include <string.h>

#include "fuzz.h"
#include "rr/record.h"
#include "wire/message.h"

#define OUT_MAX 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_fault fault = { 0 };
	struct message_facts facts;
	uint8_t *const wire = fuzz_alloc(OUT_MAX);
	char *const text = (char *)fuzz_alloc(size + 1);
	struct cursor_out out = cursor_into(wire, OUT_MAX);

	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t at = 0; at < MESSAGE_HEADER_LEN + 1; at++)
		cursor_put_u8(&out, at == 7); /* one answer, owned by the root */
	const int err = record_read(text, &out, &fault);
	if (err == 0) {
		const size_t len = cursor_written(&out);
		CHECK(message_read(wire, len, &facts) != MESSAGE_BAD);
		CHECK(facts.wire_len == len && facts.records[SECTION_ANSWER] == 1);
		CHECK(!facts.has_opt && facts.min_ttl <= 0x7fffffff);
	} else {
		CHECK(err == ERR_MALFORMED || err == ERR_NO_SPACE);
		CHECK(fault.why != NULL && fault.example != NULL);
	}
	free(text);
	free(wire);
	return 0;
}
