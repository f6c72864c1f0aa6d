#include "devices/stage.h"

#include <string.h>

#include "unit.h"
#include "wire/name.h"

static enum stage stage_of(const char *text, struct stage_match *ret_match)
{
	uint8_t name[NAME_MAX_LEN];
	size_t len = 0;

	assert_int_equal(name_from_text(text, name, &len), 0);
	const bool is_found = stage_find(name, len, ret_match);
	assert_int_equal(is_found, ret_match->stage != STAGE_NONE);
	return ret_match->stage;
}

static void each_name_has_its_stage(void **state)
{
	static const struct {
		enum stage stage;
		const char *names[12];
	} rows[] = {
		{ STAGE_CAPTIVE, { "captive.apple.com" } },
		{ STAGE_TIME, { "time.apple.com", "time-ios.apple.com", "time-macos.apple.com" } },
		{ STAGE_ACTIVATION,
		  { "albert.apple.com", "gs.apple.com", "humb.apple.com", "static.ips.apple.com",
		    "sq-device.apple.com", "tbsc.apple.com" } },
		{ STAGE_BAG,
		  { "init.push.apple.com", "init.sandbox.push.apple.com",
		    "init-p01st.push.apple.com", "init-p01md.apple.com",
		    "init.push-apple.com.akadns.net", "init-p01md-lb.push-apple.com.akadns.net",
		    "init-p01md-cn.push-apple.com.akadns.net" } },
		{ STAGE_TXT, { "push.apple.com", "sandbox.push.apple.com" } },
		{ STAGE_COURIER,
		  { "courier.push.apple.com", "courier2.push.apple.com",
		    "courier.sandbox.push.apple.com", "courier2.sandbox.push.apple.com",
		    "courier-push-apple.com.akadns.net", "courier2-push-apple.com.akadns.net",
		    "courier-sandbox-push-apple.com.akadns.net",
		    "courier2-sandbox-push-apple.com.akadns.net" } },
		{ STAGE_VARIANT,
		  { "0-courier.push.apple.com", "17-courier.push.apple.com",
		    "250-courier.push.apple.com", "9999-courier2.push.apple.com",
		    "1-courier.sandbox.push.apple.com", "1-courier2.sandbox.push.apple.com",
		    "17.courier-push-apple.com.akadns.net", "5.courier2-push-apple.com.akadns.net",
		    "5.courier-sandbox-push-apple.com.akadns.net",
		    "5.courier2-sandbox-push-apple.com.akadns.net" } },
		{ STAGE_ENROLMENT,
		  { "deviceenrollment.apple.com", "deviceservices-external.apple.com",
		    "gdmf.apple.com", "iprofiles.apple.com", "mdmenrollment.apple.com",
		    "axm-servicediscovery.apple.com", "axm-adm-enroll.apple.com",
		    "axm-adm-mdm.apple.com", "axm-adm-scep.apple.com",
		    "register.appattest.apple.com", "data.appattest.apple.com" } },
		{ STAGE_CERTIFICATES,
		  { "certs.apple.com", "crl.apple.com", "ocsp.apple.com", "ocsp2.apple.com",
		    "valid.apple.com", "crl3.digicert.com", "crl4.digicert.com",
		    "ocsp.digicert.com", "ocsp.digicert.cn", "crl.entrust.net",
		    "ocsp.entrust.net" } },
	};
	struct stage_match match;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t j = 0; j < 12 && rows[i].names[j] != NULL; j++) {
			if (stage_of(rows[i].names[j], &match) != rows[i].stage)
				fail_msg("%s: %s", rows[i].names[j], stage_text(match.stage));
		}
	}
}

