#include "wire/query_view.h"

#include <endian.h>
#include <string.h>

#include "message_internal.h"
#include "wire/cursor.h"
#include "wire/name.h"
#include "wire/option.h"

#define LABEL_MAX_LEN 63
#define EDNS_SIZE_MIN 512
#define EDNS_FLAG_DO 0x8000
/* What a query may have: an SOA of IXFR, OPT, TSIG, and the records of TKEY. Beyond that nobody's
 * 64 KB are read on. */
#define QUESTIONS_MAX 4
#define RECORDS_MAX 8

struct record {
	unsigned section; /* enum message_section */
	bool is_last;	  /* of the whole message */
	size_t at;
	uint16_t type, class;
	uint32_t ttl;
	const uint8_t *rdata;
	uint16_t rdata_len;
};

/* Moves *at behind the name there. */
static bool skip_name(const struct query_view *view, size_t *at)
{
	*at = name_check(view->wire, view->wire_len, *at);
	return *at != 0;
}

static struct cursor cursor_at(const struct query_view *view, size_t at)
{
	return cursor_over(view->wire + at, view->wire_len - at);
}

/* Fills the view from the question where there is exactly one. False where the questions are not
 * whole: nothing behind them can be found then. */
static bool read_questions(struct query_view *view, uint16_t count, size_t *at)
{
	if (count > QUESTIONS_MAX)
		return false;
	for (uint16_t i = 0; i < count; i++) {
		const size_t name_at = *at;
		if (!skip_name(view, at))
			return false;
		const size_t name_len = *at - name_at;
		struct cursor cursor = cursor_at(view, *at);
		const uint16_t type = cursor_u16(&cursor);
		const uint16_t class = cursor_u16(&cursor);
		if (cursor.failed)
			return false;
		*at += 4;
		if (count == 1) {
			/* No pointer can stand here: it would have to point into the header. */
			view->name = view->wire + name_at;
			view->name_len = name_len;
			view->question_len = name_len + 4;
			view->type = type;
			view->class = class;
		}
	}
	return true;
}

static bool read_record(const struct query_view *view, size_t *at, struct record *record)
{
	record->at = *at;
	if (!skip_name(view, at))
		return false;
	struct cursor cursor = cursor_at(view, *at);
	record->type = cursor_u16(&cursor);
	record->class = cursor_u16(&cursor);
	record->ttl = cursor_u32(&cursor);
	record->rdata_len = cursor_u16(&cursor);
	record->rdata = cursor_bytes(&cursor, record->rdata_len);
	*at = (size_t)(cursor.at - view->wire);
	return !cursor.failed;
}

/* Options that end here; an extended error in a query means nothing (RFC 8914 section 2). */
static bool is_consumed(uint16_t code)
{
	return option_is_of_one_hop(code) || code == OPTION_EDE;
}

static bool read_options(struct query_view *view, const struct record *record)
{
	struct cursor cursor = cursor_over(record->rdata, record->rdata_len);
	uint8_t hardware[OPTION_HARDWARE_LEN];
	struct edns_option option;
	struct addr host;

	while (option_next(&cursor, &option)) {
		if (option.code == OPTION_ECS) {
			view->has_host = option_read_host(&option, &host) &&
					 (view->has_host || !view->has_ecs);
			view->has_ecs = true;
		} else if (!is_consumed(option.code)) {
			view->has_private_option = true;
		} else if (option_read_hardware(&option, hardware)) {
			view->has_hardware = true;
			memcpy(view->hardware, hardware, sizeof(hardware));
		}
	}
	if (cursor.failed) {
		view->has_hardware = view->has_host = false;
		return false;
	}
	view->options = record->rdata;
	view->options_len = record->rdata_len;
	return true;
}

/* RFC 6891 section 6.1. The options of a version that we do not know are not looked at. */
static bool read_opt(struct query_view *view, const struct record *record)
{
	if (view->has_edns || view->wire[record->at] != 0)
		return false;
	view->has_edns = true;
	view->edns_size = record->class < EDNS_SIZE_MIN ? EDNS_SIZE_MIN : record->class;
	view->edns_version = (uint8_t)(record->ttl >> 16);
	view->wants_dnssec = (record->ttl & EDNS_FLAG_DO) != 0;
	return view->edns_version != 0 || read_options(view, record);
}

static bool is_signature(const struct record *record)
{
	if (record->type == TYPE_TSIG)
		return true;
	return record->type == TYPE_SIG && record->rdata_len >= 2 && record->rdata[0] == 0 &&
	       record->rdata[1] == 0;
}

