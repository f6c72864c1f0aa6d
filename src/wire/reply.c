#include "wire/reply.h"

#include <assert.h>
#include <string.h>

#include "wire/cursor.h"

#define UDP_PLAIN_MAX 512
#define EDNS_FLAG_DO 0x8000
#define OPT_HEAD_LEN 11 /* root, type, size, rcode, version, flags, RDLENGTH */

/* An OPT record to be put behind a message. */
struct opt {
	uint16_t edns_size;
	uint8_t rcode; /* upper bits */
	bool wants_dnssec;
	const uint8_t *options;
	size_t options_len;
};

/* Puts OPT at out + at; the caller has made sure that it fits. */
static size_t put_opt(uint8_t *out, size_t at, const struct opt *opt)
{
	/* Options that came from the cache stand right where our record's head will be. */
	if (opt->options_len > 0)
		memmove(out + at + OPT_HEAD_LEN, opt->options, opt->options_len);

	struct cursor_out cursor = cursor_into(out + at, OPT_HEAD_LEN);
	cursor_put_u8(&cursor, 0);
	cursor_put_u16(&cursor, TYPE_OPT);
	cursor_put_u16(&cursor, opt->edns_size);
	cursor_put_u8(&cursor, opt->rcode);
	cursor_put_u8(&cursor, 0);
	cursor_put_u16(&cursor, opt->wants_dnssec ? EDNS_FLAG_DO : 0);
	cursor_put_u16(&cursor, (uint16_t)opt->options_len);
	assert(!cursor.failed);
	return at + OPT_HEAD_LEN + opt->options_len;
}

static void put_counts(uint8_t *out, uint16_t questions, uint16_t answers, uint16_t authority,
		       uint16_t additional)
{
	struct cursor_out cursor = cursor_into(out + 4, 8);
	cursor_put_u16(&cursor, questions);
	cursor_put_u16(&cursor, answers);
	cursor_put_u16(&cursor, authority);
	cursor_put_u16(&cursor, additional);
}

static uint16_t count_at(const uint8_t *wire, size_t at)
{
	struct cursor cursor = cursor_over(wire + at, 2);
	return cursor_u16(&cursor);
}

static uint16_t with_rcode(uint16_t flags, unsigned rcode)
{
	return (uint16_t)((flags & ~15u) | (rcode & 15u));
}

/* The question alone. With TC in the flags, what did not fit is asked for again over TCP. */
static size_t write_question(uint8_t *out, size_t out_max, uint16_t flags,
			     const struct query_view *view, struct opt *opt)
{
	size_t len = MESSAGE_HEADER_LEN + view->question_len;
	const size_t opt_len = view->has_edns ? OPT_HEAD_LEN : 0;

	if (len + opt_len > out_max)
		return 0;
	if (len + opt_len + opt->options_len > out_max)
		opt->options_len = 0;
	if (view->has_edns) /* before anything else is written over its options */
		len = put_opt(out, len, opt);
	if (view->question_len > 0)
		memcpy(out + MESSAGE_HEADER_LEN, view->name, view->question_len);
	message_set_id(out, view->id);
	message_set_flags(out, flags);
	put_counts(out, view->question_len > 0, 0, 0, view->has_edns);
	return len;
}

static size_t write_opaque(uint8_t *out, size_t out_max, const struct reply_source *source,
			   const struct query_view *view, struct opt *opt)
{
	if (source->wire_len > out_max) {
		/* Signed bytes cannot be cut and stay signed. */
		opt->options_len = 0;
		return write_question(out, out_max, message_flags(source->wire) | FLAG_TC, view,
				      opt);
	}
	if (out != source->wire)
		memcpy(out, source->wire, source->wire_len);
	message_set_id(out, view->id);
	return source->wire_len;
}

/* The source's flags as this client may see them. */
static uint16_t flags_for(const struct reply_source *source, const struct query_view *view)
{
	uint16_t flags = message_flags(source->wire);

	if (!view->wants_dnssec && (view->flags & FLAG_AD) == 0)
		flags &= (uint16_t)~FLAG_AD;
	if (source->opt_rcode != 0 && !view->has_edns)
		flags = with_rcode(flags, RCODE_SERVFAIL); /* the low bits alone would lie */
	return flags;
}

