#include "wire/name.h"

#include <string.h>

#include "unit.h"

static const uint8_t courier[] = "\7courier\4push\5apple\3com";

/* Text to wire and back gives the text again (without its final dot). */
static void assert_round_trip(const char *text, const char *expected)
{
	uint8_t name[NAME_MAX_LEN];
	size_t len = 0;
	struct name_text back;

	assert_int_equal(name_from_text(text, name, &len), 0);
	assert_int_equal(name_len(name), len);
	assert_string_equal(name_to_text(name, &back), expected);
}

static void text_comes_back_as_it_was(void **state)
{
	(void)state;
	assert_round_trip("courier.push.apple.com", "courier.push.apple.com");
	assert_round_trip("CouRier.push.apple.com.", "CouRier.push.apple.com");
	assert_round_trip(".", ".");
	assert_round_trip("com", "com");
	assert_round_trip("_dns.resolver-1.arpa", "_dns.resolver-1.arpa");
}

static void TR_32_any_byte_may_stand_in_a_label(void **state)
{
	(void)state;
	static const uint8_t expected[] = "\4a.b\0\5\\ \xff(\x7f\3com";
	uint8_t name[NAME_MAX_LEN];
	size_t len;

	assert_round_trip("www\\.victim\\000.example", "www\\.victim\\000.example");
	assert_round_trip("a\\ b\\\\", "a\\032b\\\\");
	assert_round_trip("!~\\127", "!~\\127");
	assert_int_equal(name_from_text("a\\.b\\000.\\\\ \\255\\(\\127.com", name, &len), 0);
	assert_int_equal(len, sizeof(expected));
	assert_memory_equal(name, expected, len);
}

static void text_that_is_no_name_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "",	   "..",   ".com",  "a..b",  "a.b..", "a\\",
					   "\\1a", "\\12", "\\256", "\\999", "a.\\" };
	uint8_t name[NAME_MAX_LEN] = { 42 };
	size_t len = 4711;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(name_from_text(bad[i], name, &len), ERR_MALFORMED);
	assert_int_equal(name[0], 42);
	assert_int_equal(len, 4711);
}

/* `count` labels of `label_len` bytes each, then one of `last_len`. */
static const char *long_text(char *text, size_t count, size_t label_len, size_t last_len)
{
	char *at = text;
	for (size_t i = 0; i <= count; i++) {
		size_t len = i < count ? label_len : last_len;
		memset(at, 'x', len);
		at += len;
		*at++ = '.';
	}
	*at = '\0';
	return text;
}

static void TR_31_longest_names_are_taken_and_longer_ones_refused(void **state)
{
	(void)state;
	char text[600];
	uint8_t name[NAME_MAX_LEN];
	size_t len;

	assert_int_equal(name_from_text(long_text(text, 3, 63, 61), name, &len), 0);
	assert_int_equal(len, 255);
	assert_int_equal(name_labels(name), 4);
	assert_int_equal(name_from_text(long_text(text, 3, 63, 62), name, &len), ERR_MALFORMED);
	assert_int_equal(name_from_text(long_text(text, 0, 0, 64), name, &len), ERR_MALFORMED);
	assert_int_equal(name_from_text(long_text(text, 126, 1, 1), name, &len), 0);
	assert_int_equal(len, 255);
	assert_int_equal(name_labels(name), NAME_MAX_LABELS - 1);
	assert_int_equal(name_from_text(long_text(text, 127, 1, 1), name, &len), ERR_MALFORMED);
}

static void longest_text_fits(void **state)
{
	(void)state;
	uint8_t name[NAME_MAX_LEN];
	struct name_text text;

	memset(name, 0xff, sizeof(name));
	name[0] = name[64] = name[128] = 63;
	name[192] = 61;
	name[254] = 0;
	assert_int_equal(strlen(name_to_text(name, &text)), 4 * 250 + 3);
}

