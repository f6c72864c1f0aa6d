#include <string.h>

#include "message_internal.h"

/* Behind a name that is known to be one. */
static inline size_t skip_name(const uint8_t *wire, size_t at)
{
	while (wire[at] != 0 && wire[at] < 0xc0)
		at += 1u + wire[at];
	return at + (wire[at] == 0 ? 1 : 2);
}

/* Done for each answer out of the cache that is a second old: no more than this may be looked at.
 */
void message_age_ttls(uint8_t *wire, size_t wire_len, uint32_t age_s)
{
	size_t left = (size_t)message_get_u16(wire + 6) + message_get_u16(wire + 8) +
		      message_get_u16(wire + 10);
	size_t at = MESSAGE_HEADER_LEN;

	if (message_get_u16(wire + 4) != 0)
		at = skip_name(wire, at) + 4;
	for (; left > 0 && at < wire_len; left--) {
		at = skip_name(wire, at);
		if (at + 10 > wire_len)
			return;
		const uint32_t ttl = message_get_u32(wire + at + 4);

		if (ttl <= INT32_MAX)
			message_set_u32(wire + at + 4, ttl > age_s ? ttl - age_s : 0);
		at += 10u + message_get_u16(wire + at + 8);
	}
}
