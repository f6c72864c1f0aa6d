/* Which question an answer is for, and that it is for no other. */
#include "cache_fixture.h"

static struct reply reply, other;

/* --- keys ------------------------------------------------------------------------------------- */

static void query(struct query_view *view, const uint8_t *name, uint16_t flags, bool wants_dnssec)
{
	*view = (struct query_view){ .name = name,
				     .name_len = name_len(name),
				     .flags = flags,
				     .type = TYPE_A,
				     .class = CLASS_IN,
				     .wants_dnssec = wants_dnssec };
}

/* Stores one answer per key and finds each under its own. */
static void assert_kept_apart(struct fixture *f, const struct cache_key *keys, uint32_t count)
{
	static struct reply replies[8];

	for (uint32_t i = 0; i < count; i++) {
		make_answer(&replies[i], 300 + i);
		assert_false(fixture_find(f, &keys[i], true));
		store(f, &keys[i], &replies[i], CACHE_POSITIVE, 300, 0);
	}
	for (uint32_t i = 0; i < count; i++)
		assert_finds(f, &keys[i], &replies[i], 0);
}

static void CA_13_CA_14_flags_of_the_query_are_part_of_the_key(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const uint8_t *name = (const uint8_t *)"\3www\7example\3org";
	struct cache_key keys[8];
	struct query_view view;

	for (unsigned i = 0; i < 8; i++) {
		query(&view, name, (uint16_t)((i & 1 ? FLAG_RD : 0) | (i & 2 ? FLAG_CD : 0)),
		      i & 4);
		cache_key_init(&keys[i], &view, 0);
	}
	assert_kept_apart(f, keys, 8);
}

static void CA_14_failure_without_cd_does_not_hide_the_answer_with_it(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	struct cache_key unchecked = key;

	unchecked.flags |= CACHE_KEY_CD;
	make_answer(&reply, 300);
	store(f, &unchecked, &reply, CACHE_POSITIVE, 300, 0);
	reply_start(&other, "www.example.org", TYPE_A, RCODE_SERVFAIL);
	store(f, &key, &other, CACHE_FAILURE, 5, 0);
	assert_finds(f, &key, &other, 0);
	assert_finds(f, &unchecked, &reply, 0);
}

static void ad_and_id_are_not_part_of_the_key(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const uint8_t *name = (const uint8_t *)"\3www\7example\3org";
	struct query_view view;
	struct cache_key key;

	query(&view, name, FLAG_RD, false);
	cache_key_init(&key, &view, 0);
	make_answer(&reply, 300);
	store(f, &key, &reply, CACHE_POSITIVE, 300, 0);
	query(&view, name, FLAG_RD | FLAG_AD, false);
	view.id = 999;
	cache_key_init(&key, &view, 0);
	assert_finds(f, &key, &reply, 0);
}

static void every_part_of_the_key_is_in_its_hash(void **state)
{
	(void)state;
	const struct cache_key key = key_of("www.example.org", TYPE_A);
	struct cache_key others[6];

	for (unsigned i = 0; i < 5; i++)
		others[i] = key;
	others[0].type = TYPE_AAAA;
	others[1].class = CLASS_CH;
	others[2].flags |= CACHE_KEY_DO;
	others[3].view = 1;
	others[4].name[1] = 'x';
	others[5] = key_of("ww.example.org", TYPE_A);
	for (unsigned i = 0; i < 6; i++) {
		cache_key_rehash(&others[i]);
		assert_true(others[i].hash != key.hash);
		assert_true((others[i].name_hash == key.name_hash) == (i < 4));
	}
}

static void a_key_made_by_hand_has_the_hash_of_one_that_was_asked(void **state)
{
	(void)state;
	struct cache_key made = key_of("www.example.org", TYPE_A), asked;
	struct query_view view;

	query(&view, (const uint8_t *)"\3wWw\7eXample\3org", FLAG_RD, false);
	cache_key_init(&asked, &view, 0);
	assert_true(asked.hash == made.hash && asked.name_hash == made.name_hash);
	assert_memory_equal(asked.name, made.name, made.name_len);
	query(&view, (const uint8_t *)"\3www\7example\3org", FLAG_CD, true);
	cache_key_init(&asked, &view, 7);
	made.flags = CACHE_KEY_CD | CACHE_KEY_DO;
	made.view = 7;
	cache_key_rehash(&made);
	assert_true(asked.hash == made.hash && asked.name_hash == made.name_hash);
}

static void class_and_partition_are_part_of_the_key(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	struct cache_key keys[4];

	for (unsigned i = 0; i < 4; i++)
		keys[i] = key_of("www.example.org", TYPE_A);
	keys[1].class = CLASS_CH;
	keys[2].view = 1;
	keys[3].view = UINT64_C(1) << 63;
	for (unsigned i = 1; i < 4; i++)
		cache_key_rehash(&keys[i]);
	assert_kept_apart(f, keys, 4);
}

static void CA_16_NG_20_found_in_any_case_of_letters(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	struct query_view view;
	struct cache_key key;

	reply_start(&reply, "NoName.EXAMPLE.org", TYPE_A, RCODE_NXDOMAIN);
	reply_add_soa(&reply, "example.org", 300, 300);
	query(&view, (const uint8_t *)"\6NoName\7EXAMPLE\3org", FLAG_RD, false);
	cache_key_init(&key, &view, 0);
	store(f, &key, &reply, CACHE_NEGATIVE, 300, 0);
	query(&view, (const uint8_t *)"\6noname\7example\3ORG", FLAG_RD, false);
	cache_key_init(&key, &view, 0);
	assert_finds(f, &key, &reply, 0);
}

