#include "policy/classify.h"

#include "base/err.h"
#include "wire/type.h"

const char *classify_text(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_ANSWERED:
		return "answered";
	case VERDICT_NODATA:
		return "nodata";
	case VERDICT_NXDOMAIN:
		return "nxdomain";
	case VERDICT_DANGLING:
		return "dangling";
	case VERDICT_DANGLING_NXDOMAIN:
		return "dangling-nxdomain";
	case VERDICT_BARE:
		return "bare";
	case VERDICT_FAILED:
		return "failed";
	}
	UNREACHABLE();
}

enum verdict classify_shape(const struct packet_shape *shape)
{
	const bool has_chain = shape->cname_count > 0;

	if (shape->rcode == RCODE_NXDOMAIN)
		return has_chain ? VERDICT_DANGLING_NXDOMAIN : VERDICT_NXDOMAIN;
	if (shape->rcode != RCODE_NOERROR)
		return VERDICT_FAILED;
	if (shape->has_data)
		return VERDICT_ANSWERED;
	/* an NS set in place of the SOA (a referral, RFC 2308 section 2.2) tells no more than
	 * nothing */
	if (!shape->has_soa)
		return VERDICT_BARE;
	return has_chain ? VERDICT_DANGLING : VERDICT_NODATA;
}

enum verdict classify_reply(const uint8_t *wire, const struct message_facts *facts)
{
	const unsigned rcode = message_rcode(facts);
	const bool has_answers = facts->records[SECTION_ANSWER] > 0;
	struct packet_shape shape = { .rcode = rcode,
				      .cname_count = facts->hops,
				      .has_data = facts->has_data,
				      .has_soa = facts->has_soa };

	if (rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN)
		return VERDICT_FAILED;
	if (facts->is_followed)
		return classify_shape(&shape);
	if (has_answers && facts->records[SECTION_ANSWER] <= CLASSIFY_READ_MAX &&
	    packet_shape(wire, facts->wire_len, &shape) == 0)
		return classify_shape(&shape);
	/* nothing to follow, or nothing ldns could follow: answers beside an SOA are a chain, most
	 * likely, and a negative answer taken for a positive one would be kept too long */
	shape = (struct packet_shape){ .rcode = rcode,
				       .cname_count = has_answers,
				       .has_data = has_answers && !facts->has_soa,
				       .has_soa = facts->has_soa };
	return classify_shape(&shape);
}

enum verdict classify_made(const uint8_t *wire, size_t wire_len)
{
	struct message_facts facts;

	if (message_read(wire, wire_len, &facts) == MESSAGE_BAD)
		return VERDICT_FAILED;
	return classify_reply(wire, &facts);
}
