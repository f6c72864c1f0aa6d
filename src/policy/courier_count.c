#include "policy/courier_count.h"

#include <string.h>

#include "wire/cursor.h"
#include "wire/name.h"
#include "wire/type.h"

#define DIGITS_MAX 3u

static const char key[] = "count=";
#define KEY_LEN (sizeof(key) - 1)

static bool has_key(const uint8_t *text, size_t len)
{
	uint8_t lowered[KEY_LEN];

	if (len < KEY_LEN)
		return false;
	name_lower(lowered, text, KEY_LEN);
	return memcmp(lowered, key, KEY_LEN) == 0;
}

static bool read_number(const uint8_t *digits, size_t len, uint32_t *ret_number)
{
	uint32_t number = 0;

	if (len == 0 || len > DIGITS_MAX || digits[0] == '0')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
		number = number * 10 + (digits[i] - (uint32_t)'0');
	}
	*ret_number = number;
	return number >= COURIER_COUNT_MIN && number <= COURIER_COUNT_MAX;
}

/* One record's strings (RFC 1035 section 3.3.14). */
static bool read_strings(const uint8_t *rdata, size_t rdata_len, uint32_t *ret_count)
{
	struct cursor in = cursor_over(rdata, rdata_len);

	while (cursor_left(&in) > 0) {
		const size_t len = cursor_u8(&in);
		const uint8_t *text = cursor_bytes(&in, len);

		if (text == NULL)
			return false;
		if (has_key(text, len))
			return read_number(text + KEY_LEN, len - KEY_LEN, ret_count);
	}
	return false;
}

/* Where the chain of CNAMEs has led so far. */
struct chain {
	uint8_t name[NAME_MAX_LEN];
	uint32_t count; /* 0: not said yet */
};

/* Returns where the next record begins, or 0 where there is none to be read. */
static size_t look_at_record(const uint8_t *wire, size_t wire_len, size_t at, struct chain *chain)
{
	uint8_t owner[NAME_MAX_LEN];
	size_t len, next;

	if (name_read(wire, wire_len, at, owner, &len, &at) != 0)
		return 0;
	struct cursor in = cursor_over(wire + at, wire_len - at);
	const uint16_t type = cursor_u16(&in), class = cursor_u16(&in);
	(void)cursor_u32(&in);
	const uint16_t rdata_len = cursor_u16(&in);
	const uint8_t *rdata = cursor_bytes(&in, rdata_len);
	if (in.failed)
		return 0;
	if (class == CLASS_IN && name_equal(owner, chain->name)) {
		if (type == TYPE_CNAME &&
		    name_read(wire, wire_len, (size_t)(rdata - wire), owner, &len, &next) == 0)
			memcpy(chain->name, owner, len);
		else if (type == TYPE_TXT && !read_strings(rdata, rdata_len, &chain->count))
			chain->count = 0;
	}
	return (size_t)(in.at - wire);
}

bool courier_count_read(const uint8_t *wire, const struct message_facts *facts, uint32_t *ret_count)
{
	struct chain chain = { .count = 0 };
	size_t len, at;

	if (facts->question_len == 0 ||
	    name_read(wire, facts->wire_len, MESSAGE_HEADER_LEN, chain.name, &len, &at) != 0)
		return false;
	at = MESSAGE_HEADER_LEN + facts->question_len;
	for (unsigned i = 0; i < facts->records[SECTION_ANSWER] && at != 0 && chain.count == 0; i++)
		at = look_at_record(wire, facts->wire_len, at, &chain);
	if (chain.count == 0)
		return false;
	*ret_count = chain.count;
	return true;
}
