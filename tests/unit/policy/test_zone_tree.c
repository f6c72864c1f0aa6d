#include "policy/zone_tree.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "wire/name.h"

/* --- helpers ------------------------------------------------------------------------------- */

struct seen {
	struct {
		unsigned value, n, suffix_at;
		bool is_whole, is_template;
	} matches[32];
	size_t count, stop_after;
	const uint8_t *name;
};

static bool note(void *ctx, const struct zone_match *match)
{
	struct seen *seen = ctx;

	assert_true(seen->count < 32);
	seen->matches[seen->count].value = match->value;
	seen->matches[seen->count].n = match->n;
	seen->matches[seen->count].is_whole = match->is_whole;
	seen->matches[seen->count].is_template = match->is_template;
	seen->matches[seen->count++].suffix_at = (unsigned)(match->suffix - seen->name);
	return seen->count == seen->stop_after;
}

static void name_of(const char *text, uint8_t name[NAME_MAX_LEN])
{
	size_t len = 0;
	assert_int_equal(name_from_text(text, name, &len), 0);
	name_lower(name, name, len);
}

static struct zone_tree *tree_new(void)
{
	struct zone_tree *tree = unit_own(zone_tree_new(), zone_tree_free);
	assert_non_null(tree);
	return tree;
}

static void add(struct zone_tree *tree, const char *text, uint32_t value)
{
	uint8_t name[NAME_MAX_LEN];
	name_of(text, name);
	assert_int_equal(zone_tree_add(tree, name, strstr(text, "{n}") != NULL, value), 0);
}

static size_t walk(const struct zone_tree *tree, const char *text, struct seen *seen)
{
	static uint8_t name[NAME_MAX_LEN];
	name_of(text, name);
	*seen = (struct seen){ .name = name };
	const size_t cost = zone_tree_walk(tree, name, name_len(name), note, seen);
	assert_int_equal(zone_tree_covers(tree, name, name_len(name)), seen->count > 0);
	return cost;
}

/* The values found, in order, as "1 2 3". */
static const char *found(const struct zone_tree *tree, const char *text)
{
	static char values[256];
	struct seen seen;
	size_t at = 0;

	walk(tree, text, &seen);
	values[0] = '\0';
	for (size_t i = 0; i < seen.count; i++)
		at += (size_t)snprintf(values + at, sizeof(values) - at, "%s%u", i > 0 ? " " : "",
				       seen.matches[i].value);
	return values;
}

static bool ignore(void *ctx, const struct zone_match *match)
{
	(void)match;
	++*(size_t *)ctx;
	return false;
}

/* --- plain names --------------------------------------------------------------------------- */

static void empty_tree_finds_nothing(void **state)
{
	(void)state;
	const struct zone_tree *tree = tree_new();

	assert_string_equal(found(tree, "www.example.org"), "");
	assert_string_equal(found(tree, "."), "");
}

static void FO_11_longer_suffixes_come_first(void **state)
{
	(void)state;
	struct zone_tree *tree = tree_new();
	add(tree, "example", 1);
	add(tree, "eu.corp.example", 3);
	add(tree, "corp.example", 2);
	add(tree, ".", 9);

	assert_string_equal(found(tree, "example"), "1 9");
	assert_string_equal(found(tree, "www.example"), "1 9");
	assert_string_equal(found(tree, "corp.example"), "2 1 9");
	assert_string_equal(found(tree, "a.b.corp.example"), "2 1 9");
	assert_string_equal(found(tree, "eu.corp.example"), "3 2 1 9");
	assert_string_equal(found(tree, "x.eu.corp.example"), "3 2 1 9");
	assert_string_equal(found(tree, "org"), "9");
	assert_string_equal(found(tree, "."), "9");
}

static void FO_11_matches_end_at_label_borders(void **state)
{
	(void)state;
	struct zone_tree *tree = tree_new();
	add(tree, "corp.example", 1);

	assert_string_equal(found(tree, "notcorp.example"), "");
	assert_string_equal(found(tree, "corp.example.org"), "");
	assert_string_equal(found(tree, "corp\\.example"), "");
	assert_string_equal(found(tree, "x\\004corp.example"), "");
	assert_string_equal(found(tree, "example"), "");
	assert_string_equal(found(tree, "x.corp.example"), "1");
}