static void CA_17_case_is_ascii_only(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	static const char *const names[] = { "\\192", "\\224", "[", "{", "@", "`", "a\\000", "a" };
	struct cache_key keys[8];

	for (unsigned i = 0; i < 8; i++)
		keys[i] = key_of(names[i], TYPE_A);
	assert_kept_apart(f, keys, 8);
}

static void name_that_begins_or_ends_like_another_is_another(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	static const char *const names[] = {
		".",   "org",	      "example.org",	 "www.example.org",
		"www", "www.example", "w\\.example.org", "wwww.example.org"
	};
	struct cache_key keys[8];

	for (unsigned i = 0; i < 8; i++)
		keys[i] = key_of(names[i], TYPE_A);
	assert_kept_apart(f, keys, 8);
}

/* --- negative answers ------------------------------------------------------------------------- */

/* alias CNAME target, and no more but the SOA of the target's zone */
static void make_dangling(struct reply *into, const char *alias, unsigned rcode)
{
	reply_start(into, alias, TYPE_A, rcode);
	reply_add_cname(into, 279, "target.example.net");
	reply_add_soa(into, "example.net", 49, 180);
}

static void NG_12_aliases_of_one_target_keep_their_own_fates(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key first = key_of("alias1.example.org", TYPE_A);
	const struct cache_key second = key_of("alias2.example.org", TYPE_A);
	const struct cache_key type = key_of("alias1.example.org", TYPE_AAAA);

	make_dangling(&reply, "alias1.example.org", RCODE_NOERROR);
	make_dangling(&other, "alias2.example.org", RCODE_NXDOMAIN);
	store(f, &first, &reply, CACHE_NEGATIVE, 49, 0);
	store(f, &second, &other, CACHE_NEGATIVE, 49, 0);
	assert_finds(f, &first, &reply, 0);
	assert_finds(f, &second, &other, 0);
	assert_false(fixture_find(f, &type, true));
}

static void NG_13_NG_14_alias_and_target_do_not_answer_for_each_other(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key alias = key_of("alias.example.org", TYPE_A);
	const struct cache_key target = key_of("target.example.net", TYPE_A);

	make_dangling(&reply, "alias.example.org", RCODE_NOERROR);
	store(f, &alias, &reply, CACHE_NEGATIVE, 49, 0);
	assert_false(fixture_find(f, &target, true));
	cache_drop(f->cache, &alias);
	reply_start(&reply, "target.example.net", TYPE_A, RCODE_NOERROR);
	reply_add_soa(&reply, "example.net", 49, 180);
	store(f, &target, &reply, CACHE_NEGATIVE, 49, 0);
	assert_false(fixture_find(f, &alias, true));
}

static void NG_15_NG_16_NG_18_negative_answer_is_for_its_type_alone(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	static const uint16_t types[] = { TYPE_CNAME, TYPE_A, TYPE_AAAA, TYPE_TXT, TYPE_HTTPS };

	for (unsigned i = 0; i < 5; i++) {
		const struct cache_key key = key_of("n.example.org", types[i]);

		reply_start(&reply, "n.example.org", types[i], i % 2 ? RCODE_NXDOMAIN : 0);
		reply_add_soa(&reply, "example.org", 30, 30);
		store(f, &key, &reply, CACHE_NEGATIVE, 30, 0);
		for (unsigned n = 0; n < 5; n++) {
			const struct cache_key asked = key_of("n.example.org", types[n]);
			assert_int_equal(fixture_find(f, &asked, true), n == i);
		}
		cache_drop(f->cache, &key);
	}
}

static void NG_21_negative_answer_stays_what_it_is(void **state)
{
	(void)state;
	struct fixture *f = fixture_new(ROOMY);
	const struct cache_key key = key_of("n.example.org", TYPE_A);

	reply_start(&reply, "N.example.org", TYPE_A, RCODE_NOERROR);
	reply_add_soa(&reply, "example.org", 300, 300);
	store(f, &key, &reply, CACHE_NEGATIVE, 300, 0);
	for (uint32_t i = 0; i < 100; i++) {
		assert_finds(f, &key, &reply, i);
		fixture_pass_ms(f, 1000);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(CA_13_CA_14_flags_of_the_query_are_part_of_the_key),
	cmocka_unit_test(CA_14_failure_without_cd_does_not_hide_the_answer_with_it),
	cmocka_unit_test(ad_and_id_are_not_part_of_the_key),
	cmocka_unit_test(every_part_of_the_key_is_in_its_hash),
	cmocka_unit_test(a_key_made_by_hand_has_the_hash_of_one_that_was_asked),
	cmocka_unit_test(class_and_partition_are_part_of_the_key),
	cmocka_unit_test(CA_16_NG_20_found_in_any_case_of_letters),
	cmocka_unit_test(CA_17_case_is_ascii_only),
	cmocka_unit_test(name_that_begins_or_ends_like_another_is_another),
	cmocka_unit_test(NG_12_aliases_of_one_target_keep_their_own_fates),
	cmocka_unit_test(NG_13_NG_14_alias_and_target_do_not_answer_for_each_other),
	cmocka_unit_test(NG_15_NG_16_NG_18_negative_answer_is_for_its_type_alone),
	cmocka_unit_test(NG_21_negative_answer_stays_what_it_is),
};
UNIT_MAIN(tests)
