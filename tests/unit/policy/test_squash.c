#include "policy/squash.h"

#include "made_reply.h"

#define ALIAS "courier.push.apple.com"
#define TARGET "courier-push-apple.com.akadns.net"

static struct made_reply reply;

static enum squash judged(void)
{
	uint8_t alias[NAME_MAX_LEN], target[NAME_MAX_LEN];
	const struct squash_family family = { alias, target };
	struct message_facts facts;
	size_t len;

	assert_int_equal(name_from_text(ALIAS, alias, &len), 0);
	assert_int_equal(name_from_text(TARGET, target, &len), 0);
	assert_int_not_equal(message_read(reply.wire, made_reply_len(&reply), &facts), MESSAGE_BAD);
	return squash_judge(&family, reply.wire, &facts);
}

static void ask(unsigned rcode, uint16_t type)
{
	made_reply_ask(&reply, rcode, ALIAS, type);
}

static void cname(const char *target)
{
	made_reply_add(&reply, SECTION_ANSWER, ALIAS, TYPE_CNAME, target);
}

static void soa(void)
{
	made_reply_add(&reply, SECTION_AUTHORITY, "akadns.net", TYPE_SOA, NULL);
}

static void put(const char *owner, uint16_t type, const void *rdata, size_t len)
{
	uint8_t name[NAME_MAX_LEN];
	size_t name_bytes = 0;

	assert_int_equal(name_from_text(owner, name, &name_bytes), 0);
	made_reply_add_raw(&reply, SECTION_ANSWER, name, name_bytes, type, rdata, len);
}

/* --- what is no squash --------------------------------------------------------------------- */

static void Q20_alias_that_dangles_is_as_it_should_be_for_every_type(void **state)
{
	static const uint16_t types[] = { TYPE_A, TYPE_AAAA, TYPE_HTTPS, TYPE_SVCB };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		ask(RCODE_NOERROR, types[i]);
		cname("Courier-Push-Apple.COM.akadns.NET");
		soa();
		assert_int_equal(judged(), SQUASH_NONE);
	}
}

static void Q13_public_addresses_behind_the_right_target_are_believed(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, TYPE_A);
	cname(TARGET);
	made_reply_add(&reply, SECTION_ANSWER, TARGET, TYPE_CNAME, "eu.push-apple.com.akadns.net");
	put("eu.push-apple.com.akadns.net", TYPE_A, "\x11\x39\x90\x0a", 4);
	assert_int_equal(judged(), SQUASH_NONE);
}

static void types_that_no_device_asks_for_are_never_squashed(void **state)
{
	static const uint16_t types[] = { TYPE_TXT, TYPE_CNAME, TYPE_ANY, TYPE_NS };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		ask(RCODE_SERVFAIL, types[i]);
		assert_int_equal(judged(), SQUASH_NONE);
	}
}

/* --- the shapes ---------------------------------------------------------------------------- */

static void Q1_Q5_Q8_reply_without_the_cname(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, TYPE_A);
	assert_int_equal(judged(), SQUASH_NO_CNAME);
	soa();
	assert_int_equal(judged(), SQUASH_NO_CNAME);
}

static void Q2_Q4_cname_without_the_soa(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, TYPE_HTTPS);
	cname(TARGET);
	assert_int_equal(judged(), SQUASH_SOA_LOST);
	made_reply_add(&reply, SECTION_ANSWER, TARGET, TYPE_CNAME, "eu.push-apple.com.akadns.net");
	assert_int_equal(judged(), SQUASH_SOA_LOST);
	made_reply_add(&reply, SECTION_AUTHORITY, "akadns.net", TYPE_NS, "ns.akadns.net");
	assert_int_equal(judged(), SQUASH_SOA_LOST);
}

static void Q3_Q12_servfail_and_its_like(void **state)
{
	static const unsigned rcodes[] = { RCODE_SERVFAIL, RCODE_FORMERR, 6, 11 };

	(void)state;
	for (size_t i = 0; i < sizeof(rcodes) / sizeof(rcodes[0]); i++) {
		ask(rcodes[i], TYPE_A);
		cname(TARGET);
		soa();
		assert_int_equal(judged(), SQUASH_SERVFAIL);
	}
}

