#include "upstream/packet_match.h"

#include "wire/cursor.h"
#include "wire/name.h"

static bool has_question(const struct query_view *view, const uint8_t *wire, size_t wire_len,
			 const struct message_facts *facts)
{
	struct cursor cursor = cursor_over(wire, wire_len);

	if (facts->questions != 1 || facts->question_len != view->question_len)
		return false;
	(void)cursor_bytes(&cursor, MESSAGE_HEADER_LEN);
	const uint8_t *name = cursor_bytes(&cursor, view->name_len);
	const uint16_t type = cursor_u16(&cursor);
	const uint16_t class = cursor_u16(&cursor);
	return !cursor.failed && type == view->type && class == view->class &&
	       name_equal(name, view->name);
}

enum packet_match packet_match(const struct query_view *view, uint16_t id, const uint8_t *wire,
			       size_t wire_len, struct message_facts *ret_facts,
			       enum message_quality *ret_quality)
{
	const enum message_quality quality = message_read(wire, wire_len, ret_facts);

	if (quality == MESSAGE_BAD)
		return PACKET_OTHER;
	const uint16_t flags = ret_facts->flags;
	if (ret_facts->id != id || (flags & FLAG_QR) == 0 || FLAGS_OPCODE(flags) != 0)
		return PACKET_OTHER;
	if (wire_len == MESSAGE_HEADER_LEN && ret_facts->questions == 0 &&
	    (FLAGS_RCODE(flags) == RCODE_FORMERR || FLAGS_RCODE(flags) == RCODE_NOTIMP))
		return PACKET_BARE_ERROR;
	if (!has_question(view, wire, wire_len, ret_facts))
		return PACKET_OTHER;
	*ret_quality = quality;
	return PACKET_REPLY;
}
