/* Names of families, made at random from few pieces, against all that they stand for written out:
 * what is refused is in two places, and what is taken is not. */
#include "conf/fixture.h"

/* A name, or a template with one {n}, that conf_value_name() takes. */
static bool make_name(uint64_t *seed, bool is_template, char *text, size_t max)
{
	static const char *const pieces[] = { "1", "20", "0", "a", ".", "-" };
	const unsigned count = 1 + (unsigned)(unit_random(seed) % 4);
	const unsigned marker = (unsigned)(unit_random(seed) % count);
	size_t len = 0;

	for (unsigned i = 0; i < count; i++) {
		const char *piece =
			is_template && i == marker ? "{n}" : pieces[unit_random(seed) % 6];
		len += (size_t)snprintf(text + len, max - len, "%s", piece);
	}
	snprintf(text + len, max - len, ".x");
	/* these are complained of for themselves */
	const char *at = strstr(text, "{n}");
	return strstr(text, "..") == NULL && text[0] != '.' &&
	       (at == NULL ||
		((at == text || strchr("012", at[-1]) == NULL) && strchr("012", at[3]) == NULL));
}

/* `text` is the name, or what the template is with some number. */
static bool stands_for(const char *name, const char *text)
{
	const char *at = strstr(name, "{n}");
	const size_t len = strlen(text), rest = strlen(name) - 3, head = (size_t)(at - name);

	if (at == NULL)
		return strcmp(name, text) == 0;
	if (len <= rest || strncmp(name, text, head) != 0 ||
	    strcmp(at + 3, text + head + (len - rest)) != 0)
		return false;
	const size_t digits = strspn(text + head, "0123456789");
	return digits == len - rest && digits <= 4 && (digits == 1 || text[head] != '0');
}

static bool share(const char *a, const char *b)
{
	const char *at = strstr(a, "{n}");
	char text[64];

	if (at == NULL)
		return stands_for(b, a);
	for (unsigned n = 0; n <= CONF_COURIER_N_MAX; n++) {
		snprintf(text, sizeof(text), "%.*s%u%s", (int)(at - a), a, n, at + 3);
		if (stands_for(b, text))
			return true;
	}
	return false;
}

static bool is_taken(char names[4][32])
{
	char text[512];
	static struct said said;

	snprintf(
		text, sizeof(text),
		"couriers = ( { name = \"a\"; alias = \"%s\"; target = \"t.y\"; variants = [ \"%s\" ]; },"
		" { name = \"b\"; alias = \"%s\"; target = \"u.y\"; variants = [ \"%s\" ]; } );",
		names[0], names[1], names[2], names[3]);
	struct conf *conf = load_saying(text, "f.conf", &said);
	if (conf == NULL && strstr(said.text, "expected each name in one place") == NULL)
		fail_msg("%s\n%s", text, said.text);
	conf_free(conf);
	return conf != NULL;
}

static void names_are_refused_where_they_stand_for_the_same_and_only_there(void **state)
{
	uint64_t seed = 4;
	unsigned taken = 0, refused = 0;

	(void)state;
	while (taken + refused < 400) {
		char names[4][32];
		bool good = true, clash = false;
		for (unsigned i = 0; i < 4; i++)
			good = make_name(&seed, i % 2 != 0, names[i], sizeof(names[i])) && good;
		if (!good)
			continue;
		for (unsigned i = 0; i < 4; i++)
			for (unsigned j = 0; j < i; j++)
				clash = clash || share(names[i], names[j]);
		if (is_taken(names) == clash)
			fail_msg("%s %s %s %s: %s", names[0], names[1], names[2], names[3],
				 clash ? "taken" : "refused");
		clash ? refused++ : taken++;
	}
	assert_true(taken > 50 && refused > 50);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(names_are_refused_where_they_stand_for_the_same_and_only_there),
};
UNIT_MAIN_PLAIN(tests)
