/* Where TTLs stand is told with the item, or found by the cache. */
#include "cache_fixture.h"

static struct reply reply;

static struct cache_item make_item(unsigned records)
{
	reply_start(&reply, "www.Example.org", TYPE_A, RCODE_NOERROR);
	for (unsigned i = 0; i < records; i++)
		reply_add_a(&reply, 100 + i, i);
	return item_of(&reply, CACHE_POSITIVE, 100);
}

static void offsets_told_and_offsets_found_are_the_same(void **state)
{
	(void)state;
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	struct fixture *f = fixture_new(ROOMY);

	for (unsigned records = 0; records < 40; records++) {
		for (unsigned is_told = 0; is_told < 2; is_told++) {
			struct cache_item item = make_item(records);

			item.ttl_at = is_told ? reply.ttl_at : NULL;
			item.ttl_count = reply.ttl_count;
			cache_store(f->cache, &key, &item);
			cache_verify(f->cache);
			fixture_pass_ms(f, 10000);
			assert_finds(f, &key, &reply, 10);
		}
	}
}

static void what_is_told_is_not_looked_for_again(void **state)
{
	(void)state;
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	struct fixture *f = fixture_new(ROOMY);
	struct cache_item item = make_item(3);

	item.ttl_at = reply.ttl_at;
	item.ttl_count = reply.ttl_count = 2; /* so that the third one's stays as it is */
	cache_store(f->cache, &key, &item);
	fixture_pass_ms(f, 10000);
	assert_finds(f, &key, &reply, 10);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(offsets_told_and_offsets_found_are_the_same),
	cmocka_unit_test(what_is_told_is_not_looked_for_again),
};
UNIT_MAIN(tests)
