/* upstream/packet_match.h: is this packet the reply that is waited for? (RFC 5452 section 9.1) */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/query_view.h"

enum packet_match {
	PACKET_OTHER,	   /* not the reply, or not a message: drop it and wait on (D13) */
	PACKET_BARE_ERROR, /* a header alone that says FORMERR or NOTIMP, with the right ID: a hint
			    * that the server does not know EDNS, never an answer */
	PACKET_REPLY,
};

/** The source has been checked by the connected socket; checked here: ID, QR, opcode, and the
 * question as in `view`, letter case aside. facts and quality are filled in for PACKET_REPLY. */
enum packet_match packet_match(const struct query_view *view, uint16_t id, const uint8_t *wire,
			       size_t wire_len, struct message_facts *ret_facts,
			       enum message_quality *ret_quality);
/** It is about that question, whatever else it is. */
bool packet_match_question(const struct query_view *view, const uint8_t *wire, size_t wire_len);
