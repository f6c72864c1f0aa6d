/* build.h: messages put together piece by piece, right or wrong, for tests. */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/cursor.h"
#include "wire/message.h"
#include "wire/name.h"

struct build {
	uint8_t wire[65536 + 512];
	size_t len;
	size_t rdlength_at; /* of the record begun last */
};

static inline void build_bytes(struct build *build, const void *bytes, size_t len)
{
	assert(build->len + len <= sizeof(build->wire));
	memcpy(build->wire + build->len, bytes, len);
	build->len += len;
}

/** The bytes of a string literal, without its final NUL. */
#define BUILD(build, literal) build_bytes((build), (literal), sizeof(literal) - 1)

static inline void build_u16(struct build *build, unsigned value)
{
	const uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };
	build_bytes(build, bytes, 2);
}

static inline void build_u32(struct build *build, uint32_t value)
{
	build_u16(build, value >> 16);
	build_u16(build, value & 0xffff);
}

static inline void build_set_u16(struct build *build, size_t at, unsigned value)
{
	build->wire[at] = (uint8_t)(value >> 8);
	build->wire[at + 1] = (uint8_t)value;
}

static inline unsigned build_get_u16(const struct build *build, size_t at)
{
	return (unsigned)build->wire[at] << 8 | build->wire[at + 1];
}

/* Adds to a count of the header: 4 questions, 6 answer, 8 authority, 10 additional. */
static inline void build_count(struct build *build, size_t at, int n)
{
	build_set_u16(build, at, (unsigned)((int)build_get_u16(build, at) + n));
}

/* Where TTLs stand, all but OPT's. Returns how many there are. */
static inline size_t build_ttl_offsets(const uint8_t *wire, size_t wire_len, uint16_t *offsets,
				       size_t max)
{
	struct message_walk walk = message_walk_from(wire, wire_len);
	struct message_record record;
	size_t count = 0;

	while (message_walk_next(&walk, &record)) {
		if (record.type == TYPE_OPT)
			continue;
		if (count < max)
			offsets[count] = (uint16_t)record.ttl_at;
		count++;
	}
	return count;
}

static inline void build_start(struct build *build, unsigned id, unsigned flags)
{
	memset(build->wire, 0, MESSAGE_HEADER_LEN);
	build->len = MESSAGE_HEADER_LEN;
	build_set_u16(build, 0, id);
	build_set_u16(build, 2, flags);
}

static inline void build_name(struct build *build, const char *text)
{
	uint8_t name[NAME_MAX_LEN];
	size_t len;
	int err = name_from_text(text, name, &len);
	assert(err == 0);
	(void)err;
	build_bytes(build, name, len);
}

static inline void build_pointer(struct build *build, size_t target)
{
	build_u16(build, 0xc000u | (unsigned)target);
}

static inline void build_question(struct build *build, const char *name, unsigned type)
{
	build_count(build, 4, 1);
	build_name(build, name);
	build_u16(build, type);
	build_u16(build, CLASS_IN);
}

/* Begins a record behind an owner that the caller has put there. */
static inline void build_head(struct build *build, enum message_section section, unsigned type,
			      uint32_t ttl)
{
	build_count(build, 6 + 2 * (size_t)section, 1);
	build_u16(build, type);
	build_u16(build, CLASS_IN);
	build_u32(build, ttl);
	build->rdlength_at = build->len;
	build_u16(build, 0);
}

/* Ends the record: RDLENGTH is what has been put since its head. */
static inline void build_end(struct build *build)
{
	build_set_u16(build, build->rdlength_at, (unsigned)(build->len - build->rdlength_at - 2));
}

static inline void build_record(struct build *build, enum message_section section,
				const char *owner, unsigned type, uint32_t ttl, const void *rdata,
				size_t rdata_len)
{
	build_name(build, owner);
	build_head(build, section, type, ttl);
	build_bytes(build, rdata, rdata_len);
	build_end(build);
}

static inline void build_soa(struct build *build, const char *owner, uint32_t ttl, uint32_t minimum)
{
	build_name(build, owner);
	build_head(build, SECTION_AUTHORITY, TYPE_SOA, ttl);
	build_name(build, "internal.akadns.net");
	build_name(build, "hostmaster.akamai.com");
	build_u32(build, 1560251729);
	build_u32(build, 90000);
	build_u32(build, 90000);
	build_u32(build, 90000);
	build_u32(build, minimum);
	build_end(build);
}

/* `ttl` is the extended rcode, version and flags. */
static inline void build_opt(struct build *build, unsigned size, uint32_t ttl, const void *options,
			     size_t options_len)
{
	build_count(build, 10, 1);
	build_bytes(build, "", 1);
	build_u16(build, TYPE_OPT);
	build_u16(build, size);
	build_u32(build, ttl);
	build_u16(build, (unsigned)options_len);
	build_bytes(build, options, options_len);
}

/* The reply that all this is about: the name exists, as an alias of one that leads nowhere. */
static inline void build_courier(struct build *build)
{
	build_start(build, 0x1234, FLAG_QR | FLAG_RD | FLAG_RA);
	build_question(build, "courier.push.apple.com", TYPE_A);
	build_pointer(build, MESSAGE_HEADER_LEN);
	build_head(build, SECTION_ANSWER, TYPE_CNAME, 279);
	build_name(build, "courier-push-apple.com.akadns.net");
	build_end(build);
	build_soa(build, "akadns.net", 49, 180);
}
