/* cache_fixture.h: a cache with a clock of its own, and replies written by hand to keep in it. */
#pragma once

#include <string.h>

#include "base/mem.h"
#include "cache/cache.h"
#include "fixed_random.h"
#include "unit.h"
#include "wire/cursor.h"

#define ROOMY (1u << 20)

struct fixture {
	struct clock clock;
	struct stats stats;
	struct cache *cache;
	struct cache_hit hit;
	uint8_t *buf; /* shared by all fixtures */
	size_t buf_max;
};

static inline struct fixture *fixture_new(uint64_t max_bytes)
{
	static uint8_t buf[MESSAGE_MAX_LEN + UINT8_MAX];
	struct fixture *f = unit_zalloc(sizeof(*f));

	f->buf = buf;
	f->buf_max = sizeof(buf);
	f->clock.now_us = 1234567890123;
	f->cache = unit_own(cache_new(max_bytes, 1, &f->clock, &f->stats), cache_free);
	assert_non_null(f->cache);
	return f;
}

static inline void fixture_pass_ms(struct fixture *f, uint64_t ms)
{
	f->clock.now_us += ms * USEC_PER_MSEC;
}

static inline struct cache_key key_of(const char *name, uint16_t type)
{
	struct cache_key key = { .type = type, .class = CLASS_IN, .flags = CACHE_KEY_RD };
	size_t len = 0;

	assert_int_equal(name_from_text(name, key.name, &len), 0);
	name_lower(key.name, key.name, len);
	key.name_len = (uint8_t)len;
	cache_key_rehash(&key);
	return key;
}

/* A message in the making. Its TTL offsets are noted while it is written, so that a test need not
 * believe those the cache found. */
struct reply {
	uint8_t wire[MESSAGE_MAX_LEN];
	size_t len;
	uint16_t ttl_at[512];
	size_t ttl_count;
};

/* Begins anew: a reply to this question with this rcode. The name keeps its case. */
static inline void reply_start(struct reply *reply, const char *name, uint16_t type, unsigned rcode)
{
	const uint16_t flags = (uint16_t)(FLAG_QR | FLAG_RD | FLAG_RA | rcode);
	const uint16_t header[6] = { 0x1234, flags, 1, 0, 0, 0 };
	struct cursor_out out = cursor_into(reply->wire, sizeof(reply->wire));
	uint8_t wire_name[NAME_MAX_LEN];
	size_t len = 0;

	assert_int_equal(name_from_text(name, wire_name, &len), 0);
	for (size_t i = 0; i < 6; i++)
		cursor_put_u16(&out, header[i]);
	cursor_put(&out, wire_name, len);
	cursor_put_u16(&out, type);
	cursor_put_u16(&out, CLASS_IN);
	reply->len = cursor_written(&out);
	reply->ttl_count = 0;
}

/* Sections must come in their order. Owner NULL: the name asked for, compressed. */
static inline void reply_add(struct reply *reply, enum message_section section, const char *owner,
			     uint16_t type, uint32_t ttl, const void *rdata, size_t rdata_len)
{
	struct cursor_out out =
		cursor_into(reply->wire + reply->len, sizeof(reply->wire) - reply->len);
	uint8_t *count = reply->wire + 6 + 2 * section;
	uint8_t wire_name[NAME_MAX_LEN];
	size_t len = 0;

	if (owner == NULL) {
		cursor_put_u16(&out, 0xc000 | MESSAGE_HEADER_LEN);
	} else {
		assert_int_equal(name_from_text(owner, wire_name, &len), 0);
		cursor_put(&out, wire_name, len);
	}
	cursor_put_u16(&out, type);
	cursor_put_u16(&out, CLASS_IN);
	assert_true(reply->ttl_count < sizeof(reply->ttl_at) / sizeof(reply->ttl_at[0]));
	reply->ttl_at[reply->ttl_count++] = (uint16_t)(reply->len + cursor_written(&out));
	cursor_put_u32(&out, ttl);
	cursor_put_u16(&out, (uint16_t)rdata_len);
	cursor_put(&out, rdata, rdata_len);
	assert_false(out.failed);
	reply->len += cursor_written(&out);
	if (++count[1] == 0)
		count[0]++;
}

static inline void reply_add_a(struct reply *reply, uint32_t ttl, uint32_t address)
{
	const uint8_t rdata[4] = { (uint8_t)(address >> 24), (uint8_t)(address >> 16),
				   (uint8_t)(address >> 8), (uint8_t)address };
	reply_add(reply, SECTION_ANSWER, NULL, TYPE_A, ttl, rdata, sizeof(rdata));
}