static void labels_are_walked_to_the_root(void **state)
{
	(void)state;
	assert_int_equal(name_labels(courier), 4);
	assert_ptr_equal(name_parent(courier), courier + 8);
	const uint8_t *root = name_parent(name_parent(name_parent(name_parent(courier))));
	assert_int_equal(*root, 0);
	assert_ptr_equal(name_parent(root), root);
	assert_int_equal(name_labels(root), 0);
	assert_int_equal(name_len(root), 1);
}

static void case_is_ascii_case_only(void **state)
{
	(void)state;
	uint8_t lowered[4];

	assert_true(name_equal((const uint8_t *)"\1A", (const uint8_t *)"\1a"));
	assert_false(name_equal((const uint8_t *)"\1\xc0", (const uint8_t *)"\1\xe0"));
	assert_false(name_equal((const uint8_t *)"\1@", (const uint8_t *)"\1`"));
	assert_false(name_equal((const uint8_t *)"\1[", (const uint8_t *)"\1{"));
	name_lower(lowered, (const uint8_t *)"\2Z\xc0", 4);
	assert_memory_equal(lowered, "\2z\xc0", 4);
}

static void TR_32_two_labels_are_not_one_with_a_dot(void **state)
{
	(void)state;
	assert_false(name_equal((const uint8_t *)"\3a.b", (const uint8_t *)"\1a\1b"));
	assert_false(name_equal((const uint8_t *)"\1a", (const uint8_t *)"\1a\1b"));
	assert_false(name_equal((const uint8_t *)"\2a", (const uint8_t *)"\1a"));
	assert_false(name_is_under((const uint8_t *)"\3a.b", (const uint8_t *)"\1b"));
}

static void under_is_whole_labels(void **state)
{
	(void)state;
	assert_true(name_is_under(courier, courier));
	assert_true(name_is_under(courier, (const uint8_t *)"\5APPLE\3com"));
	assert_true(name_is_under(courier, (const uint8_t *)""));
	assert_false(name_is_under(courier, (const uint8_t *)"\4pple\3com"));
	assert_false(name_is_under((const uint8_t *)"\5apple\3com", courier));
	assert_false(name_is_under((const uint8_t *)"\10notapple\3com",
				   (const uint8_t *)"\5apple\3com"));
}

/* --- reading from a message: 12 bytes of header, then what the test says --------------------- */

struct read {
	int err;
	uint8_t name[NAME_MAX_LEN];
	size_t len, next;
};

static struct read read_at(const void *body, size_t body_len, size_t at)
{
	uint8_t wire[17000] = { 0 };
	struct read read = { .len = 4711, .next = 4711 };

	memcpy(wire + 12, body, body_len);
	read.err = name_read(wire, 12 + body_len, at, read.name, &read.len, &read.next);
	assert_int_equal(name_check(wire, 12 + body_len, at), read.err == 0 ? read.next : 0);
	return read;
}

#define READ(body, at) read_at(body, sizeof(body) - 1, at)

static void pointers_are_followed_backwards(void **state)
{
	(void)state;
	struct read read = READ("\3com\0\5apple\xc0\x0c\4push\xc0\x11\xff", 12 + 13);

	assert_int_equal(read.err, 0);
	assert_int_equal(read.len, 16);
	assert_memory_equal(read.name, "\4push\5apple\3com", 16);
	assert_int_equal(read.next, 12 + 20);
}

static void plain_name_ends_where_it_ends(void **state)
{
	(void)state;
	struct read read = READ("\3com\0\xff", 12);

	assert_int_equal(read.err, 0);
	assert_int_equal(read.len, 5);
	assert_int_equal(read.next, 17);
}

static void UF_18_pointer_to_itself_is_refused(void **state)
{
	(void)state;
	assert_int_equal(READ("\xc0\x0c", 12).err, ERR_MALFORMED);
	assert_int_equal(READ("\1a\xc0\x0c", 12).err, ERR_MALFORMED);
	assert_int_equal(READ("\1a\xc0\x0e", 12).err, ERR_MALFORMED);
}

