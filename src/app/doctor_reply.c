#include "app/doctor_reply.h"

#include <string.h>

#include "policy/rebinding.h"

/* courier.push.apple.com, courier-push-apple.com.akadns.net */
static const uint8_t apple_alias[] = "\7courier\4push\5apple\3com";
static const uint8_t apple_target[] = "\22courier-push-apple\3com\6akadns\3net";

static void note_address(struct doctor_ask *ask, const struct message_record *record)
{
	const bool is_v4 = record->type == TYPE_A && record->rdata_len == 4;

	if (!is_v4 && !(record->type == TYPE_AAAA && record->rdata_len == 16))
		return;
	if (ask->addresses++ > 0)
		return;
	ask->address.family = is_v4 ? ADDR_IPV4 : ADDR_IPV6;
	memcpy(ask->address.bytes, ask->wire + record->rdata_at, record->rdata_len);
}

static void read_records(struct doctor_ask *ask)
{
	struct message_walk walk = message_walk_from(ask->wire, ask->facts.wire_len);
	struct message_record record;
	size_t len, next;

	while (message_walk_next(&walk, &record)) {
		if (record.class != ask->view.class)
			continue;
		if (record.section == SECTION_AUTHORITY && record.type == TYPE_SOA &&
		    ask->soa_at == 0)
			ask->soa_at = record.at;
		if (record.section != SECTION_ANSWER)
			continue;
		if (record.type == TYPE_CNAME && name_read(ask->wire, ask->facts.wire_len,
							   record.rdata_at, NULL, &len, &next) == 0)
			ask->cname_at = record.rdata_at;
		note_address(ask, &record);
		if (ask->inner.family == ADDR_NONE)
			(void)rebinding_find_in_record(record.type, ask->wire + record.rdata_at,
						       record.rdata_len, &ask->inner);
	}
}

/* Of a name that is no alias. */
static enum squash shape_of(const struct doctor_ask *ask)
{
	switch (ask->rcode) {
	case RCODE_NOERROR:
		return ask->inner.family == ADDR_NONE ? SQUASH_NONE : SQUASH_SINKHOLE;
	case RCODE_NXDOMAIN:
		return SQUASH_NXDOMAIN;
	case RCODE_REFUSED:
	case RCODE_NOTIMP:
		return SQUASH_REFUSED;
	default:
		return SQUASH_SERVFAIL;
	}
}

void doctor_reply_read(struct doctor_ask *ask)
{
	static const struct squash_family apple = { apple_alias, apple_target };

	read_records(ask);
	ask->rcode = (uint16_t)message_rcode(&ask->facts);
	ask->verdict = classify_reply(ask->wire, &ask->facts);
	ask->shape = name_equal(ask->view.name, apple_alias)
			     ? squash_judge(&apple, ask->wire, &ask->facts)
			     : shape_of(ask);
}

bool doctor_reply_is_good(const struct doctor_ask *ask)
{
	return ask->shape == SQUASH_NONE && ask->verdict == VERDICT_ANSWERED;
}

bool doctor_reply_leads_nowhere(const struct addr *addr)
{
	static const uint8_t first[15] = { 0 }; /* of :: and ::1 */

	if (addr->family == ADDR_IPV4)
		return addr->bytes[0] == 0 || addr->bytes[0] == 127;
	return memcmp(addr->bytes, first, sizeof(first)) == 0 && addr->bytes[15] <= 1;
}

bool doctor_reply_leads_on(const struct doctor_ask *ask)
{
	return ask->addresses > 0 && !doctor_reply_leads_nowhere(&ask->address);
}

/* As far as there is room. A string that overruns the record ends it. */
static void join_strings(const uint8_t *rdata, size_t rdata_len, char *ret_text, size_t max)
{
	const uint8_t *end = rdata + rdata_len;
	size_t len = 0;

	while (rdata < end && end - rdata > rdata[0]) {
		for (unsigned left = *rdata++; left > 0; left--, rdata++) {
			if (*rdata >= ' ' && *rdata <= '~' && len + 1 < max)
				ret_text[len++] = (char)*rdata;
		}
	}
	ret_text[len] = '\0';
}

bool doctor_reply_txt(const struct doctor_ask *ask, const char *begin, char *ret_text, size_t max)
{
	struct message_record record;

	if (ask->state != DOCTOR_ASK_REPLY)
		return false;
	struct message_walk walk = message_walk_from(ask->wire, ask->facts.wire_len);
	while (message_walk_next(&walk, &record) && record.section == SECTION_ANSWER) {
		if (record.type != TYPE_TXT || record.class != ask->view.class)
			continue;
		join_strings(ask->wire + record.rdata_at, record.rdata_len, ret_text, max);
		if (strncmp(ret_text, begin, strlen(begin)) == 0)
			return true;
	}
	return false;
}

bool doctor_reply_same_case(const struct doctor_ask *ask)
{
	return ask->facts.question_len >= ask->view.name_len &&
	       memcmp(ask->wire + MESSAGE_HEADER_LEN, ask->view.name, ask->view.name_len) == 0;
}