size_t reply_write(uint8_t *out, size_t out_max, size_t limit, const struct reply_source *source,
		   const struct query_view *view, uint16_t edns_size)
{
	struct opt opt = { .edns_size = edns_size,
			   .rcode = source->opt_rcode,
			   .wants_dnssec = view->wants_dnssec,
			   .options = source->options,
			   .options_len = source->options_len };
	const size_t fits = out_max < limit ? out_max : limit;
	if (view->is_opaque)
		return write_opaque(out, fits, source, view, &opt);

	const uint16_t flags = flags_for(source, view);
	const size_t len = source->wire_len;
	if (len < MESSAGE_HEADER_LEN + view->question_len || count_at(source->wire, 4) != 1)
		return write_question(out, fits, flags, view, &opt);
	bool with_opt = view->has_edns;
	if (with_opt && len <= fits && len + OPT_HEAD_LEN > fits && limit == MESSAGE_MAX_LEN)
		with_opt = false; /* beyond a stream there is nothing to fall back to */
	if (len + (with_opt ? OPT_HEAD_LEN : 0) > fits)
		return write_question(out, fits, flags | FLAG_TC, view, &opt);
	if (len + OPT_HEAD_LEN + opt.options_len > fits)
		opt.options_len = 0;

	if (out != source->wire)
		memcpy(out, source->wire, len);
	memcpy(out + MESSAGE_HEADER_LEN, view->name, view->name_len);
	message_set_id(out, view->id);
	message_set_flags(out, flags);
	if (!with_opt)
		return len;
	struct cursor_out count = cursor_into(out + 10, 2);
	cursor_put_u16(&count, (uint16_t)(count_at(out, 10) + 1));
	return put_opt(out, len, &opt);
}

size_t reply_put_ede(uint8_t *out, size_t out_max, enum ede ede, const char *text)
{
	const size_t text_len = text == NULL ? 0 : strlen(text);
	struct cursor_out cursor = cursor_into(out, out_max);

	if (text_len > UINT16_MAX - 2)
		return 0;
	cursor_put_u16(&cursor, OPTION_EDE);
	cursor_put_u16(&cursor, (uint16_t)(2 + text_len));
	cursor_put_u16(&cursor, (uint16_t)ede);
	cursor_put(&cursor, text, text_len);
	return cursor.failed ? 0 : cursor_written(&cursor);
}

/* Explains the error in at most `room` bytes, if need be without its text or not at all. */
static size_t explain(uint8_t *out, size_t room, const struct reply_error *error)
{
	if (error->ede == EDE_NONE)
		return 0;
	size_t len = reply_put_ede(out, room, error->ede, error->text);
	if (len == 0)
		len = reply_put_ede(out, room, error->ede, NULL);
	return len;
}

/* Another opcode's messages may look otherwise, so nothing of it is echoed but what every message
 * has (D9). */
static size_t write_other_opcode(uint8_t *out, size_t out_max, const struct query_view *view,
				 unsigned rcode)
{
	if (out_max < MESSAGE_HEADER_LEN)
		return 0;
	message_set_id(out, view->id);
	message_set_flags(out,
			  with_rcode(FLAG_QR | (view->flags & (FLAG_OPCODE | FLAG_RD)), rcode));
	put_counts(out, 0, 0, 0, 0);
	return MESSAGE_HEADER_LEN;
}

size_t reply_error(uint8_t *out, size_t out_max, const struct query_view *view,
		   const struct reply_error *error, uint16_t edns_size)
{
	uint8_t options[256];
	size_t len = MESSAGE_HEADER_LEN + view->question_len;
	const size_t opt_len = view->has_edns ? OPT_HEAD_LEN : 0;
	const unsigned rcode = error->rcode > 15 && !view->has_edns ? RCODE_SERVFAIL : error->rcode;

	if (FLAGS_OPCODE(view->flags) != 0)
		return write_other_opcode(out, out_max, view, rcode);
	if (len + opt_len > out_max)
		return 0;
	message_set_id(out, view->id);
	message_set_flags(
		out, with_rcode(FLAG_QR | FLAG_RA | (view->flags & (FLAG_RD | FLAG_CD)), rcode));
	put_counts(out, view->question_len > 0, 0, 0, view->has_edns);
	if (view->question_len > 0)
		memcpy(out + MESSAGE_HEADER_LEN, view->name, view->question_len);
	if (view->has_edns) {
		const size_t room = out_max - len - OPT_HEAD_LEN;
		const struct opt opt = {
			.edns_size = edns_size,
			.rcode = (uint8_t)(rcode >> 4),
			.wants_dnssec = view->wants_dnssec,
			.options = options,
			.options_len = explain(
				options, room < sizeof(options) ? room : sizeof(options), error),
		};
		len = put_opt(out, len, &opt);
	}
	return len;
}

size_t reply_udp_limit(const struct query_view *view, uint16_t edns_size)
{
	if (!view->has_edns)
		return UDP_PLAIN_MAX;
	const size_t limit = view->edns_size < edns_size ? view->edns_size : edns_size;
	return limit < UDP_PLAIN_MAX ? UDP_PLAIN_MAX : limit;
}