static void UF_19_pointers_anywhere_but_backwards_are_refused(void **state)
{
	(void)state;
	/* a loop of two, forward, past the end, into the header, half a pointer */
	assert_int_equal(READ("\1a\xc0\x10\1b\xc0\x0c", 16).err, ERR_MALFORMED);
	assert_int_equal(READ("\xc0\x0e\0", 12).err, ERR_MALFORMED);
	assert_int_equal(READ("\xc0\x50", 12).err, ERR_MALFORMED);
	assert_int_equal(READ("\1a\0\xc0\x00", 15).err, ERR_MALFORMED);
	assert_int_equal(READ("\1a\0\xc0\x0b", 15).err, ERR_MALFORMED);
	assert_int_equal(READ("\1a\0\xc0", 15).err, ERR_MALFORMED);
	assert_int_equal(READ("\1a\0\xc0\x0c", 15).err, 0);
}

static void what_a_pointer_leads_to_ends_before_the_name(void **state)
{
	(void)state;
	/* a label that runs over the pointer, a label up to it, and one that is whole before it */
	assert_int_equal(READ("\3a\xc0\x0c\0", 14).err, ERR_MALFORMED);
	assert_int_equal(READ("\1a\xc0\x0c\0", 14).err, ERR_MALFORMED);
	assert_int_equal(READ("\0\xc0\x0c", 13).err, 0);
	/* half a pointer before it, the other half its own first byte */
	assert_int_equal(READ("\0\xc0\xc0\x0d", 14).err, ERR_MALFORMED);
}

static void UF_26_reserved_label_types_are_refused(void **state)
{
	(void)state;
	assert_int_equal(READ("\x40\0", 12).err, ERR_MALFORMED);
	assert_int_equal(READ("\x80\0", 12).err, ERR_MALFORMED);
	assert_int_equal(READ("\xbf\0", 12).err, ERR_MALFORMED);
}

static void CF_09_unfinished_name_is_refused(void **state)
{
	(void)state;
	struct read read = READ("\3com", 12);

	assert_int_equal(read.err, ERR_MALFORMED);
	assert_int_equal(read.len, 4711);
	assert_int_equal(READ("\4com", 12).err, ERR_MALFORMED);
	assert_int_equal(READ("", 12).err, ERR_MALFORMED);
	assert_int_equal(READ("x", 500).err, ERR_MALFORMED);
}

static void UF_25_name_that_grows_over_255_is_refused(void **state)
{
	(void)state;
	/* 16,000 bytes: each piece is a label of 62 bytes and a pointer to the piece before */
	uint8_t body[16000] = { 0 };
	size_t len = 1, before = 12, pieces = 0;
	struct read read = { 0 };

	while (len + 65 < sizeof(body)) {
		const size_t at = 12 + len;
		body[len] = 62;
		body[len + 63] = (uint8_t)(0xc0 | before >> 8);
		body[len + 64] = (uint8_t)before;
		len += 65;
		before = at;
		pieces++;
		read = read_at(body, len, at);
		assert_int_equal(read.err, pieces <= 4 ? 0 : ERR_MALFORMED);
	}
	assert_true(pieces > 200);
}

static void long_pointer_chains_are_bounded(void **state)
{
	(void)state;
	/* pointers to pointers: strictly backwards, but more than any name needs */
	uint8_t body[1000] = { 0 };

	for (size_t i = 1; i + 1 < sizeof(body); i += 2) {
		const size_t target = 12 + (i == 1 ? 0 : i - 2);
		body[i] = (uint8_t)(0xc0 | target >> 8);
		body[i + 1] = (uint8_t)target;
	}
	assert_int_equal(read_at(body, sizeof(body), 12 + 1 + 2 * 127).err, 0);
	assert_int_equal(read_at(body, sizeof(body), 12 + 1 + 2 * 128).err, ERR_MALFORMED);
}

static void name_need_not_be_kept(void **state)
{
	(void)state;
	static const uint8_t wire[] = "123456789012\3com\0";
	size_t len, next;

	assert_int_equal(name_read(wire, sizeof(wire) - 1, 12, NULL, &len, &next), 0);
	assert_int_equal(len, 5);
}