static void match_tells_where_it_stands_in_the_name(void **state)
{
	(void)state;
	struct zone_tree *tree = tree_new();
	struct seen seen;
	add(tree, "corp.example", 1);

	walk(tree, "www.corp.example", &seen);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.matches[0].suffix_at, 4);
	assert_false(seen.matches[0].is_whole);
	assert_false(seen.matches[0].is_template);
	walk(tree, "corp.example", &seen);
	assert_int_equal(seen.matches[0].suffix_at, 0);
	assert_true(seen.matches[0].is_whole);
}

static void values_of_one_name_come_in_order_of_adding(void **state)
{
	(void)state;
	struct zone_tree *tree = tree_new();
	struct seen seen;

	for (uint32_t i = 0; i < 20; i++) { /* while the table grows */
		add(tree, "a.example", 30 - i);
		if (i % 10 == 9)
			add(tree, "b.example", i);
	}

	walk(tree, "a.example", &seen);
	assert_int_equal(seen.count, 20);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(seen.matches[i].value, 30 - i);
	assert_string_equal(found(tree, "b.example"), "9 19");
}

static void walk_ends_when_told(void **state)
{
	(void)state;
	struct zone_tree *tree = tree_new();
	uint8_t name[NAME_MAX_LEN];
	add(tree, "a.b.c", 1);
	add(tree, "b.c", 2);
	add(tree, "c", 3);

	name_of("a.b.c", name);
	struct seen seen = { .name = name, .stop_after = 2 };
	zone_tree_walk(tree, name, name_len(name), note, &seen);
	assert_int_equal(seen.count, 2);
}

static void names_of_full_length_are_found(void **state)
{
	(void)state;
	struct zone_tree *tree = tree_new();
	uint8_t many[NAME_MAX_LEN], wide[NAME_MAX_LEN];
	struct seen seen = { .name = many };

	for (size_t i = 0; i < 254; i += 2) /* 127 labels of one byte */
		memcpy(many + i, "\001a", 2);
	many[254] = 0;
	memset(wide, 'w', sizeof(wide));
	for (size_t i = 0; i < 4; i++)
		wide[i * 64] = i < 3 ? 63 : 61;
	wide[254] = 0;
	assert_int_equal(zone_tree_add(tree, many, false, 1), 0);
	assert_int_equal(zone_tree_add(tree, wide, false, 2), 0);

	zone_tree_walk(tree, many, sizeof(many), note, &seen);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.matches[0].value, 1);
	seen = (struct seen){ .name = wide };
	zone_tree_walk(tree, wide, sizeof(wide), note, &seen);
	assert_int_equal(seen.count, 1);
	assert_int_equal(seen.matches[0].value, 2);
}

/* --- templates ----------------------------------------------------------------------------- */

static void template_matches_its_number_and_tells_it(void **state)
{
	(void)state;
	struct zone_tree *tree = tree_new();
	struct seen seen;
	add(tree, "{n}-courier.push.apple.com", 7);

	walk(tree, "17-courier.push.apple.com", &seen);
	assert_int_equal(seen.count, 1);
	assert_true(seen.matches[0].is_template);
	assert_true(seen.matches[0].is_whole);
	assert_int_equal(seen.matches[0].n, 17);
	walk(tree, "x.250-COURIER.push.apple.com", &seen);
	assert_int_equal(seen.count, 1);
	assert_false(seen.matches[0].is_whole);
	assert_int_equal(seen.matches[0].n, 250);
	assert_int_equal(seen.matches[0].suffix_at, 2);
}

static void template_takes_decimal_numbers_without_leading_zeros_only(void **state)
{
	(void)state;
	struct zone_tree *tree = tree_new();
	struct seen seen;
	add(tree, "a{n}b.example", 1);

	assert_string_equal(found(tree, "a0b.example"), "1");
	assert_string_equal(found(tree, "a4294967295b.example"), "1");
	walk(tree, "a4294967295b.example", &seen);
	assert_true(seen.matches[0].n == 4294967295u);
	assert_string_equal(found(tree, "a4294967296b.example"), "");
	assert_string_equal(found(tree, "a18446744073709551617b.example"), "");
	assert_string_equal(found(tree, "a007b.example"), "");
	assert_string_equal(found(tree, "a00b.example"), "");
	assert_string_equal(found(tree, "ab.example"), "");
	assert_string_equal(found(tree, "a-1b.example"), "");
	assert_string_equal(found(tree, "a1x1b.example"), "");
	assert_string_equal(found(tree, "1a1b.example"), "");
	assert_string_equal(found(tree, "a1b1.example"), "");
	assert_string_equal(found(tree, "a{n}b.example"), "");
}

