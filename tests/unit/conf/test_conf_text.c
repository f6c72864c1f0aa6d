#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/fixture.h"

#include "conf/conf_text.h"

/* Every test has a directory of its own, with names shown as DIR/... in what is said. */
struct files {
	char dir[64];
	struct said said;
};

static int make_dir(void **state)
{
	static struct files files;
	snprintf(files.dir, sizeof(files.dir), "/tmp/conf_text.XXXXXX");
	*state = &files;
	return mkdtemp(files.dir) != NULL ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *ftw)
{
	(void)stat;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int remove_dir(void **state)
{
	const struct files *files = *state;
	return nftw(files->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(const struct files *files, const char *name)
{
	const size_t size = strlen(files->dir) + strlen(name) + 2;
	char *path = unit_zalloc(size);
	snprintf(path, size, "%s/%s", files->dir, name);
	return path;
}

static void put_bytes(const struct files *files, const char *name, const char *bytes, size_t len)
{
	FILE *file = fopen(path_of(files, name), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void put(const struct files *files, const char *name, const char *text)
{
	put_bytes(files, name, text, strlen(text));
}

static struct conf *load_file(struct files *files, const char *name)
{
	return unit_own(load_saying(NULL, path_of(files, name), &files->said), conf_free);
}

/* Loading must fail with these complaints, each "NAME:LINE: ..." in the directory. */
static void assert_refused(struct files *files, const char *name, const char *expected)
{
	char said[sizeof(files->said.text)];
	size_t len = 0;

	assert_null(load_file(files, name));
	assert_int_equal(files->said.err, ERR_CONF);
	/* out of every line goes the directory */
	for (const char *at = files->said.text; *at != '\0'; at++) {
		if (strncmp(at, files->dir, strlen(files->dir)) == 0)
			at += strlen(files->dir) + 1;
		said[len++] = *at;
	}
	said[len] = '\0';
	assert_string_equal(said, expected);
}

static void missing_file_is_named(void **state)
{
	assert_refused(*state, "no.conf",
		       "no.conf:1: No such file or directory; expected a regular file that can be "
		       "read");
}

static void directory_is_not_read(void **state)
{
	struct files *files = *state;
	assert_int_equal(mkdir(path_of(files, "dir.conf"), 0700), 0);
	assert_refused(files, "dir.conf",
		       "dir.conf:1: is a directory; expected a regular file that can be read");
	put(files, "a.conf", "special_names = true;\n@include \"dir.conf\"\n");
	assert_refused(files, "a.conf",
		       "a.conf:2: @include of \"dir.conf\": is a directory; expected a regular "
		       "file that can be read");
}

static void pipe_is_not_waited_for(void **state)
{
	struct files *files = *state;
	assert_int_equal(mkfifo(path_of(files, "pipe.conf"), 0600), 0);
	assert_refused(files, "pipe.conf",
		       "pipe.conf:1: is a pipe or socket; expected a regular file that can be "
		       "read");
}

static void device_is_not_read(void **state)
{
	struct files *files = *state;
	assert_null(unit_own(load_saying(NULL, "/dev/zero", &files->said), conf_free));
	assert_string_equal(files->said.text, "/dev/zero:1: is a device; expected a regular file "
					      "that can be read");
}

static void unreadable_file_is_named(void **state)
{
	struct files *files = *state;
	put(files, "a.conf", "special_names = true;\n");
	assert_int_equal(chmod(path_of(files, "a.conf"), 0), 0);
	/* root may read everything */
	const uid_t uid = geteuid();
	assert_int_equal(seteuid(uid == 0 ? 65534 : uid), 0);
	struct conf *conf = load_file(files, "a.conf");
	assert_int_equal(seteuid(uid), 0);
	assert_null(conf);
	assert_non_null(strstr(files->said.text, "/a.conf:1: Permission denied; expected a regular "
						 "file that can be read"));
}

static void empty_file_is_complained_of(void **state)
{
	struct files *files = *state;
	put(files, "a.conf", "");
	assert_refused(files, "a.conf",
		       "a.conf:1: is empty; expected settings, such as listen, upstreams or zones");
}

static void crlf_is_as_good_as_lf(void **state)
{
	struct files *files = *state;
	put(files, "a.conf",
	    "# comment\r\nspecial_names = false;\r\n\r\nlog = { // end\r\n"
	    "  level = \"debug\"; };");
	const struct conf *conf = load_file(files, "a.conf");
	assert_non_null(conf);
	assert_false(conf->special_names);
	put(files, "b.conf", "# comment\r\nspecial_names = 5;\r\n");
	assert_refused(files, "b.conf",
		       "b.conf:2: special_names is 5; expected true or false (without quotes)");
}

static void what_is_not_text_is_refused(void **state)
{
	struct files *files = *state;
	put(files, "bom.conf", "\xef\xbb\xbfspecial_names = true;\n");
	assert_refused(files, "bom.conf",
		       "bom.conf:1: begins with a byte order mark; expected plain UTF-8 without "
		       "one");
	put(files, "cr.conf", "special_names = true;\nlog =\r{ };\n");
	assert_refused(files, "cr.conf",
		       "cr.conf:2: has a carriage return without a line feed; expected lines to "
		       "end in LF or CRLF");
	put_bytes(files, "nul.conf", "special_names = true;\n\0", 23);
	assert_refused(files, "nul.conf",
		       "nul.conf:2: has a NUL byte; expected plain text (ASCII or UTF-8)");
}

static void comment_needs_no_line_feed_at_the_end(void **state)
{
	struct files *files = *state;
	put(files, "a.conf", "special_names = false; # off");
	assert_non_null(load_file(files, "a.conf"));
}

static void include_counts_from_its_file(void **state)
{
	struct files *files = *state;
	assert_int_equal(mkdir(path_of(files, "sub"), 0700), 0);
	put(files, "a.conf", "@include \"sub/b.conf\"\nlog = { level = \"debug\"; };\n");
	put(files, "sub/b.conf", "# first\n  @include\t\"c.conf\" special_names = false;\n");
	put(files, "sub/c.conf", "edns = { size = 512; };");
	const struct conf *conf = load_file(files, "a.conf");
	assert_non_null(conf);
	assert_int_equal(conf->edns_size, 512);
	assert_false(conf->special_names);
	assert_int_equal(conf->log_level, 4);
}

static void absolute_include_is_taken_as_it_is(void **state)
{
	struct files *files = *state;
	char text[128];
	assert_int_equal(mkdir(path_of(files, "sub"), 0700), 0);
	put(files, "b.conf", "special_names = false;\n");
	snprintf(text, sizeof(text), "@include \"%s\"\n", path_of(files, "b.conf"));
	put(files, "sub/a.conf", text);
	assert_non_null(load_file(files, "sub/a.conf"));
}

static void include_stands_wherever_a_line_begins(void **state)
{
	struct files *files = *state;
	put(files, "a.conf",
	    "zones = (\n@include \"b.conf\"\n,{ name = \"b\"; action = \"drop\"; }\n);\n"
	    "/*\n@include \"no.conf\"\n*/\n#@include \"no.conf\"\n");
	put(files, "b.conf", "\n{ name = \"a\"; action = \"drop\"; }\n");
	const struct conf *conf = load_file(files, "a.conf");
	assert_non_null(conf);
	assert_int_equal(conf->zone_count, 2);
	assert_string_equal(conf->zones[0].place.file, path_of(files, "b.conf"));
	assert_int_equal(conf->zones[0].place.line, 2);
	assert_string_equal(conf->zones[1].place.file, path_of(files, "a.conf"));
	assert_int_equal(conf->zones[1].place.line, 3);
}

static void faults_are_told_in_the_file_they_stand_in(void **state)
{
	struct files *files = *state;
	put(files, "a.conf", "a = 1;\n@include \"b.conf\"\nc = 1;\n@include \"b2.conf\"\nd = 1;\n");
	put(files, "b.conf", "\nb = 1;\n\n");
	put(files, "b2.conf", "special_names = true;\nb = 2;");
	assert_refused(files, "a.conf",
		       "b2.conf:2: b is a duplicate setting; expected it once (first at b.conf:2)");
	put(files, "b2.conf", "special_names = 5;\nb2 = 2;");
	assert_null(load_file(files, "a.conf"));
	assert_int_equal(files->said.count, 6);
	const char *at = files->said.text;
	static const char *const places[] = {
		"/a.conf:1: a is an unknown setting;",	 "/b.conf:2: b is an unknown setting;",
		"/a.conf:3: c is an unknown setting;",	 "/b2.conf:1: special_names is 5;",
		"/b2.conf:2: b2 is an unknown setting;", "/a.conf:5: d is an unknown setting;"
	};
	for (size_t i = 0; i < 6; i++) {
		at = strstr(at, places[i]);
		assert_non_null(at);
	}
}

static void missing_include_is_told_where_it_is_included(void **state)
{
	struct files *files = *state;
	put(files, "a.conf", "special_names = true;\n\n@include \"no.conf\"\n@include \"\"\n");
	assert_null(load_file(files, "a.conf"));
	assert_int_equal(files->said.count, 2);
	assert_non_null(strstr(files->said.text, "/a.conf:3: @include of \""));
	assert_non_null(
		strstr(files->said.text, "no.conf\": No such file or directory; expected "));
	assert_non_null(strstr(files->said.text, "/a.conf:4: @include of \""));
}

static void include_loop_is_told_where_it_closes(void **state)
{
	struct files *files = *state;
	put(files, "a.conf", "@include \"b.conf\"\n");
	put(files, "b.conf", "# here\n@include \"./a.conf\"\n");
	assert_refused(files, "a.conf",
		       "b.conf:2: @include of \"./a.conf\": the file includes itself; expected no "
		       "such loop");
	assert_refused(
		files, "b.conf",
		"./a.conf:1: @include of \"./b.conf\": the file includes itself; expected no "
		"such loop");
}

static void includes_too_deep_are_refused(void **state)
{
	struct files *files = *state;
	for (int i = 0; i < 12; i++) {
		char name[32], text[64];
		snprintf(name, sizeof(name), "%d.conf", i);
		snprintf(text, sizeof(text), "@include \"%d.conf\"\n", i + 1);
		put(files, name, text);
	}
	put(files, "12.conf", "special_names = true;\n");
	assert_non_null(load_file(files, "2.conf"));
	assert_refused(files, "1.conf",
		       "11.conf:1: @include is nested more than 10 deep; expected fewer files that "
		       "include each other");
}

static void bracket_may_not_close_in_another_file_only_to_confuse(void **state)
{
	struct files *files = *state;
	put(files, "a.conf", "log = {\n@include \"b.conf\"\n}\n");
	put(files, "b.conf", "level = \"debug\";\n");
	assert_non_null(load_file(files, "a.conf"));
	put(files, "b.conf", "level = \"debug\n");
	assert_refused(files, "a.conf",
		       "b.conf:1: \"debug\" begins a string that is never closed; expected \"");
	put(files, "b.conf", "/* level = \"debug\";\n");
	assert_refused(files, "a.conf",
		       "b.conf:1: \"/* level = \"debug\";\" begins a comment that is never closed; "
		       "expected */");
}

static void file_beyond_64_megabytes_is_refused(void **state)
{
	struct files *files = *state;
	put(files, "a.conf", "special_names = true;\n");
	assert_int_equal(truncate(path_of(files, "a.conf"), (off_t)5 << 30), 0);
	assert_refused(files, "a.conf",
		       "a.conf:1: too long; expected at most 64 MB, all files together");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
static const struct CMUnitTest tests[] = {
	TEST(missing_file_is_named),
	TEST(directory_is_not_read),
	TEST(pipe_is_not_waited_for),
	TEST(device_is_not_read),
	TEST(unreadable_file_is_named),
	TEST(empty_file_is_complained_of),
	TEST(crlf_is_as_good_as_lf),
	TEST(what_is_not_text_is_refused),
	TEST(comment_needs_no_line_feed_at_the_end),
	TEST(include_counts_from_its_file),
	TEST(absolute_include_is_taken_as_it_is),
	TEST(include_stands_wherever_a_line_begins),
	TEST(faults_are_told_in_the_file_they_stand_in),
	TEST(missing_include_is_told_where_it_is_included),
	TEST(include_loop_is_told_where_it_closes),
	TEST(includes_too_deep_are_refused),
	TEST(bracket_may_not_close_in_another_file_only_to_confuse),
	TEST(file_beyond_64_megabytes_is_refused),
};
UNIT_MAIN_MEM(tests)