/* False where a query has no place for such a record. */
static bool take_record(struct query_view *view, const struct record *record)
{
	if (record->section == SECTION_AUTHORITY) /* RFC 1995 section 3 */
		return view->type == TYPE_IXFR && record->type == TYPE_SOA;
	if (record->section != SECTION_ADDITIONAL)
		return false;
	if (record->type == TYPE_OPT)
		return read_opt(view, record);
	if (is_signature(record)) {
		view->is_opaque = true;
		return record->is_last; /* RFC 8945 section 5.1, RFC 2931 section 3.1 */
	}
	return view->type == TYPE_TKEY; /* RFC 2930 section 4: TKEY and KEY records */
}

/* Goes on after a record out of place: there may be an OPT record still, which the reply must
 * have then. */
static bool read_records(struct query_view *view, size_t at)
{
	struct cursor counts = cursor_over(view->wire + 6, 2 * SECTION_COUNT);
	bool is_good = true;
	unsigned count = 0;

	for (unsigned section = 0; section < SECTION_COUNT; section++) {
		uint16_t left = cursor_u16(&counts);
		if (section == SECTION_AUTHORITY && left > 1)
			is_good = false;
		for (; left > 0; left--) {
			struct record record = {
				.section = section,
				.is_last = section == SECTION_ADDITIONAL && left == 1,
			};
			if (++count > RECORDS_MAX || !read_record(view, &at, &record))
				return false;
			if (!take_record(view, &record))
				is_good = false;
		}
	}
	return is_good && at == view->wire_len;
}

enum query_fault query_view_parse(struct query_view *ret_view, const uint8_t *wire, size_t wire_len)
{
	struct query_view *view = ret_view;

	*view = (struct query_view){ .wire = wire,
				     .wire_len = wire_len,
				     .edns_size = EDNS_SIZE_MIN };
	if (wire_len < MESSAGE_HEADER_LEN)
		return QUERY_IGNORE;
	view->id = message_id(wire);
	view->flags = message_flags(wire);
	if ((view->flags & FLAG_QR) != 0)
		return QUERY_IGNORE;
	if (FLAGS_OPCODE(view->flags) != 0)
		return QUERY_NOTIMP;

	struct cursor cursor = cursor_over(wire + 4, 2);
	const uint16_t questions = cursor_u16(&cursor);
	size_t at = MESSAGE_HEADER_LEN;
	if (!read_questions(view, questions, &at))
		return QUERY_FORMERR;
	view->is_opaque = view->type == TYPE_TKEY || view->type == TYPE_IXFR;
	if (!read_records(view, at) || questions != 1)
		return QUERY_FORMERR;
	if (view->type == 0 || view->type == TYPE_OPT || view->type == TYPE_TSIG)
		return QUERY_FORMERR;
	return view->edns_version != 0 ? QUERY_BADVERS : QUERY_OK;
}

/* --- the most of them ------------------------------------------------------------------------ */

/* Behind the name of one question, which begins behind the header; 0 where it is not a whole one
 * with type and class behind it, or none without a pointer. */
static size_t end_of_name(const uint8_t *wire, size_t wire_len)
{
	size_t at = MESSAGE_HEADER_LEN;

	if (wire_len < MESSAGE_HEADER_LEN + 5)
		return 0;
	const size_t last = wire_len - 5 < MESSAGE_HEADER_LEN + NAME_MAX_LEN - 1
				    ? wire_len - 5
				    : MESSAGE_HEADER_LEN + NAME_MAX_LEN - 1; /* for its root */
	for (uint8_t len; (len = wire[at]) != 0;) {
		at += 1u + len;
		if (len > LABEL_MAX_LEN || at > last)
			return 0;
	}
	return at + 1;
}

/* One OPT record, and nothing behind it. */
static bool read_last_opt(struct query_view *view, size_t at)
{
	const uint8_t *opt = view->wire + at;
	const size_t left = view->wire_len - at;

	if (left < OPTION_OPT_HEAD_LEN || opt[0] != 0 || message_get_u16(opt + 1) != TYPE_OPT ||
	    opt[6] != 0 || left != OPTION_OPT_HEAD_LEN + (size_t)message_get_u16(opt + 9))
		return false;
	view->has_edns = true;
	view->edns_size =
		message_get_u16(opt + 3) < EDNS_SIZE_MIN ? EDNS_SIZE_MIN : message_get_u16(opt + 3);
	view->wants_dnssec = (opt[7] & EDNS_FLAG_DO >> 8) != 0;
	view->options = opt + OPTION_OPT_HEAD_LEN;
	const struct record record = { .rdata = view->options,
				       .rdata_len = message_get_u16(opt + 9) };
	return record.rdata_len == 0 || read_options(view, &record);
}

