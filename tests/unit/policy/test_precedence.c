/* Random rules against the plainest reading of which of them decides: look at all, keep the
 * best. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "made_query.h"
#include "policy/policy.h"

#define ZONES 24
#define NAMES 3
#define LABELS 4

/* --- random configurations ----------------------------------------------------------------- */

static uint64_t seed;

static unsigned below(unsigned bound)
{
	return (unsigned)(unit_random(&seed) % bound);
}

/* A name as text beside its wire form: the reference reads the text. */
struct text_name {
	char text[64];
	uint8_t wire[NAME_MAX_LEN];
};

/* Everything a zone points to. */
struct zone_parts {
	struct conf_name names[NAMES], except[NAMES];
	struct text_name name_texts[NAMES], except_texts[NAMES];
	uint16_t types[2];
	struct addr_prefix clients[3];
};

static struct zone_parts parts[ZONES];
static struct conf_zone zones[ZONES];
static struct conf_server servers[3];
static struct conf_group groups[3];
static struct conf conf;

static const char *const labels[] = { "a", "b", "7", "12", "x7", "07", "x", "x12y" };
static const char *const template_labels[] = { "{n}", "x{n}", "x{n}y" };

/* Of up to LABELS labels, the top one always "t" so that names meet. */
static void make_name(struct text_name *name, bool is_template)
{
	const unsigned count = below(LABELS);
	const unsigned marked = is_template ? below(count + 1) : count + 1;
	size_t len = 0;

	name->text[0] = '\0';
	for (unsigned i = 0; i < count + (marked == count); i++)
		len += (size_t)snprintf(name->text + len, sizeof(name->text) - len, "%s.",
					i == marked ? template_labels[below(3)] : labels[below(8)]);
	snprintf(name->text + len, sizeof(name->text) - len, "t");
	assert_int_equal(name_from_text(name->text, name->wire, &len), 0);
}

static void make_conf_name(struct conf_name *name, struct text_name *text, bool is_template)
{
	make_name(text, is_template);
	name->wire = text->wire;
	name->len = (uint8_t)name_len(text->wire);
	name->is_template = is_template;
}

/* 10.0.0.0 to 10.0.0.7, in which all prefixes lie. */
static void make_client(struct addr *addr)
{
	*addr = (struct addr){ .family = ADDR_IPV4, .port = 5353 };
	addr->bytes[0] = 10;
	addr->bytes[3] = (uint8_t)below(8);
}

static void make_prefix(struct addr_prefix *prefix)
{
	make_client(&prefix->net);
	prefix->net.port = 0;
	prefix->bits = (uint8_t)(29 + below(4));
	prefix->net.bytes[3] &= (uint8_t)(0xff << (32 - prefix->bits));
}

static void make_zone(struct conf_zone *zone, struct zone_parts *of)
{
	const bool is_template = below(3) == 0;

	*zone = (struct conf_zone){ .names = of->names,
				    .except = of->except,
				    .types = of->types,
				    .clients = of->clients,
				    .name_count = 1 + below(NAMES),
				    .except_count = below(2) * below(NAMES + 1),
				    .is_exact = below(4) == 0,
				    .type_count = below(2) * below(3),
				    .client_count = below(2) * below(4),
				    .has_range = is_template,
				    .n_low = is_template ? below(10) : 0,
				    .n_high = is_template ? 9 + below(5) : 0,
				    .group = (int)below(3),
				    .on_failure = CONF_GROUP_NONE,
				    .ttl_min = -1,
				    .ttl_max = -1,
				    .stale_s = -1 };
	for (size_t i = 0; i < zone->name_count; i++)
		make_conf_name(&of->names[i], &of->name_texts[i], is_template);
	for (size_t i = 0; i < zone->except_count; i++)
		make_conf_name(&of->except[i], &of->except_texts[i], false);
	for (size_t i = 0; i < zone->type_count; i++)
		of->types[i] = (uint16_t)(TYPE_A + below(2));
	for (size_t i = 0; i < zone->client_count; i++)
		make_prefix(&of->clients[i]);
}

