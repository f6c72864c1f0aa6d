/* made_reply.h: replies written down record by record, for tests of what reads them.
 *
 *	struct made_reply reply;
 *	made_reply_ask(&reply, RCODE_NOERROR, "a.example", TYPE_A);
 *	made_reply_add(&reply, SECTION_ANSWER, "a.example", TYPE_CNAME, "b.example");
 *	made_reply_add(&reply, SECTION_AUTHORITY, "example", TYPE_SOA, NULL);
 *
 * Names are written in full, but for made_reply_add_raw(). TTLs are 300. */
#pragma once

#include <string.h>

#include "unit.h"
#include "wire/cursor.h"
#include "wire/message.h"
#include "wire/name.h"

struct made_reply {
	uint8_t wire[MESSAGE_MAX_LEN];
	struct cursor_out out;
	uint16_t class;
};

static inline size_t made_reply_len(const struct made_reply *reply)
{
	assert_false(reply->out.failed);
	return cursor_written(&reply->out);
}

static inline void made_reply_put_name(struct made_reply *reply, const char *text)
{
	uint8_t name[NAME_MAX_LEN];
	size_t len = 0;
	assert_int_equal(name_from_text(text, name, &len), 0);
	cursor_put(&reply->out, name, len);
}

static inline void made_reply_ask(struct made_reply *reply, unsigned rcode, const char *name,
				  uint16_t type)
{
	memset(reply->wire, 0, sizeof(reply->wire));
	reply->class = CLASS_IN;
	reply->out = cursor_into(reply->wire, sizeof(reply->wire));
	cursor_put_u16(&reply->out, 0x1234);
	cursor_put_u16(&reply->out, (uint16_t)(FLAG_QR | FLAG_RD | FLAG_RA | rcode));
	cursor_put_u16(&reply->out, 1);
	cursor_put_u16(&reply->out, 0);
	cursor_put_u32(&reply->out, 0);
	made_reply_put_name(reply, name);
	cursor_put_u16(&reply->out, type);
	cursor_put_u16(&reply->out, CLASS_IN);
}

static inline void made_reply_count(struct made_reply *reply, enum message_section section)
{
	uint8_t *count = reply->wire + 6 + 2 * section;
	if (++count[1] == 0)
		count[0]++;
}

static inline void made_reply_head(struct made_reply *reply, uint16_t type, size_t rdata_len)
{
	cursor_put_u16(&reply->out, type);
	cursor_put_u16(&reply->out, reply->class);
	cursor_put_u32(&reply->out, 300);
	cursor_put_u16(&reply->out, (uint16_t)rdata_len);
}

/* RDATA is the name `target`, or what suits the type where that is NULL. */
static inline void made_reply_add(struct made_reply *reply, enum message_section section,
				  const char *owner, uint16_t type, const char *target)
{
	static const uint8_t address[16] = { 192, 0, 2, 1 };
	static const uint8_t soa[22] = { [3] = 1, [21] = 60 }; /* both names are the root */
	uint8_t name[NAME_MAX_LEN];
	size_t len = 0;

	made_reply_count(reply, section);
	made_reply_put_name(reply, owner);
	if (target != NULL) {
		assert_int_equal(name_from_text(target, name, &len), 0);
		made_reply_head(reply, type, len);
		cursor_put(&reply->out, name, len);
		return;
	}
	len = type == TYPE_SOA ? sizeof(soa) : type == TYPE_AAAA ? 16 : 4;
	made_reply_head(reply, type, len);
	cursor_put(&reply->out, type == TYPE_SOA ? soa : address, len);
}

/* A record whose owner and RDATA are given as they stand in the message. */
static inline void made_reply_add_raw(struct made_reply *reply, enum message_section section,
				      const void *owner, size_t owner_len, uint16_t type,
				      const void *rdata, size_t rdata_len)
{
	made_reply_count(reply, section);
	cursor_put(&reply->out, owner, owner_len);
	made_reply_head(reply, type, rdata_len);
	cursor_put(&reply->out, rdata, rdata_len);
}
