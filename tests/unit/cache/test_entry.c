/* The worst of hashes: all keys share one, so that nothing but comparing them in full keeps them
 * apart. */
#include "cache_fixture.h"

static struct cache_key alike(struct cache_key key)
{
	key.hash = 0x123456789abcdef;
	return key;
}

/* Stores an answer of its own under each key, then finds each, and nothing under the last key. */
static void assert_kept_apart(const struct cache_key *keys, const char *const *names,
			      unsigned count)
{
	static struct reply replies[10];
	struct fixture *f = fixture_new(1u << 20);

	for (unsigned i = 0; i < count; i++) {
		const struct cache_key key = alike(keys[i]);

		assert_false(fixture_find(f, &key, true));
		if (i == count - 1)
			break;
		reply_start(&replies[i], names[i], keys[i].type, RCODE_NOERROR);
		replies[i].wire[replies[i].len - 1] = (uint8_t)keys[i].class;
		reply_add_a(&replies[i], 300 + i, 1000 + i);
		const struct cache_item item = item_of(&replies[i], CACHE_POSITIVE, 300);
		cache_store(f->cache, &key, &item);
		cache_verify(f->cache);
	}
	for (unsigned i = 0; i < count - 1; i++) {
		const struct cache_key key = alike(keys[i]);
		assert_finds(f, &key, &replies[i], 0);
	}
}

static void CA_21_names_of_one_hash_are_kept_apart(void **state)
{
	(void)state;
	static const char *const names[] = { "www.example.org", "wwx.example.org",
					     "xww.example.org", "www.example.orh",
					     "example.org",	".",
					     "ww.example.org",	"www\\.example.org" };
	struct cache_key keys[8];

	for (unsigned i = 0; i < 8; i++)
		keys[i] = key_of(names[i], TYPE_A);
	assert_kept_apart(keys, names, 8);
}

static void CA_21_questions_of_one_name_and_hash_are_kept_apart(void **state)
{
	(void)state;
	static const char *const names[] = { "www.example.org", "www.example.org",
					     "www.example.org", "www.example.org",
					     "www.example.org", "www.example.org",
					     "www.example.org", "www.example.org",
					     "www.example.org" };
	struct cache_key keys[9];

	for (unsigned i = 0; i < 9; i++)
		keys[i] = key_of("www.example.org", TYPE_A);
	keys[1].type = TYPE_AAAA;
	keys[2].class = CLASS_CH;
	keys[3].view = 1;
	keys[4].view = UINT64_C(1) << 40;
	keys[5].flags = 0;
	keys[6].flags |= CACHE_KEY_CD;
	keys[7].flags |= CACHE_KEY_DO;
	keys[8].flags = CACHE_KEY_DO;
	assert_kept_apart(keys, names, 9);
}

/* The key is kept beside the message then. */
static void CA_21_messages_without_question_are_kept_apart(void **state)
{
	(void)state;
	static const char *const names[] = { ".", ".", ".", ".", "." };
	const struct cache_key keys[] = {
		key_of("www.example.org", TYPE_A),   key_of("wwx.example.org", TYPE_A),
		key_of("ww.example.org", TYPE_A),    key_of("www.example.org", TYPE_AAAA),
		key_of("www.a.example.org", TYPE_A),
	};
	assert_kept_apart(keys, names, 5);
}

static void answer_and_failure_of_one_key_are_kept_apart(void **state)
{
	(void)state;
	static struct reply answer, failure;
	struct fixture *f = fixture_new(1u << 20);
	const struct cache_key key = alike(key_of("www.example.org", TYPE_A));

	reply_start(&answer, "www.example.org", TYPE_A, RCODE_NOERROR);
	reply_add_a(&answer, 300, 1);
	reply_start(&failure, "www.example.org", TYPE_A, RCODE_SERVFAIL);
	const struct cache_item good = item_of(&answer, CACHE_POSITIVE, 300);
	const struct cache_item bad = item_of(&failure, CACHE_FAILURE, 5);
	cache_store(f->cache, &key, &good);
	cache_store(f->cache, &key, &bad);
	cache_verify(f->cache);
	assert_finds(f, &key, &answer, 0);
	assert_int_equal(cache_failures(f->cache, &key), 1);
}

static void more_keys_of_one_hash_than_slots_put_out_the_oldest(void **state)
{
	(void)state;
	static struct reply reply;
	struct fixture *f = fixture_new(1u << 20);
	struct cache_report report;
	struct cache_key key = alike(key_of("a", TYPE_A));
	unsigned found = 0;

	for (unsigned i = 0; i < 100; i++) {
		key.name[1] = (uint8_t)(i + 'a');
		reply_start(&reply, "a", TYPE_A, RCODE_NXDOMAIN);
		reply.wire[MESSAGE_HEADER_LEN + 1] = key.name[1];
		const struct cache_item item = item_of(&reply, CACHE_NEGATIVE, 300);
		cache_store(f->cache, &key, &item);
		cache_verify(f->cache);
		assert_finds(f, &key, &reply, 0);
	}
	cache_report(f->cache, &report);
	for (unsigned i = 0; i < 100; i++) {
		key.name[1] = (uint8_t)(i + 'a');
		found += fixture_find(f, &key, false);
	}
	assert_int_equal(found, report.entries);
	assert_in_range(found, 10, 20);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(CA_21_names_of_one_hash_are_kept_apart),
	cmocka_unit_test(CA_21_questions_of_one_name_and_hash_are_kept_apart),
	cmocka_unit_test(CA_21_messages_without_question_are_kept_apart),
	cmocka_unit_test(answer_and_failure_of_one_key_are_kept_apart),
	cmocka_unit_test(more_keys_of_one_hash_than_slots_put_out_the_oldest),
};
UNIT_MAIN(tests)
