/* Sequences as devices make them: the names and their order, HTTPS a moment before A, a bag asked
 * for again each 78 s, another number at each connection, are those of recorded ones. */
#include "devices/diagnosis.h"

#include <stdio.h>

#include "asked.h"

#define IPAD "192.0.2.7"
#define COURIER_IP "17.57.146.132"

/* What happens at a moment, in seconds from the start. */
struct moment {
	double at;
	const char *name;
	uint16_t type;
	enum told told;
	const char *address;
	const char *verdict;
	const char *advice; /* has these words */
};

/* clang-format off */
#define TOLD(time, host, of_type, what) \
	{ .at = time, .name = host, .type = TYPE_##of_type, .told = TOLD_##what }
#define GAVE(time, host, of_type, ip) \
	{ .at = time, .name = host, .type = TYPE_##of_type, .told = TOLD_ANSWERED, .address = ip }
#define OK(time, host) \
	TOLD(time, host, HTTPS, DANGLING), GAVE((time) + 0.001, host, A, "17.1.1.1")
#define COURIER(time, host) \
	TOLD(time, host, HTTPS, DANGLING), GAVE((time) + 0.001, host, A, COURIER_IP)
#define THEN(time, text) { .at = time, .verdict = text }
#define SAYS(time, text, words) { .at = time, .verdict = text, .advice = words }
/* clang-format on */
#define BOOT OK(0, "captive.apple.com"), OK(0.4, "time.apple.com")
#define ACTIVATED BOOT, OK(2, "albert.apple.com"), OK(3, "humb.apple.com")

static const char *verdict_of(struct asked *asked)
{
	static struct diagnosis_line line;

	assert_true(asked_find(asked, IPAD));
	return diagnosis_to_line(&asked->report.diagnosis, &line);
}

static void play(const struct moment *moments, size_t count)
{
	struct asked *asked = asked_new(16);
	double now = 0;

	for (size_t i = 0; i < count; i++) {
		const struct moment *moment = &moments[i];

		assert_true(moment->at >= now);
		asked_pass(asked, moment->at - now);
		now = moment->at;
		if (moment->name != NULL)
			asked_note(asked, IPAD, moment->name, moment->type, moment->told,
				   moment->address);
		if (moment->verdict != NULL && strcmp(verdict_of(asked), moment->verdict) != 0)
			fail_msg("at %.3f s: '%s' instead of '%s'", now, verdict_of(asked),
				 moment->verdict);
		if (moment->advice != NULL &&
		    strstr(asked->report.diagnosis.advice, moment->advice) == NULL)
			fail_msg("at %.3f s: '%s' has no '%s'", now, asked->report.diagnosis.advice,
				 moment->advice);
	}
}
#define PLAY(...)                                                       \
	do {                                                            \
		static const struct moment moments[] = { __VA_ARGS__ }; \
		(void)state;                                            \
		play(moments, sizeof(moments) / sizeof(moments[0]));    \
	} while (0)
#define SAYS(time, text, words)                              \
	{                                                    \
		.at = time, .verdict = text, .advice = words \
	}

/* --- it works --------------------------------------------------------------------------------- */

static void ready_when_it_goes_quiet(void **state)
{
	PLAY(BOOT, THEN(1, "seen"), OK(2, "albert.apple.com"), THEN(2.5, "progressing"),
	     OK(3, "humb.apple.com"), OK(5, "init.push.apple.com"), THEN(5.5, "progressing"),
	     COURIER(5.6, "17-courier.push.apple.com"), THEN(6, "progressing"),
	     SAYS(16, "ready", "nothing is left to DNS"), THEN(86400, "ready"));
}

static void ready_when_it_goes_on(void **state)
{
	PLAY(ACTIVATED, OK(5, "init.push.apple.com"), COURIER(5.6, "17-courier.push.apple.com"),
	     OK(7, "iprofiles.apple.com"), THEN(7.1, "ready"), OK(8, "deviceenrollment.apple.com"),
	     OK(9, "ocsp.apple.com"), THEN(9.1, "ready"), THEN(4000, "ready"));
}

static void ready_without_a_bag_by_the_count(void **state)
{
	PLAY(ACTIVATED, TOLD(5, "init.push.apple.com", A, NXDOMAIN),
	     TOLD(5.1, "push.apple.com", TXT, ANSWERED), THEN(6, "progressing"),
	     COURIER(6, "1-courier.push.apple.com"), THEN(17, "ready"));
}

/* On a network that has nothing but IPv6. */
static void ready_by_aaaa_alone(void **state)
{
	PLAY(GAVE(0, "albert.apple.com", AAAA, "2620:149::1"),
	     GAVE(1, "9-courier.push.apple.com", AAAA, "2620:149:a44::5"), THEN(12, "ready"));
}

/* A resolver that knows nothing of HTTPS does no harm. */
static void ready_though_https_is_refused(void **state)
{
	PLAY(OK(0, "albert.apple.com"), GAVE(1, "3-courier.push.apple.com", A, COURIER_IP),
	     TOLD(1.1, "3-courier.push.apple.com", HTTPS, FAILED),
	     TOLD(1.2, "3-courier.push.apple.com", AAAA, FAILED), THEN(40, "ready"));
}

/* Each wake-up, every ten minutes or so, asks for another number. */
static void ready_through_a_day_of_wake_ups(void **state)
{
	PLAY(COURIER(0, "13-courier.push.apple.com"), THEN(20, "ready"),
	     COURIER(600, "41-courier.push.apple.com"), THEN(620, "ready"),
	     COURIER(1200, "18-courier.push.apple.com"), THEN(1220, "ready"),
	     COURIER(1800, "42-courier.push.apple.com"), THEN(1820, "ready"),
	     OK(2400, "init.push.apple.com"), COURIER(2400.6, "45-courier.push.apple.com"),
	     THEN(2420, "ready"));
}

/* Within 75 minutes it need not ask for the courier again. */
static void ready_by_what_it_still_knows(void **state)
{
	PLAY(COURIER(0, "13-courier.push.apple.com"), OK(3000, "init.push.apple.com"),
	     THEN(3060, "ready"), OK(4400, "gs.apple.com"), THEN(4460, "ready"),
	     OK(4900, "init.push.apple.com"), THEN(4910, "progressing"),
	     THEN(4940, "stalled at bag for 40 s"));
}

/* --- it does not ------------------------------------------------------------------------------ */

static void stalled_at_activation_though_it_resolves(void **state)
{
	PLAY(ACTIVATED, THEN(31, "progressing"),
	     SAYS(42, "stalled at activation for 40 s", "443 to albert.apple.com"),
	     OK(44, "albert.apple.com"), THEN(45, "stalled at activation for 43 s"));
}

static void stalled_at_activation_for_it_does_not(void **state)
{
	PLAY(BOOT, TOLD(2, "albert.apple.com", A, NXDOMAIN), OK(2.1, "gs.apple.com"),
	     TOLD(12, "albert.apple.com", A, NXDOMAIN),
	     SAYS(40, "stalled at activation for 38 s", "albert.apple.com A was told NXDOMAIN"));
}

static void stalled_at_the_bag_and_asking(void **state)
{
	PLAY(ACTIVATED, OK(10, "init.push.apple.com"), THEN(40, "progressing"),
	     SAYS(50, "stalled at bag for 40 s", "443 to init.push.apple.com"),
	     OK(88, "init.push.apple.com"), OK(166, "init.push.apple.com"),
	     OK(200, "albert.apple.com"), OK(244, "init.push.apple.com"),
	     OK(322, "init.push.apple.com"), THEN(330, "stalled at bag for 320 s"));
}

static void stalled_at_the_bag_and_silent(void **state)
{
	PLAY(ACTIVATED, OK(10, "init.push.apple.com"), THEN(3610, "stalled at bag for 3600 s"));
}

static void next_attempt_begins_anew(void **state)
{
	PLAY(ACTIVATED, OK(10, "init.push.apple.com"), THEN(400, "stalled at bag for 390 s"),
	     OK(500, "init.push.apple.com"), THEN(501, "progressing"),
	     COURIER(502, "5-courier.push.apple.com"), THEN(520, "ready"));
}

static void stalled_at_the_bag_in_a_sinkhole(void **state)
{
	PLAY(ACTIVATED, GAVE(10, "init.push.apple.com", A, "0.0.0.0"),
	     SAYS(50, "stalled at bag for 40 s", "an address that leads nowhere"));
}

/* Nothing but "no such name", an hour long: a bag, a TXT, again and again. */
static void stalled_at_the_count(void **state)
{
	PLAY(TOLD(0, "init.push.apple.com", A, NXDOMAIN),
	     TOLD(0.1, "push.apple.com", TXT, NXDOMAIN),
	     TOLD(78, "init.push.apple.com", A, NXDOMAIN),
	     TOLD(78.1, "push.apple.com", TXT, NXDOMAIN),
	     SAYS(80.1, "stalled at count for 80 s", "push.apple.com TXT was told NXDOMAIN"));
}

static void stalled_at_the_count_without_data(void **state)
{
	PLAY(TOLD(0, "push.apple.com", TXT, NODATA),
	     SAYS(60, "stalled at count for 60 s", "was told that there is no data"));
}

static void stalled_at_the_count_though_it_was_told(void **state)
{
	PLAY(TOLD(0, "push.apple.com", TXT, ANSWERED),
	     SAYS(60, "stalled at count for 60 s", "no numbered courier"));
}

/* The bare name, by who takes it from a certificate. */
static void stalled_at_the_courier_that_dangles(void **state)
{
	PLAY(TOLD(0, "courier.push.apple.com", A, DANGLING),
	     TOLD(0.1, "courier-push-apple.com.akadns.net", A, NODATA),
	     SAYS(60, "stalled at courier for 60 s", "no address is right"));
}

static void stalled_at_the_courier_that_was_squashed(void **state)
{
	PLAY(TOLD(0, "courier.push.apple.com", A, FAILED),
	     TOLD(0.1, "courier-push-apple.com.akadns.net", A, NODATA),
	     SAYS(60, "stalled at courier for 60 s", "courier.push.apple.com A was told SERVFAIL"));
}

static void stalled_at_a_variant_that_is_not_answered(void **state)
{
	PLAY(ACTIVATED, OK(10, "init.push.apple.com"),
	     TOLD(10.6, "17-courier.push.apple.com", HTTPS, FAILED),
	     TOLD(10.6, "17-courier.push.apple.com", A, FAILED), THEN(20, "progressing"),
	     TOLD(30, "18-courier.push.apple.com", A, NXDOMAIN),
	     SAYS(50.6, "stalled at variant for 40 s",
		  "18-courier.push.apple.com A was told NXDOMAIN"));
}

/* It was well for hours, and then is not. */
static void stalled_at_a_variant_after_good_times(void **state)
{
	PLAY(COURIER(0, "13-courier.push.apple.com"), THEN(20, "ready"),
	     TOLD(700, "41-courier.push.apple.com", A, FAILED), THEN(710, "progressing"),
	     TOLD(710, "42-courier.push.apple.com", A, FAILED),
	     THEN(740, "stalled at variant for 40 s"), COURIER(745, "43-courier.push.apple.com"),
	     THEN(760, "ready"));
}

static void stalled_at_a_variant_of_https_alone(void **state)
{
	PLAY(TOLD(0, "17-courier.push.apple.com", HTTPS, DANGLING),
	     SAYS(31, "stalled at variant for 31 s", "not been told the address"));
}

static void stalled_at_enrolment_without_push(void **state)
{
	PLAY(ACTIVATED, OK(10, "iprofiles.apple.com"),
	     SAYS(50, "stalled at enrolment for 40 s", "has not asked for a courier"),
	     COURIER(60, "5-courier.push.apple.com"), THEN(75, "ready"));
}

static void stalled_at_enrolment_that_fails(void **state)
{
	PLAY(ACTIVATED, COURIER(5, "5-courier.push.apple.com"),
	     TOLD(10, "iprofiles.apple.com", A, FAILED), TOLD(13, "iprofiles.apple.com", A, FAILED),
	     THEN(14, "ready"), TOLD(20, "iprofiles.apple.com", A, FAILED),
	     SAYS(41, "stalled at enrolment for 31 s", "iprofiles.apple.com A was told SERVFAIL"),
	     OK(50, "iprofiles.apple.com"), THEN(51, "ready"));
}

/* Erased and set up again: what it knew before is worth nothing. */
static void stalled_though_it_was_ready_before_it_was_erased(void **state)
{
	PLAY(ACTIVATED, COURIER(5, "5-courier.push.apple.com"), THEN(20, "ready"),
	     OK(100, "captive.apple.com"), OK(101, "albert.apple.com"), THEN(102, "progressing"),
	     OK(110, "init.push.apple.com"), THEN(150, "stalled at bag for 40 s"));
}

/* --- not begun -------------------------------------------------------------------------------- */

static void laptop_is_no_stalled_ipad(void **state)
{
	PLAY(OK(0, "time.apple.com"), OK(1, "captive.apple.com"), OK(2, "gdmf.apple.com"),
	     OK(3, "valid.apple.com"), SAYS(3600, "seen", "has not begun"));
}

/* Updates are asked for at a host that activation knows too. */
static void update_is_no_activation(void **state)
{
	PLAY(OK(0, "captive.apple.com"), OK(1, "gs.apple.com"), OK(2, "static.ips.apple.com"),
	     OK(3, "gdmf.apple.com"), SAYS(3600, "seen", "has not begun"));
	PLAY(COURIER(0, "13-courier.push.apple.com"), THEN(20, "ready"),
	     OK(20000, "captive.apple.com"), OK(20001, "gs.apple.com"), THEN(20100, "ready"),
	     OK(20240, "gs.apple.com"), THEN(20400, "ready"));
}

static void stalled_at_activation_where_dns_fails_a_helper(void **state)
{
	PLAY(TOLD(0, "gs.apple.com", A, FAILED), TOLD(2, "gs.apple.com", A, FAILED),
	     TOLD(8, "gs.apple.com", A, FAILED),
	     SAYS(45, "stalled at activation for 45 s", "gs.apple.com A was told SERVFAIL"),
	     OK(46, "gs.apple.com"), THEN(47, "seen"));
}

static void stalled_at_captive_where_dns_fails_it(void **state)
{
	PLAY(TOLD(0, "captive.apple.com", A, FAILED), TOLD(2, "captive.apple.com", A, FAILED),
	     THEN(40, "seen"), TOLD(41, "captive.apple.com", A, FAILED),
	     SAYS(45, "stalled at captive for 45 s", "captive.apple.com A was told SERVFAIL"),
	     OK(46, "captive.apple.com"), THEN(47, "seen"));
}

static void stalled_at_time_where_it_is_blocked(void **state)
{
	PLAY(OK(0, "captive.apple.com"), TOLD(1, "time.apple.com", A, SILENCE),
	     TOLD(3, "time.apple.com", A, SILENCE), TOLD(5, "time.apple.com", A, SILENCE),
	     THEN(6, "seen"), SAYS(41, "stalled at time for 40 s", "was told nothing at all"));
}

/* --- not DNS ---------------------------------------------------------------------------------- */

static void not_dns_when_three_couriers_do_not_do(void **state)
{
	PLAY(ACTIVATED, OK(5, "init.push.apple.com"), COURIER(6, "17-courier.push.apple.com"),
	     COURIER(66, "18-courier.push.apple.com"), THEN(80, "ready"),
	     COURIER(126, "2-courier.push.apple.com"), SAYS(127, "not DNS", "TCP 5223 and 443"),
	     THEN(1000, "not DNS"), THEN(1100, "ready"));
}

static void not_dns_ends_when_it_goes_on(void **state)
{
	PLAY(COURIER(0, "1-courier.push.apple.com"), COURIER(10, "2-courier.push.apple.com"),
	     COURIER(20, "3-courier.push.apple.com"), THEN(21, "not DNS"),
	     OK(25, "iprofiles.apple.com"), THEN(26, "ready"));
}

static void three_couriers_in_more_than_five_minutes_are_well(void **state)
{
	PLAY(COURIER(0, "1-courier.push.apple.com"), COURIER(200, "2-courier.push.apple.com"),
	     COURIER(400, "3-courier.push.apple.com"), THEN(450, "ready"));
}

static void one_courier_by_both_its_names_is_one(void **state)
{
	PLAY(COURIER(0, "1-courier.push.apple.com"),
	     COURIER(10, "1.courier-push-apple.com.akadns.net"),
	     COURIER(20, "2-courier.push.apple.com"),
	     COURIER(30, "2.courier-push-apple.com.akadns.net"), THEN(60, "ready"));
}

/* At a change of network a device asks for one of each pool. */
static void three_couriers_of_three_pools_are_well(void **state)
{
	PLAY(COURIER(0, "1-courier.push.apple.com"), COURIER(0.1, "2-courier2.push.apple.com"),
	     COURIER(0.2, "3-courier.sandbox.push.apple.com"), THEN(15, "ready"));
}

static void unanswered_couriers_are_dns_after_all(void **state)
{
	PLAY(COURIER(0, "1-courier.push.apple.com"), COURIER(10, "2-courier.push.apple.com"),
	     TOLD(20, "3-courier.push.apple.com", A, FAILED),
	     THEN(55, "stalled at variant for 35 s"));
}

/* --- words ------------------------------------------------------------------------------------ */

static void advice_names_whom_to_ask(void **state)
{
	static const struct {
		enum told_by by;
		const char *words;
	} rows[] = {
		{ TOLD_BY_UPSTREAM, "courierdns doctor" }, { TOLD_BY_CACHE, "courierdns doctor" },
		{ TOLD_BY_STALE, "courierdns doctor" },	   { TOLD_BY_RULE, "courierdns explain" },
		{ TOLD_BY_US, "courierdns status" },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asked *asked = asked_new(16);

		asked->by = rows[i].by;
		asked_note(asked, IPAD, "albert.apple.com", TYPE_A, TOLD_FAILED, NULL);
		asked_pass(asked, 40);
		assert_string_equal(verdict_of(asked), "stalled at activation for 40 s");
		assert_non_null(strstr(asked->report.diagnosis.advice, rows[i].words));
	}
}

static void verdicts_have_texts_and_keys(void **state)
{
	(void)state;
	assert_string_equal(diagnosis_text(DEVICE_NOT_DNS), "not DNS");
	assert_string_equal(diagnosis_key(DEVICE_NOT_DNS), "not_dns");
	assert_string_equal(diagnosis_text(DEVICE_STALLED), "stalled");
	assert_string_equal(diagnosis_key(DEVICE_SEEN), "seen");
}

static void verdicts_are_counted(void **state)
{
	struct asked *asked = asked_new(8);
	struct timeline_report report;
	(void)state;

	asked_note(asked, "192.0.2.1", "time.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	asked_note(asked, "192.0.2.2", "albert.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	asked_note(asked, "192.0.2.3", "albert.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	asked_note(asked, "192.0.2.4", "1-courier.push.apple.com", TYPE_A, TOLD_ANSWERED,
		   COURIER_IP);
	asked_pass(asked, 60);
	asked_note(asked, "192.0.2.5", "albert.apple.com", TYPE_A, TOLD_ANSWERED, "17.1.1.1");
	timeline_report(asked->timeline, &report);
	assert_int_equal(report.known, 5);
	assert_int_equal(report.limit, 8);
	assert_int_equal(report.by_verdict[DEVICE_SEEN], 1);
	assert_int_equal(report.by_verdict[DEVICE_STALLED], 2);
	assert_int_equal(report.by_verdict[DEVICE_READY], 1);
	assert_int_equal(report.by_verdict[DEVICE_PROGRESSING], 1);
	assert_int_equal(report.by_verdict[DEVICE_NOT_DNS], 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(ready_when_it_goes_quiet),
	cmocka_unit_test(ready_when_it_goes_on),
	cmocka_unit_test(ready_without_a_bag_by_the_count),
	cmocka_unit_test(ready_by_aaaa_alone),
	cmocka_unit_test(ready_though_https_is_refused),
	cmocka_unit_test(ready_through_a_day_of_wake_ups),
	cmocka_unit_test(ready_by_what_it_still_knows),
	cmocka_unit_test(stalled_at_activation_though_it_resolves),
	cmocka_unit_test(stalled_at_activation_for_it_does_not),
	cmocka_unit_test(stalled_at_the_bag_and_asking),
	cmocka_unit_test(stalled_at_the_bag_and_silent),
	cmocka_unit_test(next_attempt_begins_anew),
	cmocka_unit_test(stalled_at_the_bag_in_a_sinkhole),
	cmocka_unit_test(stalled_at_the_count),
	cmocka_unit_test(stalled_at_the_count_without_data),
	cmocka_unit_test(stalled_at_the_count_though_it_was_told),
	cmocka_unit_test(stalled_at_the_courier_that_dangles),
	cmocka_unit_test(stalled_at_the_courier_that_was_squashed),
	cmocka_unit_test(stalled_at_a_variant_that_is_not_answered),
	cmocka_unit_test(stalled_at_a_variant_after_good_times),
	cmocka_unit_test(stalled_at_a_variant_of_https_alone),
	cmocka_unit_test(stalled_at_enrolment_without_push),
	cmocka_unit_test(stalled_at_enrolment_that_fails),
	cmocka_unit_test(stalled_though_it_was_ready_before_it_was_erased),
	cmocka_unit_test(laptop_is_no_stalled_ipad),
	cmocka_unit_test(update_is_no_activation),
	cmocka_unit_test(stalled_at_activation_where_dns_fails_a_helper),
	cmocka_unit_test(stalled_at_captive_where_dns_fails_it),
	cmocka_unit_test(stalled_at_time_where_it_is_blocked),
	cmocka_unit_test(not_dns_when_three_couriers_do_not_do),
	cmocka_unit_test(not_dns_ends_when_it_goes_on),
	cmocka_unit_test(three_couriers_in_more_than_five_minutes_are_well),
	cmocka_unit_test(one_courier_by_both_its_names_is_one),
	cmocka_unit_test(three_couriers_of_three_pools_are_well),
	cmocka_unit_test(unanswered_couriers_are_dns_after_all),
	cmocka_unit_test(advice_names_whom_to_ask),
	cmocka_unit_test(verdicts_have_texts_and_keys),
	cmocka_unit_test(verdicts_are_counted),
};

UNIT_MAIN_PLAIN(tests)