static void template_may_have_its_number_in_any_label(void **state)
{
	(void)state;
	struct zone_tree *tree = tree_new();
	add(tree, "{n}", 1);
	add(tree, "{n}.courier-push-apple.com.akadns.net", 2);
	add(tree, "www.pop{n}.example", 3);
	add(tree, "host.example.v{n}", 4);

	assert_string_equal(found(tree, "12"), "1");
	assert_string_equal(found(tree, "17.courier-push-apple.com.akadns.net"), "2");
	assert_string_equal(found(tree, "www.pop3.example"), "3");
	assert_string_equal(found(tree, "www.pop3.example.v2"), "");
	assert_string_equal(found(tree, "a.host.example.v2"), "4");
	assert_string_equal(found(tree, "3.host.example.5"), "1");
}

static void plain_comes_before_template_of_the_same_length(void **state)
{
	(void)state;
	struct zone_tree *tree = tree_new();
	add(tree, "{n}.example", 1);
	add(tree, "5.example", 2);
	add(tree, "example", 3);
	add(tree, "x.{n}.example", 4);

	assert_string_equal(found(tree, "5.example"), "2 1 3");
	assert_string_equal(found(tree, "6.example"), "1 3");
	assert_string_equal(found(tree, "x.5.example"), "4 2 1 3");
}

static void every_number_of_a_label_is_tried(void **state)
{
	(void)state;
	struct zone_tree *tree = tree_new();
	struct seen seen;
	add(tree, "a{n}b22.example", 1);
	add(tree, "a1b{n}.example", 2);

	walk(tree, "a1b22.example", &seen);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.matches[0].n + seen.matches[1].n, 23);
	assert_string_equal(found(tree, "a3b22.example"), "1");
	assert_string_equal(found(tree, "a1b3.example"), "2");
}

/* --- random trees -------------------------------------------------------------------------- */

#define RANDOM_NAMES 40

static uint64_t seed;

static unsigned below(unsigned bound)
{
	return (unsigned)(unit_random(&seed) % bound);
}

/* Few different labels, so that names meet; of all sorts of lengths, as these are hashed in
 * different ways. */
static const char *const labels[] = { "a",
				      "b",
				      "7",
				      "12",
				      "ab",
				      "x12",
				      "012",
				      "abcdef",
				      "12x",
				      "a12b",
				      "abcdefg",
				      "abcdefgh",
				      "x12y",
				      "x7",
				      "abcdefghi",
				      "a-label-of-26-bytes-or-so-b",
				      "a-label-of-26-bytes-or-so-c" };
static const char *const marked[] = { "{n}", "x{n}", "{n}x", "a{n}b", "x{n}y" };
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct random_name {
	const char *labels[8]; /* from the top-level domain on */
	unsigned count;
	bool is_template;
};

static void random_name(struct random_name *name, unsigned most, bool is_template)
{
	*name = (struct random_name){ .is_template = is_template };
	name->count = below(most + 1);
	if (is_template && name->count == 0)
		name->count = 1;
	for (unsigned i = 0; i < name->count; i++)
		name->labels[i] = labels[below(i == 0 ? 3 : (unsigned)COUNT(labels))];
	if (is_template)
		name->labels[below(name->count)] = marked[below(COUNT(marked))];
}

static const char *text_of(const struct random_name *name)
{
	static char text[256];
	size_t len = 0;

	snprintf(text, sizeof(text), ".");
	for (unsigned i = name->count; i-- > 0;)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", name->labels[i],
					i > 0 ? "." : "");
	return text;
}

