#include "policy/squash.h"

#include <stdbool.h>

#include "base/addr.h"
#include "policy/classify.h"
#include "policy/rebinding.h"
#include "wire/cursor.h"
#include "wire/name.h"

#define RCODE_NOTAUTH 9u /* RFC 2136 section 2.2 */

const char *squash_text(enum squash squash)
{
	switch (squash) {
	case SQUASH_NONE:
		return "none";
	case SQUASH_NO_CNAME:
		return "no-cname";
	case SQUASH_SOA_LOST:
		return "soa-lost";
	case SQUASH_NXDOMAIN:
		return "nxdomain";
	case SQUASH_SERVFAIL:
		return "servfail";
	case SQUASH_REFUSED:
		return "refused";
	case SQUASH_SILENT:
		return "silent";
	case SQUASH_FLATTENED:
		return "flattened";
	case SQUASH_SINKHOLE:
		return "sinkhole";
	case SQUASH_REWRITTEN:
		return "rewritten";
	}
	UNREACHABLE();
}

/* What the answer section holds, as far as it matters. */
struct found {
	bool has_cname, is_right;     /* at the alias; to the target */
	bool has_data;		      /* of the asked type, or an address, at the alias */
	bool has_address;	      /* whosever */
	bool has_private;	      /* one that nobody outside can mean */
	uint8_t target[NAME_MAX_LEN]; /* of the CNAME */
};

static bool is_of_type(uint16_t type, uint16_t asked)
{
	return type == asked || type == TYPE_A || type == TYPE_AAAA;
}

static void look_at_cname(const struct squash_family *family, const struct message_walk *walk,
			  size_t at, struct found *found)
{
	size_t len, next;

	if (found->has_cname ||
	    name_read(walk->wire, walk->wire_len, at, found->target, &len, &next) != 0)
		return;
	found->has_cname = true;
	found->is_right = name_equal(found->target, family->target);
}

static void look_at_record(const struct squash_family *family, const struct message_walk *walk,
			   const struct message_record *record, uint16_t asked, struct found *found)
{
	const uint8_t *rdata = walk->wire + record->rdata_at;
	struct addr addr;

	if (record->class != CLASS_IN)
		return;
	if (rebinding_find_in_record(record->type, rdata, record->rdata_len, &addr))
		found->has_private = true;
	if (record->type == TYPE_A || record->type == TYPE_AAAA)
		found->has_address = true;
	if (!name_is_same(walk->wire, record->at, family->alias, 0))
		return;
	if (record->type == TYPE_CNAME)
		look_at_cname(family, walk, record->rdata_at, found);
	else if (is_of_type(record->type, asked))
		found->has_data = true;
}

static uint16_t asked_type(const uint8_t *wire, const struct message_facts *facts)
{
	struct cursor in = cursor_over(wire, facts->wire_len);

	if (facts->question_len < 4)
		return 0;
	(void)cursor_bytes(&in, MESSAGE_HEADER_LEN + facts->question_len - 4);
	return cursor_u16(&in);
}

static void look_at_answer(const struct squash_family *family, const uint8_t *wire,
			   const struct message_facts *facts, struct found *ret_found)
{
	const uint16_t asked = asked_type(wire, facts);
	struct message_walk walk = message_walk_from(wire, facts->wire_len);
	struct message_record record;

	*ret_found = (struct found){ 0 };
	while (message_walk_next(&walk, &record) && record.section == SECTION_ANSWER)
		look_at_record(family, &walk, &record, asked, ret_found);
}

static enum squash judge_noerror(const struct squash_family *family, const uint8_t *wire,
				 const struct message_facts *facts)
{
	struct found found;

	look_at_answer(family, wire, facts, &found);
	if (found.has_private)
		return SQUASH_SINKHOLE;
	if (found.has_cname && !found.is_right)
		return SQUASH_REWRITTEN;
	if (found.has_data)
		return SQUASH_FLATTENED;
	if (!found.has_cname)
		return SQUASH_NO_CNAME;
	if (facts->has_soa || classify_reply(wire, facts) == VERDICT_ANSWERED)
		return SQUASH_NONE;
	return SQUASH_SOA_LOST;
}

enum squash squash_judge(const struct squash_family *family, const uint8_t *wire,
			 const struct message_facts *facts)
{
	const uint16_t asked = asked_type(wire, facts);

	if (asked != TYPE_A && asked != TYPE_AAAA && asked != TYPE_HTTPS && asked != TYPE_SVCB)
		return SQUASH_NONE;
	switch (message_rcode(facts)) {
	case RCODE_NOERROR:
		return judge_noerror(family, wire, facts);
	case RCODE_NXDOMAIN:
		return SQUASH_NXDOMAIN;
	case RCODE_REFUSED:
	case RCODE_NOTIMP:
	case RCODE_NOTAUTH:
		return SQUASH_REFUSED;
	default:
		return SQUASH_SERVFAIL;
	}
}

void squash_read_news(const struct squash_family *family, const uint8_t *wire,
		      const struct message_facts *facts, struct squash_news *ret_news)
{
	struct found found;

	look_at_answer(family, wire, facts, &found);
	*ret_news = (struct squash_news){ .has_address = found.has_address && !found.has_private };
	if (found.has_cname && !found.is_right)
		name_lower(ret_news->target, found.target, name_len(found.target));
}

bool squash_is_same_news(const struct squash_news *a, const struct squash_news *b)
{
	return a->has_address && b->has_address && name_equal(a->target, b->target);
}
