#include "upstream/packet_match.h"

#include <string.h>

#include "wire/name.h"

/* The question as it was sent, which mostly comes back letter for letter; type and class stand
 * right behind the name. */
static bool has_question(const struct query_view *view, const uint8_t *wire, size_t wire_len)
{
	const uint8_t *question = wire + MESSAGE_HEADER_LEN;

	if (wire_len - MESSAGE_HEADER_LEN < view->question_len || wire[4] != 0 || wire[5] != 1)
		return false;
	if (memcmp(question, view->name, view->question_len) == 0)
		return true;
	return memcmp(question + view->name_len, view->name + view->name_len, 4) == 0 &&
	       name_equal(question, view->name);
}

static bool is_bare_error(const uint8_t *wire, size_t wire_len, struct message_facts *facts)
{
	if (wire_len != MESSAGE_HEADER_LEN || message_read(wire, wire_len, facts) == MESSAGE_BAD)
		return false;
	const unsigned rcode = FLAGS_RCODE(facts->flags);
	return rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP;
}

enum packet_match packet_match(const struct query_view *view, uint16_t id, const uint8_t *wire,
			       size_t wire_len, struct message_facts *ret_facts,
			       enum message_quality *ret_quality)
{
	if (wire_len < MESSAGE_HEADER_LEN || wire_len > MESSAGE_MAX_LEN || message_id(wire) != id)
		return PACKET_OTHER;
	const uint16_t flags = message_flags(wire);
	if ((flags & FLAG_QR) == 0 || FLAGS_OPCODE(flags) != 0)
		return PACKET_OTHER;
	if (!has_question(view, wire, wire_len))
		return is_bare_error(wire, wire_len, ret_facts) ? PACKET_BARE_ERROR : PACKET_OTHER;
	*ret_quality = message_read_behind(wire, wire_len, view->question_len, ret_facts);
	return *ret_quality == MESSAGE_BAD ? PACKET_OTHER : PACKET_REPLY;
}

bool packet_match_question(const struct query_view *view, const uint8_t *wire, size_t wire_len)
{
	return wire_len >= MESSAGE_HEADER_LEN && has_question(view, wire, wire_len);
}
