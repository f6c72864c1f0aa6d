#include "devices/timeline.h"

#include <stdio.h>

#include "asked.h"
#include "base/mem.h"

#define IPAD "192.0.2.7"
#define CROWD 10000u

static const struct device_stage *stage_of(struct asked *asked, const char *who, enum stage stage)
{
	assert_true(asked_find(asked, who));
	return &asked->report.stages[stage];
}

static const char *text_of(const struct addr *addr)
{
	static struct addr_text text;

	return addr->family == ADDR_NONE ? "none" : addr_to_text(addr, &text);
}

static uint32_t known(const struct asked *asked)
{
	struct timeline_report report;

	timeline_report(asked->timeline, &report);
	return report.known;
}

static void who_said_so_is_told(void **state)
{
	struct asked *asked = asked_new(16);
	(void)state;

	for (enum told_by by = TOLD_BY_UPSTREAM; by <= TOLD_BY_US; by++) {
		asked->by = by;
		asked_note(asked, IPAD, "albert.apple.com", TYPE_A, TOLD_FAILED, NULL);
		assert_int_equal(stage_of(asked, IPAD, STAGE_ACTIVATION)->by, by);
	}
}

static void told_as_it_was(void **state)
{
	struct asked *asked = asked_new(16);
	(void)state;

	asked_note(asked, IPAD, "init.push.apple.com", TYPE_HTTPS, TOLD_DANGLING, NULL);
	asked_note(asked, IPAD, "init.push.apple.com", TYPE_A, TOLD_ANSWERED, "17.188.143.34");
	asked_pass(asked, 61.5);
	asked_note(asked, IPAD, "init.push.apple.com", TYPE_A, TOLD_ANSWERED, "17.188.143.35");

	const struct device_stage *bag = stage_of(asked, IPAD, STAGE_BAG);
	assert_true(bag->is_reached);
	assert_int_equal(bag->first_us, 5 * USEC_PER_SEC);
	assert_int_equal(bag->last_us, 66 * USEC_PER_SEC + USEC_PER_SEC / 2);
	assert_int_equal(bag->asked, 3);
	assert_int_equal(bag->good, 3);
	assert_string_equal(bag->name.text, "init.push.apple.com");
	assert_int_equal(bag->type, TYPE_A);
	assert_int_equal(bag->told, TOLD_ANSWERED);
	assert_string_equal(text_of(&bag->address), "17.188.143.35");
	assert_false(asked->report.stages[STAGE_TXT].is_reached);
	assert_string_equal(text_of(&asked->report.address), IPAD);
	assert_false(asked->report.has_hardware);
	assert_int_equal(asked->report.first_us, 5 * USEC_PER_SEC);
	assert_int_equal(asked->report.last_us, bag->last_us);
}

static void no_data_of_https_hides_no_address(void **state)
{
	struct asked *asked = asked_new(16);
	(void)state;

	asked_note(asked, IPAD, "albert.apple.com", TYPE_A, TOLD_ANSWERED, "17.171.47.30");
	asked_note(asked, IPAD, "albert.apple.com", TYPE_HTTPS, TOLD_NODATA, NULL);
	asked_note(asked, IPAD, "albert.apple.com", TYPE_AAAA, TOLD_NODATA, NULL);
	const struct device_stage *stage = stage_of(asked, IPAD, STAGE_ACTIVATION);
	assert_int_equal(stage->type, TYPE_A);
	assert_string_equal(text_of(&stage->address), "17.171.47.30");
	/* an address that was there and is gone is news */
	asked_note(asked, "192.0.2.9", "albert.apple.com", TYPE_AAAA, TOLD_ANSWERED, "2001:db8::1");
	asked_note(asked, "192.0.2.9", "albert.apple.com", TYPE_AAAA, TOLD_NODATA, NULL);
	assert_int_equal(stage_of(asked, "192.0.2.9", STAGE_ACTIVATION)->told, TOLD_NODATA);
	/* but shows where there is nothing else */
	asked_note(asked, "192.0.2.8", "albert.apple.com", TYPE_HTTPS, TOLD_NODATA, NULL);
	assert_int_equal(stage_of(asked, "192.0.2.8", STAGE_ACTIVATION)->type, TYPE_HTTPS);
}