/* The plainest reading of what a label with {n} means. */
static bool label_matches(const char *pattern, const char *label, unsigned *n)
{
	const char *marker = strstr(pattern, "{n}");
	char written[64];

	if (marker == NULL)
		return strcmp(pattern, label) == 0;
	for (unsigned number = 0; number < 20; number++) {
		snprintf(written, sizeof(written), "%.*s%u%s", (int)(marker - pattern), pattern,
			 number, marker + 3);
		if (strcmp(written, label) == 0) {
			*n = number;
			return true;
		}
	}
	return false;
}

static bool name_matches(const struct random_name *name, const struct random_name *asked,
			 unsigned *n)
{
	for (unsigned i = 0; i < name->count; i++) {
		if (i >= asked->count || !label_matches(name->labels[i], asked->labels[i], n))
			return false;
	}
	return true;
}

/* Longer names and then plain ones come first. */
static unsigned rank_of(const struct random_name *name)
{
	return name->count * 2 + !name->is_template;
}

static void expect_all_that_match(const struct zone_tree *tree, const struct random_name *names,
				  const struct random_name *asked, size_t *matched)
{
	unsigned last_rank = UINT32_MAX, expected = 0, n = 0;
	struct seen seen;

	walk(tree, text_of(asked), &seen);
	for (unsigned i = 0; i < RANDOM_NAMES; i++)
		expected += name_matches(&names[i], asked, &n);
	if (seen.count != expected)
		fail_msg("%s: %zu names found, %u match", text_of(asked), seen.count, expected);
	for (size_t i = 0; i < seen.count; i++) {
		const struct random_name *name = &names[seen.matches[i].value];

		n = 0;
		assert_true(name_matches(name, asked, &n));
		assert_int_equal(seen.matches[i].n, n);
		assert_int_equal(seen.matches[i].is_template, name->is_template);
		assert_int_equal(seen.matches[i].is_whole, name->count == asked->count);
		assert_true(rank_of(name) <= last_rank);
		last_rank = rank_of(name);
		for (size_t k = 0; k < i; k++)
			assert_true(seen.matches[k].value != seen.matches[i].value);
	}
	*matched += seen.count;
}

/* One after another: more than a test may own at a time. */
static struct current {
	struct zone_tree *tree;
} current;

static void forget(struct current *of)
{
	zone_tree_free(of->tree);
	of->tree = NULL;
}

static void walks_find_what_a_search_through_all_names_finds(void **state)
{
	(void)state;
	static struct random_name names[RANDOM_NAMES];
	struct random_name asked;
	size_t matched = 0;

	unit_own(&current, forget);
	seed = 31;
	for (unsigned round = 0; round < 200; round++) {
		forget(&current);
		struct zone_tree *tree = current.tree = zone_tree_new();
		assert_non_null(tree);
		/* in every other tree no name is shorter than two labels */
		for (unsigned i = 0; i < RANDOM_NAMES; i++) {
			do
				random_name(&names[i], 4, below(3) == 0);
			while (round % 2 == 0 && names[i].count < 2);
			add(tree, text_of(&names[i]), i);
		}
		for (unsigned i = 0; i < 200; i++) {
			random_name(&asked, 6, false);
			expect_all_that_match(tree, names, &asked, &matched);
		}
	}
	assert_true(matched > 20000);
}

/* --- cost ---------------------------------------------------------------------------------- */

static struct zone_tree *tree_of(size_t rules)
{
	struct zone_tree *tree = tree_new();
	char text[64];

	for (size_t i = 0; i < rules; i++) {
		snprintf(text, sizeof(text), "host%zu.zone%zu.example", i, i % 97);
		add(tree, text, (uint32_t)i);
	}
	return tree;
}

/* Slots looked into for names half of which are there where the tree is large. */
static size_t cost_of_lookups(const struct zone_tree *tree, size_t lookups, size_t *ret_found)
{
	size_t cost = 0, hits = 0;
	char text[64];
	uint8_t name[NAME_MAX_LEN];

	for (size_t i = 0; i < lookups; i++) {
		snprintf(text, sizeof(text), "www.host%zu.zone%zu.%s", i, i % 97,
			 i % 2 == 0 ? "example" : "invalid");
		name_of(text, name);
		cost += zone_tree_walk(tree, name, name_len(name), ignore, &hits);
	}
	*ret_found = hits;
	return cost;
}

