/* etc/courierdns.conf, which people read before anything else. */
#include "conf/fixture.h"

#define SAMPLE "etc/courierdns.conf"

static struct conf *load_path(const char *path)
{
	struct said *said = unit_zalloc(sizeof(*said));
	struct conf *conf = unit_own(load_saying(NULL, path, said), conf_free);

	if (conf == NULL)
		print_message("%s\n", said->text);
	assert_non_null(conf);
	return conf;
}

static char *read_sample(void)
{
	char *text = unit_zalloc(65536);
	FILE *file = fopen(SAMPLE, "r");
	assert_non_null(file);
	const size_t len = fread(text, 1, 65535, file);
	fclose(file);
	assert_true(len > 1000 && len < 65535);
	return text;
}

static void sample_means_the_defaults(void **state)
{
	(void)state;
	assert_string_equal(print(load_path(SAMPLE)), print(load_path(NULL)));
}

/* What is behind // at the beginning of a line is an example. */
static void examples_load_when_uncommented(void **state)
{
	char *text = read_sample();
	size_t examples = 0;

	(void)state;
	for (char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += strspn(line, "\n\t ");
		if (strncmp(line, "//", 2) == 0) {
			memset(line, ' ', 2);
			examples++;
		}
	}
	assert_true(examples > 30);
	const struct conf *conf = load(text);
	assert_true(conf->zone_count >= 10);
	assert_int_equal(conf->group_count, 4);
	assert_string_equal(conf->groups[2].resolv_conf, "/tmp/resolv.conf.d/resolv.conf.auto");
	assert_int_equal(conf->groups[3].server_count, 2);
	assert_int_equal(conf->courier_count, 3);
	assert_int_equal(conf->couriers[0].repair_group, 2);
	/* each action is shown */
	bool shown[ZONE_DROP + 1] = { false };
	for (size_t i = 0; i < conf->zone_count; i++)
		shown[conf->zones[i].action] = true;
	for (int i = 0; i <= ZONE_DROP; i++)
		assert_true(shown[i]);
}

/* The name stands before a = in the sample, or in the list of a zone's settings. */
static bool is_named(const char *text, const struct conf_load_row *row)
{
	const size_t len = strlen(row->name);

	for (const char *at = strstr(text, row->name); at != NULL; at = strstr(at + 1, row->name)) {
		const char before = at == text ? '\n' : at[-1];
		if (strchr("\n\t {", before) != NULL && strncmp(at + len, " = ", 3) == 0)
			return true;
	}
	return false;
}

static void every_option_is_named(void **state)
{
	const char *text = read_sample();
	struct conf_load_row row;

	(void)state;
	for (size_t i = 0; conf_load_row(i, &row); i++)
		if (!is_named(text, &row))
			fail_msg("%s has no %s in %s", SAMPLE, row.name, row.section);
}

static void sample_has_no_line_too_long_for_a_terminal(void **state)
{
	(void)state;
	for (const char *line = read_sample(); *line != '\0'; line += strspn(line, "\n")) {
		const size_t len = strcspn(line, "\n");
		assert_true(len <= 100);
		line += len;
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(sample_means_the_defaults),
	cmocka_unit_test(examples_load_when_uncommented),
	cmocka_unit_test(every_option_is_named),
	cmocka_unit_test(sample_has_no_line_too_long_for_a_terminal),
};
UNIT_MAIN_MEM(tests)
