#include "policy/courier_count.h"

#include "made_reply.h"

#define NAME "push.apple.com"

static struct made_reply reply;

static void ask(void)
{
	made_reply_ask(&reply, RCODE_NOERROR, NAME, TYPE_TXT);
}

static void put(const char *owner, uint16_t type, const void *rdata, size_t len)
{
	uint8_t name[NAME_MAX_LEN];
	size_t name_bytes = 0;

	assert_int_equal(name_from_text(owner, name, &name_bytes), 0);
	made_reply_add_raw(&reply, SECTION_ANSWER, name, name_bytes, type, rdata, len);
}

/* 0: none. */
static uint32_t count(void)
{
	struct message_facts facts;
	uint32_t read = 0;

	assert_int_not_equal(message_read(reply.wire, made_reply_len(&reply), &facts), MESSAGE_BAD);
	if (!courier_count_read(reply.wire, &facts, &read)) {
		assert_int_equal(read, 0);
		return 0;
	}
	assert_int_not_equal(read, 0);
	return read;
}

/* What one record of these strings says. */
#define COUNT_OF(strings) count_of(strings, sizeof(strings) - 1)
static uint32_t count_of(const char *rdata, size_t len)
{
	ask();
	put(NAME, TYPE_TXT, rdata, len);
	return count();
}

static void a_number_from_1_to_999_is_the_count(void **state)
{
	(void)state;
	assert_int_equal(COUNT_OF("\x08"
				  "count=50"),
			 50);
	assert_int_equal(COUNT_OF("\x07"
				  "count=1"),
			 1);
	assert_int_equal(COUNT_OF("\x09"
				  "count=999"),
			 999);
}

static void the_key_has_any_letter_case(void **state)
{
	(void)state;
	assert_int_equal(COUNT_OF("\x08"
				  "CoUnT=60"),
			 60);
}

static void it_stands_among_other_strings(void **state)
{
	(void)state;
	assert_int_equal(COUNT_OF("\x09"
				  "version=2"
				  "\x00"
				  "\x05"
				  "count"
				  "\x08"
				  "count=70"
				  "\x01"
				  "x"),
			 70);
}

static void F15_what_is_no_such_number_is_none(void **state)
{
	(void)state;
	assert_int_equal(COUNT_OF("\x07"
				  "count=0"),
			 0);
	assert_int_equal(COUNT_OF("\x0a"
				  "count=1000"),
			 0);
	assert_int_equal(COUNT_OF("\x06"
				  "count="),
			 0);
	assert_int_equal(COUNT_OF("\x09"
				  "count= 50"),
			 0);
	assert_int_equal(COUNT_OF("\x09"
				  "count=050"),
			 0);
	assert_int_equal(COUNT_OF("\x09"
				  "count=-50"),
			 0);
	assert_int_equal(COUNT_OF("\x09"
				  "count=5x0"),
			 0);
	assert_int_equal(COUNT_OF("\x09"
				  "count 050"),
			 0);
	assert_int_equal(COUNT_OF("\x09"
				  "discount="),
			 0);
	assert_int_equal(COUNT_OF("\x00"), 0);
	assert_int_equal(COUNT_OF(""), 0);
	assert_int_equal(COUNT_OF("\x08"
				  "garbage!"),
			 0);
}

static void of_a_key_the_first_counts(void **state)
{
	(void)state;
	assert_int_equal(COUNT_OF("\x08"
				  "count=40"
				  "\x08"
				  "count=50"),
			 40);
	assert_int_equal(COUNT_OF("\x07"
				  "count=0"
				  "\x08"
				  "count=50"),
			 0);
}

static void of_several_records_the_first_that_says_one_counts(void **state)
{
	(void)state;
	ask();
	put(NAME, TYPE_TXT,
	    "\x08"
	    "v=spf1 x",
	    9);
	put(NAME, TYPE_TXT,
	    "\x08"
	    "count=30",
	    9);
	put(NAME, TYPE_TXT,
	    "\x08"
	    "count=50",
	    9);
	assert_int_equal(count(), 30);
}

static void strings_that_leave_the_record_say_nothing(void **state)
{
	(void)state;
	assert_int_equal(COUNT_OF("\x09"
				  "count=50"),
			 0);
	assert_int_equal(COUNT_OF("\xff"
				  "count=50"),
			 0);
}

static void aliases_are_followed_and_others_passed_over(void **state)
{
	(void)state;
	ask();
	made_reply_add(&reply, SECTION_ANSWER, "PUSH.apple.com", TYPE_CNAME, "other.example");
	put("stray.example", TYPE_TXT,
	    "\x08"
	    "count=20",
	    9);
	put(NAME, TYPE_TXT,
	    "\x08"
	    "count=30",
	    9);
	put("Other.Example", TYPE_TXT,
	    "\x08"
	    "count=40",
	    9);
	assert_int_equal(count(), 40);
}

static void a_reply_without_such_a_record_says_nothing(void **state)
{
	(void)state;
	ask();
	assert_int_equal(count(), 0);
	put(NAME, TYPE_A, "\x11\x39\x90\x0a", 4);
	assert_int_equal(count(), 0);
	made_reply_add(&reply, SECTION_AUTHORITY, "apple.com", TYPE_SOA, NULL);
	assert_int_equal(count(), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_number_from_1_to_999_is_the_count),
	cmocka_unit_test(the_key_has_any_letter_case),
	cmocka_unit_test(it_stands_among_other_strings),
	cmocka_unit_test(F15_what_is_no_such_number_is_none),
	cmocka_unit_test(of_a_key_the_first_counts),
	cmocka_unit_test(of_several_records_the_first_that_says_one_counts),
	cmocka_unit_test(strings_that_leave_the_record_say_nothing),
	cmocka_unit_test(aliases_are_followed_and_others_passed_over),
	cmocka_unit_test(a_reply_without_such_a_record_says_nothing),
};
UNIT_MAIN_PLAIN(tests)
