/* What a client may send: the bytes are a datagram. */
#include <string.h>

#include "fuzz.h"
#include "wire/message.h"
#include "wire/name.h"
#include "wire/option.h"
#include "wire/query_view.h"
#include "wire/reply.h"

#define EDNS_SIZE 1232

static void check_view(const struct query_view *view, enum query_fault fault)
{
	CHECK(view->edns_size >= 512);
	if (view->question_len > 0) {
		CHECK(MESSAGE_HEADER_LEN + view->question_len <= view->wire_len);
		CHECK(view->name == view->wire + MESSAGE_HEADER_LEN);
		CHECK(view->name_len <= NAME_MAX_LEN && view->name_len == name_len(view->name));
		CHECK(view->question_len == view->name_len + 4);
	}
	if (view->options_len > 0) {
		CHECK(view->has_edns);
		CHECK(view->options >= view->wire);
		CHECK(view->options + view->options_len <= view->wire + view->wire_len);
	}
	if (view->has_hardware) {
		static const uint8_t nobody[OPTION_HARDWARE_LEN];

		/* six bytes, as text of 8 or 17, or as they are */
		CHECK(view->options_len >= 4 + OPTION_HARDWARE_LEN);
		CHECK(memcmp(view->hardware, nobody, sizeof(nobody)) != 0);
	}
	if (fault == QUERY_OK) {
		CHECK(view->question_len > 0 && FLAGS_OPCODE(view->flags) == 0);
		CHECK((view->flags & FLAG_QR) == 0 && view->edns_version == 0);
	}
}

/* Whatever we do not ignore, we can refuse: in a message that parses, is no query, and has OPT just
 * where the query had. */
static void check_refusal(const struct query_view *view, enum query_fault fault)
{
	static const unsigned rcodes[] = { [QUERY_OK] = RCODE_SERVFAIL,
					   [QUERY_FORMERR] = RCODE_FORMERR,
					   [QUERY_NOTIMP] = RCODE_NOTIMP,
					   [QUERY_BADVERS] = RCODE_BADVERS };
	const struct reply_error error = { .rcode = rcodes[fault],
					   .ede = EDE_NOT_READY,
					   .text = "some words" };
	struct message_facts facts;
	struct query_view back;
	uint8_t *out = fuzz_alloc(512);

	const size_t len = reply_error(out, 512, view, &error, EDNS_SIZE);
	CHECK(len >= MESSAGE_HEADER_LEN && len <= 512);
	CHECK(message_read(out, len, &facts) == MESSAGE_OK);
	CHECK(facts.trailing == 0 && facts.id == view->id);
	CHECK(message_rcode(&facts) == error.rcode);
	CHECK(query_view_parse(&back, out, len) == QUERY_IGNORE);
	if (fault == QUERY_NOTIMP) {
		CHECK(len == MESSAGE_HEADER_LEN);
		CHECK(FLAGS_OPCODE(facts.flags) == FLAGS_OPCODE(view->flags));
	} else {
		CHECK(facts.has_opt == view->has_edns);
		CHECK(facts.question_len == view->question_len);
		CHECK(memcmp(out + MESSAGE_HEADER_LEN, view->wire + MESSAGE_HEADER_LEN,
			     view->question_len) == 0);
	}
	free(out);
	/* in less room: less, or nothing, but never too much */
	for (size_t less = 1; less <= 16 && less <= len; less += 5) {
		out = fuzz_alloc(len - less);
		CHECK(reply_error(out, len - less, view, &error, EDNS_SIZE) <= len - less);
		free(out);
	}
}

static bool same_question(const struct query_view *a, const struct query_view *b)
{
	return a->question_len == b->question_len && memcmp(a->name, b->name, a->question_len) == 0;
}

static bool has_option(const struct query_view *view, uint16_t code)
{
	struct cursor cursor = cursor_over(view->options, view->options_len);
	struct edns_option option;

	while (option_next(&cursor, &option)) {
		if (option.code == code)
			return true;
	}
	return false;
}

/* What goes upstream is a query that we would take, with the same question and nothing of the
 * hop. */
static void check_upstream(const struct query_view *view, bool with_edns, bool strip_ecs)
{
	const struct query_out how = { .id = (uint16_t)~view->id,
				       .with_edns = with_edns,
				       .edns_size = EDNS_SIZE,
				       .strip_ecs = strip_ecs };
	const size_t max = view->wire_len + 11;
	uint8_t *out = fuzz_alloc(max);
	struct query_view back;

	const size_t len = query_view_write(out, max, view, &how);
	CHECK(len > 0 && len <= max);
	CHECK(message_id(out) == how.id);
	if (view->is_opaque) {
		CHECK(len == view->wire_len && memcmp(out + 2, view->wire + 2, len - 2) == 0);
		free(out);
		return;
	}
	CHECK(query_view_parse(&back, out, len) == QUERY_OK);
	CHECK(same_question(&back, view));
	CHECK(back.flags == (view->flags & (FLAG_RD | FLAG_AD | FLAG_CD)));
	CHECK(back.has_edns == with_edns && !back.is_opaque);
	CHECK(!back.has_hardware);
	CHECK(!has_option(&back, OPTION_HARDWARE) && !has_option(&back, OPTION_HARDWARE_TEXT));
	if (with_edns) {
		CHECK(back.wants_dnssec == view->wants_dnssec && back.edns_size == EDNS_SIZE);
		CHECK(back.options_len <= view->options_len);
		CHECK(back.has_private_option == view->has_private_option);
		CHECK(back.has_ecs == (view->has_ecs && !strip_ecs));
		CHECK(back.options_len > 0 || !(back.has_private_option || back.has_ecs));
	}
	free(out);
	out = fuzz_alloc(len - 1);
	CHECK(query_view_write(out, len - 1, view, &how) == 0);
	free(out);
}

/* The short way says nothing else than the long one. */
static void check_plain(const struct query_view *view, enum query_fault fault)
{
	struct query_view plain;

	if (!query_view_parse_plain(&plain, view->wire, view->wire_len))
		return;
	CHECK(fault == QUERY_OK && !view->is_opaque);
	CHECK(plain.wire == view->wire && plain.wire_len == view->wire_len);
	CHECK(plain.id == view->id && plain.flags == view->flags);
	CHECK(plain.name == view->name && plain.name_len == view->name_len);
	CHECK(plain.question_len == view->question_len);
	CHECK(plain.type == view->type && plain.class == view->class);
	CHECK(plain.has_edns == view->has_edns && plain.wants_dnssec == view->wants_dnssec);
	CHECK(plain.edns_version == 0 && plain.edns_size == view->edns_size);
	CHECK(plain.options == view->options && plain.options_len == view->options_len);
	CHECK(plain.has_ecs == view->has_ecs);
	CHECK(plain.has_private_option == view->has_private_option);
	CHECK(plain.has_hardware == view->has_hardware && !plain.is_opaque);
	CHECK(memcmp(plain.hardware, view->hardware, sizeof(plain.hardware)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct query_view view;

	const enum query_fault fault = query_view_parse(&view, data, size);
	CHECK(view.wire == data && view.wire_len == size);
	if (size >= MESSAGE_HEADER_LEN)
		CHECK(view.id == message_id(data) && view.flags == message_flags(data));
	check_view(&view, fault);
	check_plain(&view, fault);
	if (fault == QUERY_IGNORE)
		return 0;
	check_refusal(&view, fault);
	if (fault != QUERY_OK)
		return 0;
	check_upstream(&view, false, false);
	check_upstream(&view, true, false);
	check_upstream(&view, true, true);
	return 0;
}