#define ONE_QUESTION (UINT64_C(1) << 48) /* QDCOUNT of the four counts */

/* Those that make a message more than a question, or no question at all. */
static bool is_plain_type(uint16_t type)
{
	return type != 0 && type != TYPE_OPT && (type < TYPE_TKEY || type > TYPE_IXFR);
}

bool query_view_parse_plain(struct query_view *ret_view, const uint8_t *wire, size_t wire_len)
{
	struct query_view *view = ret_view;
	const size_t end = end_of_name(wire, wire_len);
	uint64_t counts;

	if (end == 0)
		return false;
	memcpy(&counts, wire + 4, sizeof(counts));
	counts = be64toh(counts);
	if (counts != ONE_QUESTION && counts != ONE_QUESTION + 1)
		return false;
	*view = (struct query_view){ .wire = wire,
				     .wire_len = wire_len,
				     .id = message_id(wire),
				     .flags = message_flags(wire),
				     .name = wire + MESSAGE_HEADER_LEN,
				     .name_len = end - MESSAGE_HEADER_LEN,
				     .question_len = end + 4 - MESSAGE_HEADER_LEN,
				     .type = message_get_u16(wire + end),
				     .class = message_get_u16(wire + end + 2),
				     .edns_size = EDNS_SIZE_MIN };
	if ((view->flags & (FLAG_QR | FLAG_OPCODE)) != 0 || !is_plain_type(view->type))
		return false;
	return counts == ONE_QUESTION ? end + 4 == wire_len : read_last_opt(view, end + 4);
}

bool query_view_host(const struct query_view *view, struct addr *ret_host)
{
	struct cursor cursor = cursor_over(view->options, view->options_len);
	struct edns_option option;

	while (view->has_host && option_next(&cursor, &option)) {
		if (option_read_host(&option, ret_host))
			return true;
	}
	return false;
}

/* --- writing it on ------------------------------------------------------------------------- */

/* What goes on in a row is copied at once: there may be a thousand of them. */
static void put_options(struct cursor_out *out, const struct query_view *view, bool strip_ecs)
{
	struct cursor cursor = cursor_over(view->options, view->options_len);
	const uint8_t *row = cursor.at;
	struct edns_option option;

	while (option_next(&cursor, &option)) {
		if (!is_consumed(option.code) && !(strip_ecs && option.code == OPTION_ECS))
			continue;
		cursor_put(out, row, (size_t)(option.data - OPTION_HEAD_LEN - row));
		row = cursor.at;
	}
	cursor_put(out, row, (size_t)(cursor.at - row));
}

/* Behind the question, at out + len. */
static size_t put_opt(uint8_t *out, size_t len, size_t out_max, const struct query_view *view,
		      const struct query_out *how)
{
	uint8_t *head = out + len;

	len += OPTION_OPT_HEAD_LEN;
	if (len > out_max)
		return 0;
	struct cursor_out options = cursor_into(out + len, out_max - len);
	option_put_head(head, how->edns_size, view->wants_dnssec);
	put_options(&options, view, how->strip_ecs);
	message_set_u16(head + 9, (uint16_t)cursor_written(&options));
	return options.failed ? 0 : len + cursor_written(&options);
}

size_t query_view_write(uint8_t *out, size_t out_max, const struct query_view *view,
			const struct query_out *how)
{
	const size_t len =
		view->is_opaque ? view->wire_len : MESSAGE_HEADER_LEN + view->question_len;

	if (len > out_max)
		return 0;
	if (view->is_opaque) {
		memcpy(out, view->wire, len);
		message_set_id(out, how->id);
		return len;
	}
	memset(out, 0, MESSAGE_HEADER_LEN);
	message_set_id(out, how->id);
	message_set_flags(out, view->flags & (FLAG_RD | FLAG_AD | FLAG_CD));
	out[5] = 1;
	memcpy(out + MESSAGE_HEADER_LEN, view->name, view->question_len);
	if (!how->with_edns)
		return len;
	out[11] = 1;
	return put_opt(out, len, out_max, view, how);
}
