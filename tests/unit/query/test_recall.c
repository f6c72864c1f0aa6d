#include "query/recall.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "wire/name.h"

static struct cache_key key_of(const char *name, uint16_t type)
{
	struct cache_key key = { .type = type, .class = 1, .flags = CACHE_KEY_RD };
	size_t len = 0;

	assert_int_equal(name_from_text(name, key.name, &len), 0);
	key.name_len = (uint8_t)len;
	cache_key_rehash(&key);
	return key;
}

static struct recall *new_recall(void)
{
	struct recall *recall = unit_own(recall_new(), recall_free);

	assert_non_null(recall);
	return recall;
}

static void nothing_is_remembered_at_first(void **state)
{
	(void)state;
	struct recall *recall = new_recall();
	const struct cache_key key = key_of("a.example", 1);
	struct recall_entry entry;

	assert_false(recall_find(recall, &key, &entry));
}

static void the_last_time_is_remembered_by_name_and_type(void **state)
{
	(void)state;
	struct recall *recall = new_recall();
	struct cache_key key = key_of("a.example", 1);
	const struct cache_key other = key_of("a.example", 28);
	struct recall_entry entry = { .at_us = 1, .rcode = 2 };

	recall_note(recall, &key, &entry);
	entry = (struct recall_entry){ .at_us = 2, .rcode = 3 };
	recall_note(recall, &key, &entry);
	key.flags = CACHE_KEY_DO;
	memset(&entry, 0, sizeof(entry));
	assert_true(recall_find(recall, &key, &entry));
	assert_int_equal(entry.rcode, 3);
	assert_false(recall_find(recall, &other, &entry));
}

static void of_too_many_the_newest_and_the_dear_stay(void **state)
{
	(void)state;
	struct recall *recall = new_recall();
	const struct cache_key dear = key_of("dear.example", 1);
	struct recall_entry entry = { .at_us = 1, .is_dear = true };
	char name[32];

	recall_note(recall, &dear, &entry);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof(name), "n%u.example", i);
		const struct cache_key key = key_of(name, 1);
		entry = (struct recall_entry){ .at_us = i + 2 };
		recall_note(recall, &key, &entry);
		assert_true(recall_find(recall, &key, &entry));
		assert_int_equal(entry.at_us, i + 2);
	}
	assert_true(recall_find(recall, &dear, &entry));
	assert_int_equal(entry.at_us, 1);
	const struct cache_key first = key_of("n0.example", 1);
	assert_false(recall_find(recall, &first, &entry));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nothing_is_remembered_at_first),
	cmocka_unit_test(the_last_time_is_remembered_by_name_and_type),
	cmocka_unit_test(of_too_many_the_newest_and_the_dear_stay),
};
UNIT_MAIN(tests)
