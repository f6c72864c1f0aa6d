/* A hundred thousand zones: what grows faster than their number shows here. */
#include "conf/fixture.h"

#include <time.h>

#define ZONES 100000u
/* some twenty times what it takes; a search through all zones for each takes minutes */
#define CPU_SECONDS_MAX 12.0
#define VIEWS 50000u
#define VIEWS_SECONDS_MAX 6.0

static char *text_of_zones(const char *last)
{
	const size_t max = ZONES * 64 + 256;
	char *text = malloc(max);
	size_t len = 0;

	assert_non_null(text);
	unit_own(text, free);
	len += (size_t)snprintf(text, max,
				"upstreams = { corp = { servers = [ \"10.1.1.1\" ]; }; };\n"
				"zones = (\n");
	for (unsigned i = 0; i < ZONES; i++)
		len += (size_t)snprintf(
			text + len, max - len,
			"{ name = \"h%u.s%u.corp.example\"; upstream = \"corp\"; },\n", i, i % 997);
	snprintf(text + len, max - len, "%s);\n", last);
	return text;
}

static double cpu_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void hundred_thousand_zones_load_quickly(void **state)
{
	(void)state;
	const char *text = text_of_zones("{ name = \".\"; action = \"refuse\"; }\n");
	const double began = cpu_seconds();
	const struct conf *conf = load(text);
	const double took = cpu_seconds() - began;

	assert_int_equal(conf->zone_count, ZONES + 1);
	assert_int_equal(conf->zones[ZONES].place.line, ZONES + 3);
	print_message("%u zones: %.2f s of processor time\n", ZONES, took);
	assert_true(took < CPU_SECONDS_MAX);
}

static void duplicate_is_found_among_a_hundred_thousand(void **state)
{
	(void)state;
	const char *text = text_of_zones("{ name = \"H0.s0.corp.EXAMPLE\"; action = \"drop\"; }\n");
	const double began = cpu_seconds();
	const char *complaints = complaints_of(text);
	const double took = cpu_seconds() - began;

	assert_string_equal(complaints, "test.conf:100003: zones[100000] is a duplicate: "
					"\"h0.s0.corp.example\" is there already under the same "
					"conditions; expected it once (first at test.conf:3)");
	assert_true(took < CPU_SECONDS_MAX);
}

/* All have their first client and their first type in common. */
static void fifty_thousand_views_of_one_name_load_quickly(void **state)
{
	(void)state;
	const size_t max = VIEWS * 128 + 64;
	char *text = malloc(max);
	assert_non_null(text);
	unit_own(text, free);
	size_t len = (size_t)snprintf(text, max, "zones = (\n");
	for (unsigned i = 0; i < VIEWS; i++)
		len += (size_t)snprintf(
			text + len, max - len,
			"%s{ name = \"a.example\"; types = [ \"A\", \"TXT\" ]; action = \"refuse\";"
			" clients = [ \"10.0.0.1\", \"172.16.%u.%u\" ]; }\n",
			i > 0 ? "," : "", i / 256, i % 256);
	snprintf(text + len, max - len, ");\n");
	const double began = cpu_seconds();
	const struct conf *conf = load(text);
	const double took = cpu_seconds() - began;

	assert_int_equal(conf->zone_count, VIEWS);
	print_message("%u views: %.2f s of processor time\n", VIEWS, took);
	assert_true(took < VIEWS_SECONDS_MAX);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(hundred_thousand_zones_load_quickly),
	cmocka_unit_test(duplicate_is_found_among_a_hundred_thousand),
	cmocka_unit_test(fifty_thousand_views_of_one_name_load_quickly),
};
UNIT_MAIN_PLAIN(tests)