static inline void reply_add_cname(struct reply *reply, uint32_t ttl, const char *target)
{
	uint8_t rdata[NAME_MAX_LEN];
	size_t len = 0;

	assert_int_equal(name_from_text(target, rdata, &len), 0);
	reply_add(reply, SECTION_ANSWER, NULL, TYPE_CNAME, ttl, rdata, len);
}

static inline void reply_add_soa(struct reply *reply, const char *zone, uint32_t ttl,
				 uint32_t minimum)
{
	uint8_t rdata[2 + 20] = { 0 }; /* root, root, five numbers */
	struct cursor_out out = cursor_into(rdata + sizeof(rdata) - 4, 4);

	cursor_put_u32(&out, minimum);
	reply_add(reply, SECTION_AUTHORITY, zone, TYPE_SOA, ttl, rdata, sizeof(rdata));
}

static inline uint32_t ttl_in(const uint8_t *wire, const struct reply *reply, size_t i)
{
	struct cursor in = cursor_over(wire + reply->ttl_at[i], 4);
	return cursor_u32(&in);
}

/* What a reply must look like after so many seconds: TTLs lower, the question in lower case. */
static inline void reply_age(struct reply *reply, size_t question_name_len, uint32_t age_s)
{
	name_lower(reply->wire + MESSAGE_HEADER_LEN, reply->wire + MESSAGE_HEADER_LEN,
		   question_name_len);
	for (size_t i = 0; i < reply->ttl_count; i++) {
		const uint32_t ttl = ttl_in(reply->wire, reply, i);
		struct cursor_out out = cursor_into(reply->wire + reply->ttl_at[i], 4);

		if (ttl <= INT32_MAX)
			cursor_put_u32(&out, ttl > age_s ? ttl - age_s : 0);
	}
}

static inline struct cache_item item_of(const struct reply *reply, enum cache_kind kind,
					uint32_t lifetime_s)
{
	return (struct cache_item){
		.wire = reply->wire,
		.wire_len = reply->len,
		.lifetime_s = lifetime_s,
		.note = { .kind = (uint8_t)kind, .route = 1, .plan_id = 1 },
	};
}

static inline bool fixture_find(struct fixture *f, const struct cache_key *key, bool stale_ok)
{
	return cache_find(f->cache, key, stale_ok, f->buf, f->buf_max, &f->hit);
}

/* Found, and the bytes are those of `reply`, `age_s` seconds later. */
static inline void assert_finds(struct fixture *f, const struct cache_key *key,
				const struct reply *reply, uint32_t age_s)
{
	static struct reply expected;

	expected = *reply;
	reply_age(&expected, key->name_len, age_s);
	assert_true(fixture_find(f, key, true));
	assert_int_equal(f->hit.wire_len, expected.len);
	assert_memory_equal(f->buf, expected.wire, expected.len);
}

/* To www.example.org A: 192.0.2.1. */
static inline void make_answer(struct reply *into, uint32_t ttl)
{
	reply_start(into, "www.example.org", TYPE_A, RCODE_NOERROR);
	reply_add_a(into, ttl, 0xc0000201);
}

static inline void store(struct fixture *f, const struct cache_key *key, const struct reply *what,
			 enum cache_kind kind, uint32_t lifetime_s, uint32_t stale_s)
{
	struct cache_item item = item_of(what, kind, lifetime_s);

	item.stale_s = stale_s;
	cache_store(f->cache, key, &item);
	cache_verify(f->cache);
}

/* host-NNNNNN.example.org, and an answer for it whose address tells which it is: 25 bytes of name,
 * 61 of message. Both are zeroed before the first call. */
static inline void number_question(struct cache_key *key, struct reply *reply, uint64_t n,
				   uint32_t lifetime_s)
{
	const uint32_t digest = (uint32_t)(n * 0x9e3779b97f4a7c15u >> 32);
	struct cursor_out out;

	if (key->name_len == 0) {
		*key = key_of("host-000000.example.org", TYPE_A);
		reply_start(reply, "host-000000.example.org", TYPE_A, RCODE_NOERROR);
		reply_add_a(reply, lifetime_s, 0);
	}
	for (size_t i = 0; i < 6; i++, n /= 10) {
		key->name[11 - i] = (uint8_t)('0' + n % 10);
		reply->wire[MESSAGE_HEADER_LEN + 11 - i] = key->name[11 - i];
	}
	cache_key_rehash(key);
	out = cursor_into(reply->wire + reply->len - 4, 4);
	cursor_put_u32(&out, digest);
}
