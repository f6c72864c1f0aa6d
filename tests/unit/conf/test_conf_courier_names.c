/* Names of families, made at random from few pieces, against all that they stand for written out:
 * what is refused is in two places, and what is taken is not. */
#include "conf/fixture.h"

#define PIECES 4u

static const char *const pieces[] = { "1", "20", "0", "a", ".", "-" };

/* A few pieces, which the names of one case have in common, as a rule. */
static void draw(uint64_t *seed, const char *drawn[PIECES])
{
	for (unsigned i = 0; i < PIECES; i++)
		drawn[i] = pieces[unit_random(seed) % 6];
}

/* A name, or a template with one {n}; false where conf_value_name() does not take it. */
static bool make_name(uint64_t *seed, const char *const drawn[PIECES], bool is_template, char *text,
		      size_t max)
{
	const unsigned marker = (unsigned)(unit_random(seed) % PIECES);
	const unsigned other = (unsigned)(unit_random(seed) % (2 * PIECES));
	size_t len = 0;

	for (unsigned i = 0; i < PIECES; i++) {
		const char *piece = i == other ? pieces[unit_random(seed) % 6] : drawn[i];
		if (is_template && i == marker)
			piece = "{n}";
		len += (size_t)snprintf(text + len, max - len, "%s", piece);
	}
	snprintf(text + len, max - len, ".x");
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

/* A template in one family, and a name or a template in another. */
static bool is_taken(const char *template, const char *name)
{
	static const char format[] =
		"couriers = ( { name = \"a\"; alias = \"p.y\"; target = \"q.y\"; variants = [ \"%s\" ]; },"
		" { name = \"b\"; alias = \"%s\"; target = \"s.y\"; variants = [ \"%s\" ]; } );";
	static struct said said;
	const bool is_template = strstr(name, "{n}") != NULL;
	char text[512];

	snprintf(text, sizeof(text), format, template, is_template ? "r.y" : name,
		 is_template ? name : "{n}.z");
	struct conf *conf = load_saying(text, "f.conf", &said);
	if (conf == NULL && strstr(said.text, "expected each name in one place") == NULL)
		fail_msg("%s\n%s", text, said.text);
	conf_free(conf);
	return conf != NULL;
}

static void check_pairs(uint64_t seed, bool both_templates)
{
	unsigned taken = 0, refused = 0;

	while (taken < 200 || refused < 100) {
		const char *drawn[PIECES];
		char template[32], name[32];
		draw(&seed, drawn);
		if (!make_name(&seed, drawn, true, template, sizeof(template)) ||
		    !make_name(&seed, drawn, both_templates, name, sizeof(name)))
			continue;
		const bool clash = share(template, name);
		if (is_taken(template, name) == clash)
			fail_msg("%s %s: %s", template, name, clash ? "taken" : "refused");
		if (clash && strcmp(template, name) != 0)
			refused++;
		else
			taken++;
	}
}

static void names_are_refused_where_a_template_stands_for_them_and_only_there(void **state)
{
	(void)state;
	check_pairs(4, false);
}

static void templates_are_refused_where_they_stand_for_one_name_and_only_there(void **state)
{
	(void)state;
	check_pairs(5, true);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(names_are_refused_where_a_template_stands_for_them_and_only_there),
	cmocka_unit_test(templates_are_refused_where_they_stand_for_one_name_and_only_there),
};
UNIT_MAIN_PLAIN(tests)