static void bad_news_stay_until_that_name_is_well(void **state)
{
	struct asked *asked = asked_new(16);
	(void)state;

	asked_note(asked, IPAD, "albert.apple.com", TYPE_A, TOLD_FAILED, NULL);
	asked_note(asked, IPAD, "gs.apple.com", TYPE_A, TOLD_ANSWERED, "17.171.47.30");
	const struct device_stage *stage = stage_of(asked, IPAD, STAGE_ACTIVATION);
	assert_string_equal(stage->name.text, "albert.apple.com");
	assert_int_equal(stage->told, TOLD_FAILED);
	assert_int_equal(stage->rcode, RCODE_SERVFAIL);
	assert_string_equal(text_of(&stage->address), "none");
	assert_int_equal(stage->asked, 2);
	assert_int_equal(stage->good, 1);
	asked_note(asked, IPAD, "albert.apple.com", TYPE_A, TOLD_ANSWERED, "17.171.47.31");
	asked_note(asked, IPAD, "gs.apple.com", TYPE_A, TOLD_ANSWERED, "17.171.47.32");
	assert_string_equal(text_of(&stage_of(asked, IPAD, STAGE_ACTIVATION)->address),
			    "17.171.47.32");
}

static void address_that_leads_nowhere_is_a_sinkhole(void **state)
{
	static const char *const nowhere[] = { "0.0.0.0", "127.0.0.1", "127.5.5.5" };
	struct asked *asked = asked_new(16);
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		asked_note(asked, IPAD, "albert.apple.com", TYPE_A, TOLD_ANSWERED, nowhere[i]);
		const struct device_stage *stage = stage_of(asked, IPAD, STAGE_ACTIVATION);
		assert_int_equal(stage->told, TOLD_SINKHOLE);
		assert_int_equal(stage->good, 0);
		assert_string_equal(text_of(&stage->address), nowhere[i]);
	}
	/* a network's own couriers may well have private addresses */
	asked_note(asked, IPAD, "5-courier.push.apple.com", TYPE_A, TOLD_ANSWERED, "10.100.100.5");
	assert_int_equal(stage_of(asked, IPAD, STAGE_VARIANT)->told, TOLD_ANSWERED);
	asked_note(asked, IPAD, "5-courier.push.apple.com", TYPE_AAAA, TOLD_ANSWERED, "::1");
	asked_note(asked, IPAD, "init.push.apple.com", TYPE_AAAA, TOLD_ANSWERED, "2001:db8::1");
	const struct device_stage *bag = stage_of(asked, IPAD, STAGE_BAG);
	assert_int_equal(bag->told, TOLD_ANSWERED);
	assert_string_equal(text_of(&bag->address), "2001:db8::1");
}

static void numbers_are_counted_once(void **state)
{
	struct asked *asked = asked_new(16);
	char name[64];
	(void)state;

	for (unsigned n = 0; n <= 50; n++) {
		snprintf(name, sizeof(name), "%u-courier.push.apple.com", n);
		asked_note(asked, IPAD, name, TYPE_HTTPS, TOLD_DANGLING, NULL);
		snprintf(name, sizeof(name), "%u.courier-push-apple.com.akadns.net", n);
		asked_note(asked, IPAD, name, TYPE_A, n < 7 ? TOLD_ANSWERED : TOLD_FAILED,
			   n < 7 ? "17.57.146.132" : NULL);
	}
	assert_true(asked_find(asked, IPAD));
	assert_int_equal(asked->report.variants, 51);
	assert_int_equal(asked->report.variants_answered, 7);
}