static void make_conf(void)
{
	conf = (struct conf){ .groups = groups,
			      .group_count = 3,
			      .zones = zones,
			      .zone_count = ZONES,
			      .ttl_max = 86400 };
	for (size_t i = 0; i < 3; i++) {
		servers[i].addr = (struct addr){ .family = ADDR_IPV4, .port = (uint16_t)(53 + i) };
		groups[i] = (struct conf_group){ .servers = &servers[i], .server_count = 1 };
	}
	for (size_t i = 0; i < ZONES; i++)
		make_zone(&zones[i], &parts[i]);
}

/* What is compiled now: more than a test may own at a time. */
static struct current {
	struct complaints *complaints;
	struct policy *policy;
} current;

static void forget(struct current *of)
{
	policy_free(of->policy);
	complaint_free(of->complaints);
	*of = (struct current){ 0 };
}

static const struct policy *make_policy(void)
{
	const struct hash_key key = { 1, 2 };

	forget(&current);
	make_conf();
	current.complaints = complaint_new();
	assert_non_null(current.complaints);
	assert_int_equal(policy_compile(&conf, &key, current.complaints, &current.policy), 0);
	return current.policy;
}

/* --- the reference ------------------------------------------------------------------------- */

static bool reads_as_number(const char *digits, size_t len, unsigned low, unsigned high,
			    unsigned *ret_n)
{
	char copy[64] = { 0 };
	char *end;

	memcpy(copy, digits, len);
	const unsigned long n = strtoul(copy, &end, 10);
	if (len == 0 || *end != '\0' || copy[0] < '0' || copy[0] > '9' || (len > 1 && *copy == '0'))
		return false;
	*ret_n = (unsigned)n;
	return n >= low && n <= high;
}

static bool label_matches(const char *label, size_t len, const char *pattern, size_t pattern_len,
			  const struct conf_zone *zone, unsigned *ret_n)
{
	const char *marker = memmem(pattern, pattern_len, "{n}", 3);
	if (marker == NULL)
		return len == pattern_len && memcmp(label, pattern, len) == 0;
	const size_t before = (size_t)(marker - pattern), after = pattern_len - before - 3;
	return len > before + after && memcmp(label, pattern, before) == 0 &&
	       memcmp(label + len - after, marker + 3, after) == 0 &&
	       reads_as_number(label + before, len - before - after, zone->n_low, zone->n_high,
			       ret_n);
}

static unsigned count_labels(const char *text)
{
	unsigned count = 1;
	for (; *text != '\0'; text++)
		count += *text == '.';
	return count;
}

static bool name_matches(const char *asked, const char *pattern, const struct conf_zone *zone,
			 unsigned *ret_n)
{
	if (count_labels(asked) < count_labels(pattern))
		return false;
	for (unsigned skip = count_labels(asked) - count_labels(pattern); skip > 0; skip--)
		asked = strchr(asked, '.') + 1;
	for (;;) {
		const size_t len = strcspn(asked, "."), pattern_len = strcspn(pattern, ".");
		if (!label_matches(asked, len, pattern, pattern_len, zone, ret_n))
			return false;
		if (asked[len] == '\0')
			return true;
		asked += len + 1;
		pattern += pattern_len + 1;
	}
}

struct verdict {
	int zone;   /* -1: none */
	long score; /* what decides, most important first, in decimal places */
	unsigned n;
};

/* -1 where no prefix covers the client. */
static int longest_prefix(const struct conf_zone *zone, const struct addr *client)
{
	int longest = -1;
	for (size_t i = 0; i < zone->client_count; i++) {
		const struct addr_prefix *prefix = &zone->clients[i];
		const unsigned host_bits = 32u - prefix->bits;
		if (client->bytes[3] >> host_bits == prefix->net.bytes[3] >> host_bits &&
		    prefix->bits > longest)
			longest = prefix->bits;
	}
	return longest;
}

static bool conditions_hold(int index, const char *asked, uint16_t type, const struct addr *client)
{
	const struct conf_zone *zone = &zones[index];
	bool has_type = zone->type_count == 0;
	unsigned n = 0;

	for (size_t i = 0; i < zone->type_count; i++)
		has_type |= zone->types[i] == type;
	for (size_t i = 0; i < zone->except_count; i++) {
		if (name_matches(asked, parts[index].except_texts[i].text, zone, &n))
			return false;
	}
	return has_type && (zone->client_count == 0 || longest_prefix(zone, client) >= 0);
}