static void other_names_have_none(void **state)
{
	static const char *const names[] = {
		".",
		"com",
		"apple.com",
		"www.apple.com",
		"x.captive.apple.com",
		"captive.apple.com.corp.example",
		"captive.apple.co",
		"appattest.apple.com",
		"a.b.appattest.apple.com",
		"api.push.apple.com",
		"-courier.push.apple.com",
		"017-courier.push.apple.com",
		"00-courier.push.apple.com",
		"10000-courier.push.apple.com",
		"18446744073709551617-courier.push.apple.com",
		"17courier.push.apple.com",
		"17.courier.push.apple.com",
		"x17-courier.push.apple.com",
		"17",
		"17.example.org",
		"eu-north-courier-4.push-apple.com.akadns.net",
		"\\.courier-push-apple.com.akadns.net",
	};
	struct stage_match match;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (stage_of(names[i], &match) != STAGE_NONE)
			fail_msg("%s: %s", names[i], stage_text(match.stage));
	}
}

static void numbers_are_read_and_pools_kept_apart(void **state)
{
	struct stage_match front, back, other, sandbox;

	(void)state;
	stage_of("17-courier.push.apple.com", &front);
	stage_of("250.courier-push-apple.com.akadns.net", &back);
	stage_of("0-courier2.push.apple.com", &other);
	stage_of("1-courier.sandbox.push.apple.com", &sandbox);
	assert_int_equal(front.n, 17);
	assert_int_equal(back.n, 250);
	assert_int_equal(other.n, 0);
	assert_int_equal(front.pool, back.pool);
	assert_int_not_equal(front.pool, other.pool);
	assert_int_not_equal(front.pool, sandbox.pool);
	assert_int_not_equal(other.pool, sandbox.pool);
	assert_true(front.pool < STAGE_POOL_OTHERS && sandbox.pool < STAGE_POOL_OTHERS);
}

static void what_is_right_depends_on_the_name(void **state)
{
	struct stage_match match;

	(void)state;
	stage_of("albert.apple.com", &match);
	assert_int_equal(match.expects, STAGE_EXPECTS_ADDRESS);
	stage_of("push.apple.com", &match);
	assert_int_equal(match.expects, STAGE_EXPECTS_TEXT);
	stage_of("courier.push.apple.com", &match);
	assert_int_equal(match.expects, STAGE_EXPECTS_DANGLING);
	stage_of("courier-push-apple.com.akadns.net", &match);
	assert_int_equal(match.expects, STAGE_EXPECTS_NOTHING);
	stage_of("3-courier.push.apple.com", &match);
	assert_int_equal(match.expects, STAGE_EXPECTS_ADDRESS);
	assert_false(match.is_shared);
	stage_of("ocsp.digicert.com", &match);
	assert_true(match.is_shared);
	stage_of("ocsp.apple.com", &match);
	assert_false(match.is_shared);
}

/* A name of 255 bytes that begins with a number. */
static void the_longest_name_is_looked_at_within_its_bytes(void **state)
{
	uint8_t name[NAME_MAX_LEN];
	struct stage_match match;
	size_t at = 0;

	(void)state;
	memset(name, '1', sizeof(name));
	for (; at + 64 < NAME_MAX_LEN; at += 64)
		name[at] = 63;
	name[at] = (uint8_t)(NAME_MAX_LEN - at - 2);
	name[NAME_MAX_LEN - 1] = 0;
	assert_int_equal(name_len(name), NAME_MAX_LEN);
	assert_false(stage_find(name, NAME_MAX_LEN, &match));
	memcpy(name + 1, "17-", 3);
	assert_false(stage_find(name, NAME_MAX_LEN, &match));
}

static void stages_have_texts(void **state)
{
	(void)state;
	assert_string_equal(stage_text(STAGE_CAPTIVE), "captive");
	assert_string_equal(stage_text(STAGE_TXT), "count");
	assert_string_equal(stage_text(STAGE_CERTIFICATES), "certificates");
	assert_string_equal(stage_text(STAGE_NONE), "none");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_name_has_its_stage),
	cmocka_unit_test(other_names_have_none),
	cmocka_unit_test(numbers_are_read_and_pools_kept_apart),
	cmocka_unit_test(what_is_right_depends_on_the_name),
	cmocka_unit_test(the_longest_name_is_looked_at_within_its_bytes),
	cmocka_unit_test(stages_have_texts),
};

UNIT_MAIN_PLAIN(tests)
