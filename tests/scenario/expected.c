#include "expected.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "wire/cursor.h"
#include "wire/type.h"

#define EDNS_DO 0x8000u

static bool wants_dnssec(const struct play_asked *asked)
{
	return asked->seen.opt != NULL && (asked->seen.opt->ttl & EDNS_DO) != 0;
}

static void fail(const struct play_asked *asked, const char *what)
{
	wire_see_print("came", asked->got, asked->got_len);
	report_fail("the answer to %s (asked in line %d): %s", asked->client, asked->line, what);
}

/* --- OPT ----------------------------------------------------------------------------------- */

static void add_option(struct expected_option *options, size_t *count, uint16_t code,
		       const uint8_t *data, size_t len)
{
	if (*count == EXPECTED_OPTIONS_MAX || len > sizeof(options->data))
		report_fail("too many options, or too long");
	struct expected_option *option = &options[(*count)++];
	*option = (struct expected_option){ .code = code, .len = len };
	memcpy(option->data, data, len);
}

static bool is_private(const struct play_asked *asked)
{
	const struct wire_record *opt = asked->seen.opt;
	struct cursor cursor = cursor_over(NULL, 0);

	if (opt != NULL)
		cursor = cursor_over(asked->wire + opt->rdata_at, opt->rdata_len);
	while (cursor_left(&cursor) >= 4) {
		const uint16_t code = cursor_u16(&cursor);

		cursor_bytes(&cursor, cursor_u16(&cursor));
		if (code != OPTION_COOKIE && code != OPTION_KEEPALIVE && code != OPTION_PADDING &&
		    code != OPTION_EDE)
			return true;
	}
	return false;
}

/* D11: extended errors go to everybody, other options to the one whose question bore options; those
 * of a single hop to nobody. */
static void take_options(const struct play_asked *asked, const struct wire_seen *said,
			 struct expected *how)
{
	const bool takes_all = is_private(asked);

	if (said->opt == NULL)
		return;
	struct cursor cursor = cursor_over(said->wire + said->opt->rdata_at, said->opt->rdata_len);
	while (cursor_left(&cursor) >= 4) {
		const uint16_t code = cursor_u16(&cursor), len = cursor_u16(&cursor);
		const uint8_t *data = cursor_bytes(&cursor, len);

		if (data == NULL)
			return;
		if (code == OPTION_EDE || (takes_all && code != OPTION_COOKIE &&
					   code != OPTION_KEEPALIVE && code != OPTION_PADDING))
			add_option(how->options, &how->option_count, code, data, len);
	}
}

static void check_options(const struct expected *how, const struct play_asked *asked,
			  const struct wire_seen *came)
{
	struct cursor cursor = cursor_over(came->wire + came->opt->rdata_at, came->opt->rdata_len);
	char text[96];

	for (size_t i = 0; i < how->option_count; i++) {
		const struct expected_option *option = &how->options[i];
		const uint16_t code = cursor_u16(&cursor), len = cursor_u16(&cursor);
		const uint8_t *data = cursor_bytes(&cursor, len);

		if (data == NULL || code != option->code ||
		    (option->has_any_rest ? len < option->len : len != option->len) ||
		    memcmp(data, option->data, option->len) != 0) {
			snprintf(text, sizeof(text), "EDNS option %u (number %zu) was expected",
				 option->code, i + 1);
			fail(asked, text);
		}
	}
	if (cursor_left(&cursor) > 0)
		fail(asked, "there are more EDNS options than expected");
}

static void check_opt(const struct expected *how, const struct play_asked *asked,
		      const struct wire_seen *came, unsigned rcode_high)
{
	const uint32_t flags = wants_dnssec(asked) ? EDNS_DO : 0;

	if (asked->seen.opt == NULL) {
		if (came->opt != NULL)
			fail(asked, "there is an OPT record that was not asked for");
		if (how->has_options && how->option_count > 0)
			report_fail("a client without EDNS cannot be told options");
		return;
	}
	if (came->opt == NULL)
		fail(asked, "the OPT record is missing");
	if (came->opt->end != came->end || came->opt->owner_len != 1 ||
	    came->opt->section != SECTION_ADDITIONAL)
		fail(asked, "the OPT record is not where it should be");
	if (came->opt->class != how->edns_size)
		fail(asked, "the OPT record offers another size");
	if (came->opt->ttl != ((uint32_t)rcode_high << 24 | flags))
		fail(asked, "the OPT record has another extended rcode, version or flags");
	check_options(how, asked, came);
}

/* --- as a server said it ------------------------------------------------------------------- */

static uint32_t shown_ttl(const struct expected *how, uint32_t ttl)
{
	if (how->has_ttl)
		return how->ttl;
	if (ttl == 0 || ttl > INT32_MAX)
		return ttl;
	if (ttl < how->ttl_min)
		ttl = how->ttl_min;
	if (ttl > how->ttl_max)
		ttl = how->ttl_max;
	return ttl > how->age_s ? ttl - how->age_s : 0;
}

static void put_u16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_u32(uint8_t *at, uint32_t value)
{
	put_u16(at, value >> 16);
	put_u16(at + 2, value & 0xffff);
}