static void Q6_cname_to_the_owner_of_the_soa(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, TYPE_A);
	cname("akadns.net");
	assert_int_equal(judged(), SQUASH_REWRITTEN);
	soa();
	assert_int_equal(judged(), SQUASH_REWRITTEN);
}

static void Q7_Q9_Q14_Q15_Q17_name_that_is_said_not_to_exist(void **state)
{
	(void)state;
	ask(RCODE_NXDOMAIN, TYPE_AAAA);
	assert_int_equal(judged(), SQUASH_NXDOMAIN);
	soa();
	assert_int_equal(judged(), SQUASH_NXDOMAIN);
	cname(TARGET);
	assert_int_equal(judged(), SQUASH_NXDOMAIN);
}

static void Q11_type_that_is_refused(void **state)
{
	static const unsigned rcodes[] = { RCODE_REFUSED, RCODE_NOTIMP, 9 };

	(void)state;
	for (size_t i = 0; i < sizeof(rcodes) / sizeof(rcodes[0]); i++) {
		ask(rcodes[i], TYPE_HTTPS);
		assert_int_equal(judged(), SQUASH_REFUSED);
	}
}

static void Q14_Q15_Q16_addresses_nobody_outside_can_mean(void **state)
{
	static const char *const v4[] = { "\0\0\0\0", "\x7f\0\0\1", "\x0a\x64\x64\1",
					  "\xc0\xa8\1\1" };

	(void)state;
	for (size_t i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
		ask(RCODE_NOERROR, TYPE_A);
		put(ALIAS, TYPE_A, v4[i], 4);
		assert_int_equal(judged(), SQUASH_SINKHOLE);
		ask(RCODE_NOERROR, TYPE_A);
		cname(TARGET);
		put(TARGET, TYPE_A, v4[i], 4);
		assert_int_equal(judged(), SQUASH_SINKHOLE);
	}
	ask(RCODE_NOERROR, TYPE_AAAA);
	put(ALIAS, TYPE_AAAA, (uint8_t[16]){ 0 }, 16);
	assert_int_equal(judged(), SQUASH_SINKHOLE);
	ask(RCODE_NOERROR, TYPE_A);
	cname("block.example");
	put("block.example", TYPE_A, v4[2], 4);
	soa();
	assert_int_equal(judged(), SQUASH_SINKHOLE);
}

static void addresses_at_the_alias_itself_flatten_it(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, TYPE_A);
	put(ALIAS, TYPE_A, "\x11\x39\x90\x0a", 4);
	assert_int_equal(judged(), SQUASH_FLATTENED);
	soa();
	assert_int_equal(judged(), SQUASH_FLATTENED);
}

static void Q17_hints_left_in_a_record_at_the_alias(void **state)
{
	/* priority 1, target ".", ipv6hint */
	static const uint8_t rdata[23] = { 0, 1, 0, 0, 6, 0, 16, 0x26, 0x20, 1, 0x49 };

	(void)state;
	ask(RCODE_NOERROR, TYPE_HTTPS);
	put(ALIAS, TYPE_HTTPS, rdata, sizeof(rdata));
	assert_int_equal(judged(), SQUASH_FLATTENED);
}

static void public_addresses_behind_another_name_rewrite_it(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, TYPE_A);
	cname("warning.example");
	put("warning.example", TYPE_A, "\xc6\x33\x64\1", 4);
	assert_int_equal(judged(), SQUASH_REWRITTEN);
}

static void records_that_cannot_be_read_are_none(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, TYPE_A);
	put(ALIAS, TYPE_CNAME, "\x05zzz", 4);
	soa();
	assert_int_equal(judged(), SQUASH_NO_CNAME);
}

static struct squash_news news(void)
{
	uint8_t alias[NAME_MAX_LEN], target[NAME_MAX_LEN];
	const struct squash_family family = { alias, target };
	struct message_facts facts;
	struct squash_news read;
	size_t len;

