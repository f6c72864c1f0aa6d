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

static void look_at_record(const struct message_walk *walk, const struct message_record *record,
			   struct chain *chain)
{
	uint8_t target[NAME_MAX_LEN];
	size_t len, next;

	if (record->class != CLASS_IN || !name_is_same(walk->wire, record->at, chain->name, 0))
		return;
	if (record->type == TYPE_CNAME &&
	    name_read(walk->wire, walk->wire_len, record->rdata_at, target, &len, &next) == 0)
		memcpy(chain->name, target, len);
	else if (record->type == TYPE_TXT &&
		 !read_strings(walk->wire + record->rdata_at, record->rdata_len, &chain->count))
		chain->count = 0;
}

bool courier_count_read(const uint8_t *wire, const struct message_facts *facts, uint32_t *ret_count)
{
	struct chain chain = { .count = 0 };
	struct message_record record;
	size_t len, at;

	if (facts->question_len == 0 ||
	    name_read(wire, facts->wire_len, MESSAGE_HEADER_LEN, chain.name, &len, &at) != 0)
		return false;
	struct message_walk walk = message_walk_from(wire, facts->wire_len);
	while (chain.count == 0 && message_walk_next(&walk, &record) &&
	       record.section == SECTION_ANSWER)
		look_at_record(&walk, &record, &chain);
	if (chain.count == 0)
		return false;
	*ret_count = chain.count;
	return true;
}