static struct verdict reference(const char *asked, uint16_t type, const struct addr *client)
{
	struct verdict best = { .zone = -1, .score = -1 };

	for (int z = 0; z < ZONES; z++) {
		const struct conf_zone *zone = &zones[z];
		if (!conditions_hold(z, asked, type, client))
			continue;
		for (size_t i = 0; i < zone->name_count; i++) {
			const char *pattern = parts[z].name_texts[i].text;
			unsigned n = 0;
			if (!name_matches(asked, pattern, zone, &n) ||
			    (zone->is_exact && count_labels(asked) != count_labels(pattern)))
				continue;
			const bool is_precise = zone->is_exact || zone->has_range;
			const long score = 100000L * count_labels(pattern) + 10000L * is_precise +
					   1000L * (zone->type_count > 0) +
					   1000L * (zone->client_count > 0) +
					   longest_prefix(zone, client) + 1;
			if (score > best.score)
				best = (struct verdict){ z, score, n };
		}
	}
	return best;
}

/* --- tests --------------------------------------------------------------------------------- */

static void expect_the_reference(const struct policy *policy, unsigned *decided,
				 unsigned *templates)
{
	struct made_query query;
	struct text_name asked;
	struct addr client;
	struct decision decision;
	const uint16_t type = (uint16_t)(TYPE_A + below(3));

	make_name(&asked, false);
	make_client(&client);
	policy_judge(policy, made_query_of(&query, asked.text, type, CLASS_IN), query.lowered,
		     &client, &decision);
	const struct verdict expected = reference(asked.text, type, &client);
	const int got = decision.zone == NULL ? -1 : (int)(decision.zone - zones);
	if (got != expected.zone)
		fail_msg("%s type %u from .%u: rule %d, not %d", asked.text, type, client.bytes[3],
			 got, expected.zone);
	if (got >= 0 && zones[got].has_range) {
		assert_int_equal(decision.n, expected.n);
		++*templates;
	}
	*decided += got >= 0;
}

static void decisions_are_those_of_a_search_through_all_rules(void **state)
{
	(void)state;
	unsigned decided = 0, templates = 0;

	unit_own(&current, forget);
	seed = 5;
	for (unsigned round = 0; round < 50; round++) {
		const struct policy *policy = make_policy();
		for (unsigned i = 0; i < 400; i++)
			expect_the_reference(policy, &decided, &templates);
	}
	assert_true(decided > 5000);
	assert_true(templates > 500);
}

static void views_never_mix_what_differs(void **state)
{
	(void)state;
	unsigned apart = 0, together = 0;

	unit_own(&current, forget);
	seed = 6;
	for (unsigned round = 0; round < 50; round++) {
		const struct policy *policy = make_policy();
		for (unsigned i = 0; i < 200; i++) {
			struct made_query query;
			struct text_name asked;
			struct addr one, other;
			struct decision first, second;
			const uint16_t type = (uint16_t)(TYPE_A + below(3));
			make_name(&asked, false);
			make_client(&one);
			make_client(&other);
			const struct query_view *view =
				made_query_of(&query, asked.text, type, CLASS_IN);
			policy_judge(policy, view, query.lowered, &one, &first);
			policy_judge(policy, view, query.lowered, &other, &second);
			/* rules that say the same to the same clients may share */
			if (first.view == second.view)
				assert_true(first.route == second.route);
			if (first.zone != second.zone)
				assert_true(first.view != 0 && second.view != 0);
			if (first.zone == second.zone)
				assert_true(first.view == second.view);
			assert_int_equal(first.view == 0, second.view == 0);
			apart += first.view != second.view;
			together += first.view == second.view;
		}
	}
	assert_true(apart > 300);
	assert_true(together > 300);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(decisions_are_those_of_a_search_through_all_rules),
	cmocka_unit_test(views_never_mix_what_differs),
};
UNIT_MAIN(tests)
