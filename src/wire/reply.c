#include "wire/reply.h"

#include <string.h>

#include "message_internal.h"
#include "wire/cursor.h"

#define UDP_PLAIN_MAX 512

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
		memmove(out + at + OPTION_OPT_HEAD_LEN, opt->options, opt->options_len);

	uint8_t *head = out + at;
	option_put_head(head, opt->edns_size, opt->wants_dnssec);
	head[5] = opt->rcode;
	message_set_u16(head + 9, (uint16_t)opt->options_len);
	return at + OPTION_OPT_HEAD_LEN + opt->options_len;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
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
	const size_t opt_len = view->has_edns ? OPTION_OPT_HEAD_LEN : 0;

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
	memset(out + 4, 0, 8);
	out[5] = view->question_len > 0;
	out[11] = view->has_edns;
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
	const size_t fits = smaller(out_max, limit);
	if (view->is_opaque)
		return write_opaque(out, fits, source, view, &opt);

	const uint16_t flags = flags_for(source, view);
	const size_t len = source->wire_len;
	if (len < MESSAGE_HEADER_LEN + view->question_len || message_get_u16(source->wire + 4) != 1)
		return write_question(out, fits, flags, view, &opt);
	bool with_opt = view->has_edns;
	if (with_opt && len <= fits && len + OPTION_OPT_HEAD_LEN > fits && limit == MESSAGE_MAX_LEN)
		with_opt = false; /* beyond a stream there is nothing to fall back to */
	if (len + (with_opt ? OPTION_OPT_HEAD_LEN : 0) > fits)
		return write_question(out, fits, flags | FLAG_TC, view, &opt);
	if (len + OPTION_OPT_HEAD_LEN + opt.options_len > fits)
		opt.options_len = 0;

	if (out != source->wire)
		memcpy(out, source->wire, len);
	memcpy(out + MESSAGE_HEADER_LEN, view->name, view->name_len);
	message_set_id(out, view->id);
	message_set_flags(out, flags);
	if (!with_opt)
		return len;
	message_set_u16(out + 10, (uint16_t)(message_get_u16(out + 10) + 1));
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

size_t reply_error(uint8_t *out, size_t out_max, const struct query_view *view,
		   const struct reply_error *error, uint16_t edns_size)
{
	uint8_t options[256];
	const size_t bare_len = MESSAGE_HEADER_LEN + view->question_len +
				(view->has_edns ? OPTION_OPT_HEAD_LEN : 0);
	const unsigned rcode = error->rcode > 15 && !view->has_edns ? RCODE_SERVFAIL : error->rcode;
	uint16_t flags = FLAG_QR | FLAG_RA | (view->flags & (FLAG_RD | FLAG_CD));

	/* Another opcode's messages may look otherwise: its view has no question and no OPT, and
	 * nothing is echoed but what every message has (D9). */
	if (FLAGS_OPCODE(view->flags) != 0)
		flags = FLAG_QR | (view->flags & (FLAG_OPCODE | FLAG_RD));
	if (bare_len > out_max)
		return 0;
	struct opt opt = { .edns_size = edns_size,
			   .rcode = (uint8_t)(rcode >> 4),
			   .wants_dnssec = view->wants_dnssec,
			   .options = options };
	if (view->has_edns)
		opt.options_len =
			explain(options, smaller(out_max - bare_len, sizeof(options)), error);
	return write_question(out, out_max, with_rcode(flags, rcode), view, &opt);
}

size_t reply_udp_limit(const struct query_view *view, uint16_t edns_size)
{
	if (!view->has_edns)
		return UDP_PLAIN_MAX;
	const size_t limit = smaller(view->edns_size, edns_size);
	return limit < UDP_PLAIN_MAX ? UDP_PLAIN_MAX : limit;
}