static void names_are_compared_where_they_stand(void **state)
{
	(void)state;
	/* www.Example at 12, WWW and a pointer to Example at 25, a pointer to that at 31, Examplf
	 * at 33, and the root */
	static const uint8_t wire[] = "123456789012\3www\7Example\0\3WWW\300\20\300\31\7Examplf\0";
	static const uint8_t alone[] = "\3wWw\7eXample";
	const size_t same[] = { 12, 25, 31 }, root = 24;

	for (size_t i = 0; i < 3; i++) {
		for (size_t j = 0; j < 3; j++)
			assert_true(name_is_same(wire, same[i], wire, same[j]));
		assert_true(name_is_same(wire, same[i], alone, 0));
		assert_true(name_is_same(alone, 0, wire, same[i]));
		assert_false(name_is_same(wire, same[i], alone, 4));
		assert_false(name_is_same(wire, same[i], wire, 33));
		assert_false(name_is_same(wire, same[i], wire, root));
		assert_false(name_is_same(wire, root, wire, same[i]));
	}
	assert_true(name_is_same(wire, 16, alone, 4));
	assert_false(name_is_same(wire, 16, wire, 33));
	assert_true(name_is_same(wire, root, (const uint8_t *)"", 0));
}

static void random_names_survive_text_and_case(void **state)
{
	(void)state;
	uint64_t seed = 20240229;
	const struct hash_key key = { 1, 2 };

	for (int round = 0; round < 2000; round++) {
		uint8_t name[NAME_MAX_LEN], back[NAME_MAX_LEN], lowered[NAME_MAX_LEN];
		size_t len = 0, back_len;
		struct name_text text;
		const size_t target = unit_random(&seed) % 254;
		while (len < target) {
			size_t label_len = 1 + unit_random(&seed) % 63;
			if (len + 1 + label_len > 254)
				break;
			name[len++] = (uint8_t)label_len;
			for (; label_len > 0; label_len--)
				name[len++] = (uint8_t)unit_random(&seed);
		}
		name[len++] = 0;
		assert_int_equal(name_from_text(name_to_text(name, &text), back, &back_len), 0);
		assert_int_equal(back_len, len);
		assert_memory_equal(back, name, len);
		name_lower(lowered, name, len);
		assert_true(name_equal(lowered, name));
		assert_true(name_is_under(name, name_parent(lowered)));
		name_lower(back, back, len);
		assert_true(name_hash(&key, back, len) == name_hash(&key, lowered, len));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(text_comes_back_as_it_was),
	cmocka_unit_test(TR_32_any_byte_may_stand_in_a_label),
	cmocka_unit_test(text_that_is_no_name_is_refused),
	cmocka_unit_test(TR_31_longest_names_are_taken_and_longer_ones_refused),
	cmocka_unit_test(longest_text_fits),
	cmocka_unit_test(labels_are_walked_to_the_root),
	cmocka_unit_test(case_is_ascii_case_only),
	cmocka_unit_test(TR_32_two_labels_are_not_one_with_a_dot),
	cmocka_unit_test(under_is_whole_labels),
	cmocka_unit_test(pointers_are_followed_backwards),
	cmocka_unit_test(plain_name_ends_where_it_ends),
	cmocka_unit_test(UF_18_pointer_to_itself_is_refused),
	cmocka_unit_test(UF_19_pointers_anywhere_but_backwards_are_refused),
	cmocka_unit_test(what_a_pointer_leads_to_ends_before_the_name),
	cmocka_unit_test(UF_26_reserved_label_types_are_refused),
	cmocka_unit_test(CF_09_unfinished_name_is_refused),
	cmocka_unit_test(UF_25_name_that_grows_over_255_is_refused),
	cmocka_unit_test(long_pointer_chains_are_bounded),
	cmocka_unit_test(name_need_not_be_kept),
	cmocka_unit_test(names_are_compared_where_they_stand),
	cmocka_unit_test(random_names_survive_text_and_case),
};

UNIT_MAIN(tests)
