/* Names: the bytes are read as a text, and as a message with a name at every offset. */
#include <string.h>

#include "fuzz.h"
#include "wire/name.h"

static void check_name(const uint8_t *name, size_t len)
{
	uint8_t lowered[NAME_MAX_LEN], back[NAME_MAX_LEN];
	const struct hash_key key = { 1, 2 };
	struct name_text text;
	size_t back_len;

	CHECK(len >= 1 && len <= NAME_MAX_LEN && name_len(name) == len);
	CHECK(name_labels(name) < NAME_MAX_LABELS);
	CHECK(strlen(name_to_text(name, &text)) < sizeof(text.text));
	CHECK(name_from_text(text.text, back, &back_len) == 0);
	CHECK(back_len == len && memcmp(back, name, len) == 0);

	name_lower(lowered, name, len);
	CHECK(name_equal(lowered, name) && name_len(lowered) == len);
	name_lower(back, lowered, len);
	CHECK(memcmp(back, lowered, len) == 0);
	CHECK(name_hash(&key, back, len) == name_hash(&key, lowered, len));

	unsigned labels = name_labels(name);
	const uint8_t *zone = name;
	for (unsigned up = 0; labels > 0; labels--, up++) {
		if (up < 3 || labels < 3) { /* the ends of long names will do */
			CHECK(name_is_under(name, zone));
			CHECK(!name_is_under(name_parent(zone), zone));
		}
		zone = name_parent(zone);
	}
	CHECK(*zone == 0 && name_parent(zone) == zone && name_is_under(name, zone));
}

static void check_text(const uint8_t *data, size_t size)
{
	char *text = (char *)fuzz_alloc(size + 1);
	uint8_t name[NAME_MAX_LEN];
	size_t len;

	memcpy(text, data, size);
	text[size] = '\0';
	if (name_from_text(text, name, &len) == 0)
		check_name(name, len);
	free(text);
}

/* Is another name what this one is? */
static void check_others(const uint8_t *data, size_t size, size_t at, const uint8_t *name)
{
	uint8_t other[NAME_MAX_LEN];
	size_t len, next;

	for (size_t other_at = at > 4 ? at - 4 : 0; other_at <= size && other_at < at + 4;
	     other_at++)
		if (name_read(data, size, other_at, other, &len, &next) == 0)
			CHECK(name_is_same(data, at, data, other_at) == name_equal(name, other));
}

static void check_wire(const uint8_t *data, size_t size, size_t at)
{
	uint8_t name[NAME_MAX_LEN];
	size_t len = 0, next = 0, same_len = 0, same_next = 0;

	const int err = name_read(data, size, at, name, &len, &next);
	CHECK(err == 0 || err == ERR_MALFORMED);
	CHECK(name_read(data, size, at, NULL, &same_len, &same_next) == err);
	CHECK(name_check(data, size, at) == next);
	if (err != 0)
		return;
	CHECK(name_is_same(data, at, name, 0) && name_is_same(name, 0, data, at));
	CHECK(same_len == len && same_next == next);
	CHECK(next > at && next <= size && next - at <= NAME_MAX_LEN + 1u);
	check_name(name, len);
	/* it does not need what stands behind it */
	CHECK(name_read(data, next, at, NULL, &same_len, &same_next) == 0 && same_len == len);
	CHECK(name_read(data, next - 1, at, NULL, &same_len, &same_next) == ERR_MALFORMED);
	check_others(data, size, at, name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_text(data, size);
	for (size_t at = 0; at <= size && at < 400; at++)
		check_wire(data, size, at);
	return 0;
}