	assert_int_equal(name_from_text(ALIAS, alias, &len), 0);
	assert_int_equal(name_from_text(TARGET, target, &len), 0);
	assert_int_not_equal(message_read(reply.wire, made_reply_len(&reply), &facts), MESSAGE_BAD);
	squash_read_news(&family, reply.wire, &facts, &read);
	return read;
}

static struct squash_news news_of(const char *target, const char *address)
{
	ask(RCODE_NOERROR, TYPE_A);
	if (target != NULL)
		cname(target);
	if (address != NULL)
		put(target != NULL ? target : ALIAS, TYPE_A, address, 4);
	return news();
}

static void two_tell_the_same_news_by_target_and_public_addresses(void **state)
{
	const struct squash_news flat = news_of(NULL, "\x11\x39\x90\x0a");
	const struct squash_news flat_too = news_of(NULL, "\x11\x39\x91\x01");
	const struct squash_news moved = news_of("new.example", "\x11\x39\x90\x0a");
	const struct squash_news moved_too = news_of("NEW.example", "\x11\x39\x90\x0b");
	const struct squash_news elsewhere = news_of("other.example", "\x11\x39\x90\x0a");
	const struct squash_news nowhere = news_of("new.example", NULL);
	const struct squash_news private = news_of("new.example", "\x0a\x00\x00\x01");

	(void)state;
	assert_true(squash_is_same_news(&flat, &flat_too));
	assert_true(squash_is_same_news(&moved, &moved_too));
	assert_false(squash_is_same_news(&moved, &elsewhere));
	assert_false(squash_is_same_news(&moved, &flat));
	assert_false(squash_is_same_news(&moved, &nowhere));
	assert_false(squash_is_same_news(&nowhere, &nowhere));
	assert_false(squash_is_same_news(&private, &private));
	assert_false(private.has_address);
}

static void the_right_target_is_no_news(void **state)
{
	(void)state;
	ask(RCODE_NOERROR, TYPE_A);
	cname(TARGET);
	put(ALIAS, TYPE_A, "\x11\x39\x90\x0a", 4);
	assert_int_equal(judged(), SQUASH_FLATTENED);
	assert_int_equal(news().target[0], 0);
	assert_true(news().has_address);
}

static void shapes_have_their_names(void **state)
{
	static const char *const names[SQUASH_COUNT] = { "none",     "no-cname",  "soa-lost",
							 "nxdomain", "servfail",  "refused",
							 "silent",   "flattened", "sinkhole",
							 "rewritten" };

	(void)state; /* Q10, silence, is a shape without a reply; Q18 and Q19 are of other names */
	for (unsigned i = 0; i < SQUASH_COUNT; i++)
		assert_string_equal(squash_text((enum squash)i), names[i]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(Q20_alias_that_dangles_is_as_it_should_be_for_every_type),
	cmocka_unit_test(Q13_public_addresses_behind_the_right_target_are_believed),
	cmocka_unit_test(types_that_no_device_asks_for_are_never_squashed),
	cmocka_unit_test(Q1_Q5_Q8_reply_without_the_cname),
	cmocka_unit_test(Q2_Q4_cname_without_the_soa),
	cmocka_unit_test(Q3_Q12_servfail_and_its_like),
	cmocka_unit_test(Q6_cname_to_the_owner_of_the_soa),
	cmocka_unit_test(Q7_Q9_Q14_Q15_Q17_name_that_is_said_not_to_exist),
	cmocka_unit_test(Q11_type_that_is_refused),
	cmocka_unit_test(Q14_Q15_Q16_addresses_nobody_outside_can_mean),
	cmocka_unit_test(addresses_at_the_alias_itself_flatten_it),
	cmocka_unit_test(Q17_hints_left_in_a_record_at_the_alias),
	cmocka_unit_test(public_addresses_behind_another_name_rewrite_it),
	cmocka_unit_test(records_that_cannot_be_read_are_none),
	cmocka_unit_test(two_tell_the_same_news_by_target_and_public_addresses),
	cmocka_unit_test(the_right_target_is_no_news),
	cmocka_unit_test(shapes_have_their_names),
};
UNIT_MAIN(tests)