static void ten_thousand_addresses_in_a_thousand_places(void **state)
{
	struct asked *asked = asked_new(1024);
	char who[32];
	(void)state;

	asked_note(asked, IPAD, "captive.apple.com", TYPE_A, TOLD_ANSWERED, "17.253.1.1");
	asked_note(asked, "192.0.2.8", "captive.apple.com", TYPE_A, TOLD_ANSWERED, "17.253.1.1");
	for (unsigned i = 0; i < CROWD; i++) {
		snprintf(who, sizeof(who), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		asked_note(asked, who, "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.253.1.1");
		assert_true(known(asked) <= 1024);
		asked_pass(asked, 0.01);
		if (i % 1000 == 0) /* who goes on asking is not forgotten */
			asked_note(asked, IPAD, "time.apple.com", TYPE_A, TOLD_ANSWERED,
				   "17.1.1.1");
	}
	assert_int_equal(known(asked), 1024);
	assert_int_equal(asked->stats.count[STAT_LIMIT_DEVICES], CROWD + 2 - 1024);
	assert_true(asked_find(asked, IPAD));
	assert_true(asked->report.stages[STAGE_CAPTIVE].is_reached);
	assert_false(asked_find(asked, "192.0.2.8"));
	assert_true(asked_find(asked, "10.0.39.15")); /* the last one */
	assert_true(asked_find(asked, "10.0.35.17")); /* the 1,023rd before it */
	assert_false(asked_find(asked, "10.0.35.16"));
}

struct order {
	char text[200];
};

static void put_in_order(void *ctx, const struct device_report *report)
{
	struct order *order = ctx;
	const size_t len = strlen(order->text);
	struct addr_text text;

	snprintf(order->text + len, sizeof(order->text) - len, "%s ",
		 addr_to_text(&report->address, &text));
}

static void who_asked_last_comes_first(void **state)
{
	struct asked *asked = asked_new(3);
	struct order order = { "" };
	(void)state;

	for (const char *who = "123141"; *who != '\0'; who++) {
		const char text[] = { '1', '9', '2', '.', '0', '.', '2', '.', *who, '\0' };

		asked_note(asked, text, "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
		asked_pass(asked, 0.1);
	}
	timeline_walk(asked->timeline, put_in_order, &order);
	assert_string_equal(order.text, "192.0.2.1 192.0.2.4 192.0.2.3 ");
	order.text[0] = '\0';
	timeline_walk_some(asked->timeline, 2, put_in_order, &order);
	timeline_walk_some(asked->timeline, 0, put_in_order, &order);
	assert_string_equal(order.text, "192.0.2.1 192.0.2.4 ");
	order.text[0] = '\0';
	timeline_walk_called(asked->timeline, "192.0.2.4", 2, put_in_order, &order);
	timeline_walk_called(asked->timeline, "192.0.2.3", 0, put_in_order, &order);
	timeline_walk_called(asked->timeline, "192.0.2.2", 2, put_in_order, &order);
	assert_string_equal(order.text, "192.0.2.4 ");
}

static void addresses_are_told_apart(void **state)
{
	static const char *const who[] = { "192.0.2.1", "2001:db8::1", "2001:db8::2",
					   "fe80::1%lo" };
	struct asked *asked = asked_new(16);
	(void)state;

	for (size_t i = 0; i < 4; i++)
		asked_note(asked, who[i], "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	assert_int_equal(known(asked), 4);
	for (size_t i = 0; i < 4; i++)
		assert_true(asked_find(asked, who[i]));
	/* the same address in another form, and from another port */
	asked_note(asked, "::ffff:192.0.2.1@9", "time.apple.com", TYPE_A, TOLD_ANSWERED,
		   "17.1.1.1");
	assert_int_equal(known(asked), 4);
	assert_int_equal(stage_of(asked, "192.0.2.1", STAGE_TIME)->asked, 2);
}

static void hardware_address_is_a_device_of_its_own(void **state)
{
	struct asked *asked = asked_new(16);
	struct hardware_text text;
	(void)state;

	asked_note(asked, "127.0.0.1", "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	asked->hardware = "\2\0\x5e\x10\0\1";
	asked_note(asked, "127.0.0.1", "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	asked_note(asked, "127.0.0.2", "captive.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	asked->hardware = "\2\0\x5e\x10\0\2";
	asked_note(asked, "127.0.0.1", "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	assert_int_equal(known(asked), 3);
	assert_true(asked_find(asked, "02:00:5E:10:00:01"));
	assert_true(asked->report.has_hardware);
	assert_string_equal(timeline_hardware_to_text(asked->report.hardware, &text),
			    "02:00:5e:10:00:01");
	assert_string_equal(text_of(&asked->report.address), "127.0.0.2");
	assert_int_equal(asked->report.stages[STAGE_TIME].asked, 1);
	assert_true(asked->report.stages[STAGE_CAPTIVE].is_reached);
	assert_false(asked_find(asked, "02:00:5e:10:00:03"));
	asked_find(asked, "127.0.0.1"); /* those that came by it, and itself */
	assert_int_equal(asked->found, 2);
}

static void everybodys_names_make_nobody_a_device(void **state)
{
	struct asked *asked = asked_new(16);
	(void)state;

	asked_note(asked, IPAD, "ocsp.digicert.com", TYPE_A, TOLD_ANSWERED, "192.0.2.1");
	asked_note(asked, IPAD, "push.apple.com", TYPE_A, TOLD_NODATA, NULL);
	asked_note(asked, IPAD, "www.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	assert_int_equal(known(asked), 0);
	asked_note(asked, IPAD, "valid.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	asked_note(asked, IPAD, "ocsp.digicert.com", TYPE_A, TOLD_ANSWERED, "192.0.2.1");
	assert_int_equal(stage_of(asked, IPAD, STAGE_CERTIFICATES)->asked, 2);
}

static void nobody_is_remembered_where_it_is_off(void **state)
{
	struct asked *asked = asked_new(0);
	(void)state;

	mem_fail_nth(0);
	asked_note(asked, IPAD, "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	assert_int_equal(mem_allocations(), 0);
	assert_int_equal(known(asked), 0);
	assert_int_equal(asked->stats.count[STAT_LIMIT_DEVICES], 0);
	assert_int_equal(timeline_limit(asked->timeline), 0);
	/* until it is on */
	assert_int_equal(timeline_set_limit(asked->timeline, 2), 0);
	asked_note(asked, IPAD, "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	assert_int_equal(known(asked), 1);
	assert_int_equal(timeline_set_limit(asked->timeline, 0), 0);
	assert_int_equal(known(asked), 0);
	asked_note(asked, IPAD, "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	assert_int_equal(known(asked), 0);
}

static void another_limit_keeps_who_asked_last(void **state)
{
	struct asked *asked = asked_new(8);
	char who[32];
	(void)state;

	for (unsigned i = 0; i < 8; i++) {
		snprintf(who, sizeof(who), "192.0.2.%u", i);
		asked_note(asked, who, "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	}
	asked_pass(asked, 1);
	asked_note(asked, "192.0.2.0", "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	assert_int_equal(timeline_set_limit(asked->timeline, 3), 0);
	struct order order = { "" };
	timeline_walk(asked->timeline, put_in_order, &order);
	assert_string_equal(order.text, "192.0.2.0 192.0.2.7 192.0.2.6 ");
	assert_int_equal(asked->stats.count[STAT_LIMIT_DEVICES], 5);
	assert_int_equal(stage_of(asked, "192.0.2.0", STAGE_TIME)->asked, 2);
	assert_int_equal(timeline_set_limit(asked->timeline, 3), 0); /* the same */
	assert_int_equal(timeline_set_limit(asked->timeline, 4), 0);
	asked_note(asked, "192.0.2.9", "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	asked_note(asked, "192.0.2.10", "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	order.text[0] = '\0';
	timeline_walk(asked->timeline, put_in_order, &order);
	assert_string_equal(order.text, "192.0.2.10 192.0.2.9 192.0.2.0 192.0.2.7 ");
}

static void no_memory_for_another_limit_changes_nothing(void **state)
{
	struct asked *asked = asked_new(4);
	(void)state;

	asked_note(asked, IPAD, "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	mem_fail_nth(1);
	const int err = timeline_set_limit(asked->timeline, 8);
	assert_int_equal(mem_allocations(), 1);
	mem_fail_nth(0);
	assert_int_not_equal(err, 0);
	assert_int_equal(timeline_limit(asked->timeline), 4);
	assert_true(asked_find(asked, IPAD));
}

static void nothing_is_allocated_for_a_device(void **state)
{
	struct asked *asked = asked_new(2);
	(void)state;

	mem_fail_nth(0);
	asked_note(asked, "192.0.2.1", "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	asked_note(asked, "192.0.2.2", "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	asked_note(asked, "192.0.2.3", "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	assert_int_equal(mem_allocations(), 0);
	assert_int_equal(known(asked), 2);
}

static void long_names_lose_their_end(void **state)
{
	struct asked *asked = asked_new(4);
	(void)state;

	asked_note(asked, IPAD, "50.courier-push-apple.com.akadns.net", TYPE_A, TOLD_FAILED, NULL);
	assert_string_equal(stage_of(asked, IPAD, STAGE_VARIANT)->name.text,
			    "50.courier-push-apple.com.akadns.net");
	asked_note(asked, IPAD, "50.courier2-sandbox-push-apple.com.akadns.net", TYPE_A,
		   TOLD_FAILED, NULL);
	assert_string_equal(stage_of(asked, IPAD, STAGE_VARIANT)->name.text,
			    "50.courier2-sandbox-push-apple.com...");
}

static void whatever_the_reply_is_made_of_is_read_within_its_bytes(void **state)
{
	static const uint8_t whole[] = "\0\1\x81\x80\0\1\0\3\0\0\0\0\4time\5apple\3com\0\0\1\0\1"
				       "\xc0\14\0\5\0\1\0\0\0\74\0\4\1x\xc0\21"
				       "\1x\xc0\21\0\1\0\1\0\0\0\74\0\4\300\0\2\1"
				       "\1x\xc0\21\0\1\0\1\0\0\0\74\0\4\300\0\2\2";
	struct asked *asked = asked_new(4);
	struct addr client;
	struct timeline_event event = { .client = &client,
					.name = (const uint8_t *)"\4time\5apple\3com",
					.name_len = 16,
					.type = TYPE_A };
	(void)state;

	assert_int_equal(addr_parse(IPAD, 0, &client), 0);
	assert_true(stage_find(event.name, event.name_len, &event.match));
	for (size_t len = 12; len < sizeof(whole); len++) {
		uint8_t *wire = mem_dup(whole, len); /* so that a sanitizer sees its end */

		assert_non_null(wire);
		event.wire = wire;
		event.wire_len = len;
		timeline_note(asked->timeline, &event);
		mem_free(wire);
		const struct device_stage *time = stage_of(asked, IPAD, STAGE_TIME);
		assert_string_equal(text_of(&time->address), len < 66 ? "none" : "192.0.2.1");
	}
}

static void everything_has_a_text(void **state)
{
	(void)state;
	assert_string_equal(timeline_told_text(TOLD_ANSWERED), "answered");
	assert_string_equal(timeline_told_text(TOLD_DANGLING_NXDOMAIN), "dangling-nxdomain");
	assert_string_equal(timeline_told_text(TOLD_SILENCE), "silence");
	assert_string_equal(timeline_told_by_text(TOLD_BY_UPSTREAM), "upstream");
	assert_string_equal(timeline_told_by_text(TOLD_BY_US), "us");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(told_as_it_was),
	cmocka_unit_test(who_said_so_is_told),
	cmocka_unit_test(no_data_of_https_hides_no_address),
	cmocka_unit_test(bad_news_stay_until_that_name_is_well),
	cmocka_unit_test(address_that_leads_nowhere_is_a_sinkhole),
	cmocka_unit_test(numbers_are_counted_once),
	cmocka_unit_test(ten_thousand_addresses_in_a_thousand_places),
	cmocka_unit_test(who_asked_last_comes_first),
	cmocka_unit_test(addresses_are_told_apart),
	cmocka_unit_test(hardware_address_is_a_device_of_its_own),
	cmocka_unit_test(everybodys_names_make_nobody_a_device),
	cmocka_unit_test(nobody_is_remembered_where_it_is_off),
	cmocka_unit_test(another_limit_keeps_who_asked_last),
	cmocka_unit_test(no_memory_for_another_limit_changes_nothing),
	cmocka_unit_test(nothing_is_allocated_for_a_device),
	cmocka_unit_test(long_names_lose_their_end),
	cmocka_unit_test(whatever_the_reply_is_made_of_is_read_within_its_bytes),
	cmocka_unit_test(everything_has_a_text),
};

UNIT_MAIN(tests)
