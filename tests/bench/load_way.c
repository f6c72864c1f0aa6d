#include <arpa/inet.h>

#include "load.h"

struct sockaddr_in load_source(const struct load_plan *plan, unsigned at)
{
	struct sockaddr_in address = plan->source;

	address.sin_addr.s_addr = htonl(ntohl(address.sin_addr.s_addr) + at);
	return address;
}

bool load_is_right(const struct load *load, const struct mix_asked *asked, const uint8_t *wire,
		   size_t wire_len)
{
	if (load->is_echo)
		return wire_len > MIX_QUESTION_LEN && (wire[2] & 0x80) != 0;
	return asked == NULL ? mix_is_right_by_itself(wire, wire_len)
			     : mix_is_right(asked, wire, wire_len);
}