/* The bytes expected before the OPT record. Returns how many. */
static size_t make_body(const struct expected *how, const struct play_asked *asked,
			const struct wire_seen *said, uint8_t *body)
{
	uint16_t flags = said->flags;
	size_t len = said->end;

	memcpy(body, said->wire, said->end);
	for (size_t i = 0; i < said->count; i++) {
		if (&said->records[i] != said->opt)
			put_u32(body + said->records[i].ttl_at,
				shown_ttl(how, said->records[i].ttl));
	}
	if (said->opt != NULL) {
		if (said->opt->end != said->end)
			report_fail("a reply with records behind OPT cannot be compared");
		len = said->opt->at;
		put_u16(body + 10, said->counts[3] - 1u);
		if (asked->seen.opt == NULL && said->opt->ttl >> 24 != 0)
			flags = (uint16_t)((flags & ~15u) | RCODE_SERVFAIL);
	}
	if (!wants_dnssec(asked) && (asked->seen.flags & FLAG_AD) == 0)
		flags &= (uint16_t)~FLAG_AD;
	put_u16(body, asked->seen.id);
	memcpy(body + MESSAGE_HEADER_LEN, asked->seen.qname, asked->seen.qname_len);
	if (how->is_cut) {
		flags |= FLAG_TC;
		len = MESSAGE_HEADER_LEN + asked->seen.question_len;
		memset(body + 6, 0, 6);
	}
	put_u16(body + 2, flags);
	return len;
}

static void check_bytes(const struct play_asked *asked, const struct play_said *said,
			const uint8_t *body, size_t body_len, const uint8_t *came, size_t came_len)
{
	size_t at = 0;

	while (at < body_len && at < came_len && body[at] == came[at])
		at++;
	if (at == body_len && at == came_len)
		return;
	wire_see_print("expected, OPT aside", body, body_len);
	wire_see_print("came", asked->got, asked->got_len);
	report_fail("the answer to %s (asked in line %d) is not what was said in line %d: byte %zu",
		    asked->client, asked->line, said->line, at);
}

static void check_opaque(const struct play_asked *asked, const struct play_said *said)
{
	uint8_t *body = report_dup(said->wire, said->seen.wire_len);

	put_u16(body, asked->seen.id);
	check_bytes(asked, said, body, said->seen.wire_len, asked->got, asked->got_len);
	free(body);
}

void expected_as(const struct expected *how, const struct play_asked *asked,
		 const struct play_said *said)
{
	struct expected whole = *how;
	struct wire_seen came;

	if (asked->is_opaque) {
		check_opaque(asked, said);
		return;
	}
	uint8_t *body = report_alloc(said->seen.wire_len + NAME_MAX_LEN);
	const size_t body_len = make_body(how, asked, &said->seen, body);

	if (!wire_see(asked->got, asked->got_len, &came) || came.end != came.wire_len)
		fail(asked, "it does not parse, or something follows it");
	uint8_t *bytes = report_dup(came.wire, came.wire_len);
	if (came.opt != NULL)
		put_u16(bytes + 10, came.counts[3] - 1u);
	check_bytes(asked, said, body, body_len, bytes,
		    came.opt != NULL ? came.opt->at : came.wire_len);
	if (!how->has_options)
		take_options(asked, &said->seen, &whole);
	check_opt(&whole, asked, &came, said->seen.opt != NULL ? said->seen.opt->ttl >> 24 : 0);
	free(bytes);
	free(body);
	wire_see_done(&came);
}

/* --- as the script spells it out ----------------------------------------------------------- */

static void check_record(const struct play_asked *asked, const struct wire_seen *came,
			 const struct wire_record *record, const struct wire_text_record *expected)
{
	uint8_t *rdata = report_alloc(WIRE_RDATA_MAX);
	const size_t len = wire_see_rdata(came, record, rdata);

	if (record->section != expected->section || record->type != expected->type ||
	    record->class != asked->seen.qclass || !name_equal(record->owner, expected->owner))
		fail(asked, "a record has another section, owner, type or class");
	if (!expected->has_any_ttl && record->ttl != expected->ttl)
		fail(asked, "a record has another TTL");
	if (!expected->has_any_rdata &&
	    (len != expected->rdata_len || memcmp(rdata, expected->rdata, len) != 0))
		fail(asked, "a record has other RDATA");
	free(rdata);
}

static void check_question(const struct expected *how, const struct play_asked *asked,
			   const struct wire_seen *came)
{
	const size_t len = how->is_bare ? 0 : asked->seen.question_len;

	if (came->question_len != len)
		fail(asked, "the question is missing, or there is one");
	if (memcmp(came->wire + MESSAGE_HEADER_LEN, asked->wire + MESSAGE_HEADER_LEN, len) != 0)
		fail(asked, "the question is not the one asked, letter for letter");
}

void expected_own(const struct expected *how, const struct play_asked *asked)
{
	const unsigned opcode_bits = asked->seen.flags & 0x7800u;
	const unsigned echoed = how->is_bare ? FLAG_RD : FLAG_RD | FLAG_CD;
	const unsigned flags = FLAG_QR | opcode_bits | (asked->seen.flags & echoed) | how->flags |
			       (how->rcode & 15u) | (how->is_cut ? FLAG_TC : 0);
	struct wire_seen came;
	size_t at = 0;

	if (!wire_see(asked->got, asked->got_len, &came) || came.end != came.wire_len)
		fail(asked, "it does not parse, or something follows it");
	if (came.id != asked->seen.id)
		fail(asked, "the ID is another");
	if (came.flags != flags) {
		fprintf(stderr, "  expected flags %04x\n", flags);
		fail(asked, "the header's flags or rcode are others");
	}
	check_question(how, asked, &came);
	for (size_t i = 0; i < came.count; i++) {
		if (&came.records[i] == came.opt)
			continue;
		if (at == how->record_count)
			fail(asked, "there are more records than expected");
		check_record(asked, &came, &came.records[i], &how->records[at++]);
	}
	if (at < how->record_count)
		fail(asked, "there are fewer records than expected");
	if (!how->is_bare)
		check_opt(how, asked, &came, how->rcode >> 4);
	wire_see_done(&came);
}