static void FO_13_lookup_among_100000_rules_costs_what_it_costs_among_ten(void **state)
{
	(void)state;
	const size_t lookups = 10000;
	size_t hits_few = 0, hits_many = 0;
	const size_t few = cost_of_lookups(tree_of(10), lookups, &hits_few);
	const size_t many = cost_of_lookups(tree_of(100000), lookups, &hits_many);

	assert_int_equal(hits_few, 5);
	assert_int_equal(hits_many, lookups / 2);
	/* a table that is at most half full answers within two and a half looks on average, but
	 * a table of ten may be unlucky with its key; and most of what is not there is not looked
	 * for */
	assert_in_range(few, hits_few, 8 * lookups);
	assert_in_range(many, hits_many, 3 * lookups);
}

static void hostile_labels_of_digits_are_cheap(void **state)
{
	(void)state;
	struct zone_tree *tree = tree_new();
	uint8_t name[NAME_MAX_LEN];
	size_t hits = 0;
	char text[NAME_MAX_LEN];

	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%u-{n}-courier.push.example", i);
		add(tree, text, i);
	}
	for (size_t i = 0; i < 240; i++)
		text[i] = i % 60 == 59 ? '.' : i % 2 == 0 ? '1' : 'a';
	snprintf(text + 229, 16, ".push.example");
	name_of(text, name);

	/* no digits stand where some template has its number */
	assert_int_equal(zone_tree_walk(tree, name, name_len(name), ignore, &hits), 0);
	assert_int_equal(hits, 0);
	name_of("7-33-courier.push.example", name);
	zone_tree_walk(tree, name, name_len(name), ignore, &hits);
	assert_int_equal(hits, 1);
}

static void whole_name_comes_before_its_suffixes_and_says_so(void **state)
{
	(void)state;
	struct zone_tree *tree = tree_new();
	struct seen seen;

	assert_int_equal(walk(tree, "a.example", &seen), 0);
	add(tree, "example", 1);
	add(tree, "a.example", 2);
	add(tree, "b{n}.example", 3);
	add(tree, "x.{n}.a.example", 4);
	static const struct {
		const char *name;
		unsigned value, n; /* 0: its suffixes alone are found */
	} cases[] = { { "a.example", 2, 0 },	{ "example", 1, 0 },
		      { "b7.example", 3, 7 },	{ "x.5.a.example", 4, 5 },
		      { "b.a.example", 0, 0 },	{ "y.x.5.a.example", 0, 0 },
		      { "b7.a.example", 0, 0 }, { ".", 0, 0 } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		walk(tree, cases[i].name, &seen);
		assert_int_equal(seen.matches[0].is_whole, cases[i].value != 0);
		for (size_t later = 1; later < seen.count; later++)
			assert_false(seen.matches[later].is_whole);
		if (cases[i].value == 0)
			continue;
		assert_int_equal(seen.matches[0].value, cases[i].value);
		assert_int_equal(seen.matches[0].n, cases[i].n);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(empty_tree_finds_nothing),
	cmocka_unit_test(FO_11_longer_suffixes_come_first),
	cmocka_unit_test(FO_11_matches_end_at_label_borders),
	cmocka_unit_test(match_tells_where_it_stands_in_the_name),
	cmocka_unit_test(values_of_one_name_come_in_order_of_adding),
	cmocka_unit_test(walk_ends_when_told),
	cmocka_unit_test(names_of_full_length_are_found),
	cmocka_unit_test(template_matches_its_number_and_tells_it),
	cmocka_unit_test(template_takes_decimal_numbers_without_leading_zeros_only),
	cmocka_unit_test(template_may_have_its_number_in_any_label),
	cmocka_unit_test(plain_comes_before_template_of_the_same_length),
	cmocka_unit_test(every_number_of_a_label_is_tried),
	cmocka_unit_test(walks_find_what_a_search_through_all_names_finds),
	cmocka_unit_test(FO_13_lookup_among_100000_rules_costs_what_it_costs_among_ten),
	cmocka_unit_test(hostile_labels_of_digits_are_cheap),
	cmocka_unit_test(whole_name_comes_before_its_suffixes_and_says_so),
};
UNIT_MAIN(tests)
