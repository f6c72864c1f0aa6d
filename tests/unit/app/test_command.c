#include "app/command.h"

#include <string.h>

#include "app/command_table.h"
#include "unit.h"

static const struct command made[] = {
	{ .usage = { "look", "-l ADDR[@PORT]...\twhere\n--zone NAME\tall of it\n--hidden\t\n",
		     "--json\tfor machines\n", 1, 2 },
	  .words = "NAME | --zone NAME",
	  .help = "Looks.",
	  .ends = "0" },
	{ .usage = { .name = "version" }, .words = "", .help = "Says.", .ends = "0" },
	{ .usage = { .name = NULL } },
};

static char said[4096];

static FILE *begin(void)
{
	FILE *out = fmemopen(memset(said, 0, sizeof(said)), sizeof(said) - 1, "w");

	assert_non_null(out);
	return out;
}

static void a_command_is_found_by_its_names(void **state)
{
	(void)state;
	assert_ptr_equal(command_find(made, "look"), &made[0]);
	assert_ptr_equal(command_find(made, "--version"), &made[1]);
	assert_ptr_equal(command_find(made, "-V"), &made[1]);
	assert_null(command_find(made, "loo"));
	assert_null(command_find(made, "-h"));
}

static void options_come_in_order_and_without_what_surrounds_them(void **state)
{
	(void)state;
	static const char *const texts[] = { "-l ADDR[@PORT]", "--zone NAME", "--hidden",
					     "--json" };
	static const char *const helps[] = { "where", "all of it", "", "for machines" };
	struct command_option option = { .parts = 0 };

	for (size_t i = 0; i < 4; i++) {
		assert_true(command_option_next(&made[0], &option));
		assert_int_equal(option.len, strlen(texts[i]));
		assert_memory_equal(option.text, texts[i], strlen(texts[i]));
		assert_int_equal(option.help_len, strlen(helps[i]));
		assert_memory_equal(option.help, helps[i], strlen(helps[i]));
		assert_true(option.is_repeatable == (i == 0));
	}
	assert_false(command_option_next(&made[0], &option));
	option = (struct command_option){ .parts = 0 };
	assert_false(command_option_next(&made[1], &option));
}

static void its_usage_is_made_of_words_and_options(void **state)
{
	(void)state;
	FILE *out = begin();

	command_print_usage(&made[0], out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(said, " NAME | --zone NAME [-l ADDR[@PORT]]... [--json]");
}

static void its_help_has_them_in_columns(void **state)
{
	(void)state;
	FILE *out = begin();

	command_print_help(&made[0], out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(said,
			    "courierdns look NAME | --zone NAME [-l ADDR[@PORT]]... [--json]\n\n"
			    "Looks.\n\n"
			    "  -l ADDR[@PORT]  where\n"
			    "  --zone NAME     all of it\n"
			    "  --json          for machines\n\n"
			    "Ends with 0.\n");
}

/* --- the table ------------------------------------------------------------------------------- */

static void check_lines(const char *lines)
{
	while (lines != NULL && lines[0] != '\0') {
		const char *tab = strchr(lines, '\t'), *end = strchr(lines, '\n');

		assert_non_null(end);
		assert_true(tab != NULL && tab < end && lines[0] == '-');
		assert_true(end - lines < 100);
		lines = end + 1;
	}
}

static void check_help(const char *help)
{
	assert_true(help[0] != '\0' && help[strlen(help) - 1] == '.');
	for (const char *line = help; line != NULL; line = strchr(line, '\n')) {
		line += line != help;
		assert_true(strcspn(line, "\n") <= 100);
	}
}

static void each_row_says_what_it_takes_does_and_ends_with(void **state)
{
	(void)state;
	const struct command *row = command_table();
	size_t asked = 0;

	for (; row->usage.name != NULL; row++) {
		assert_ptr_equal(command_find(command_table(), row->usage.name), row);
		assert_non_null(row->main);
		check_lines(row->usage.options);
		check_lines(row->usage.more);
		check_help(row->help);
		assert_int_equal(row->ends[0], '0');
		assert_true(row->usage.least <= row->usage.most);
		assert_true(row->usage.most == 0 || row->words[0] != '\0');
		/* over the socket it takes what the command line hands on */
		assert_true((row->run != NULL) == (row->usage.more != NULL));
		asked += row->run != NULL;
	}
	assert_true(asked >= 3);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_command_is_found_by_its_names),
	cmocka_unit_test(options_come_in_order_and_without_what_surrounds_them),
	cmocka_unit_test(its_usage_is_made_of_words_and_options),
	cmocka_unit_test(its_help_has_them_in_columns),
	cmocka_unit_test(each_row_says_what_it_takes_does_and_ends_with),
};
UNIT_MAIN_PLAIN(tests)
