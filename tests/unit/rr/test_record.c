#include "rr/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

/* --- helpers ------------------------------------------------------------------------------- */

static uint8_t wire[70000];
static struct record_fault fault;

static int read_into(const char *text, size_t max, size_t *ret_len)
{
	char *copy = unit_zalloc(strlen(text) + 1);
	struct cursor_out out = cursor_into(wire, max);

	memcpy(copy, text, strlen(text));
	fault = (struct record_fault){ 0 };
	const int err = record_read(copy, &out, &fault);
	*ret_len = err == 0 ? cursor_written(&out) : 0;
	return err;
}

/* Type, class, TTL, length and RDATA in hexadecimal, or what is wrong. */
static const char *hex_of(const char *text)
{
	static char hex[2048];
	size_t len = 0;
	const int err = read_into(text, sizeof(wire), &len);

	if (err == ERR_MALFORMED || err == ERR_NO_SPACE)
		return fault.why;
	assert_int_equal(err, 0);
	for (size_t i = 0; i < len && i < 1000; i++)
		snprintf(hex + 2 * i, 3, "%02x", wire[i]);
	return hex;
}

#define A_300 "000100010000012c0004"

/* --- the head of a record ------------------------------------------------------------------ */

static void ttl_and_class_stand_in_any_order_or_not_at_all(void **state)
{
	(void)state;
	assert_string_equal(hex_of("@ 300 IN A 10.1.2.3"), A_300 "0a010203");
	assert_string_equal(hex_of("@ IN 300 A 10.1.2.3"), A_300 "0a010203");
	assert_string_equal(hex_of("@ in a 10.1.2.3"), A_300 "0a010203");
	assert_string_equal(hex_of("@ 300 a 10.1.2.3"), A_300 "0a010203");
	assert_string_equal(hex_of("\t@\tA 10.1.2.3 "), A_300 "0a010203");
	assert_string_equal(hex_of("@ 0 IN A 10.1.2.3"), "00010001000000000004"
							 "0a010203");
	assert_string_equal(hex_of("@ 2147483647 IN A 10.1.2.3"), "000100017fffffff0004"
								  "0a010203");
}

static void owner_is_the_asked_name_only(void **state)
{
	(void)state;
	const char *why = "the owner has to be \"@\", the asked name";
	assert_string_equal(hex_of("printer.corp.example. 300 IN A 10.1.2.3"), why);
	assert_string_equal(hex_of("A 10.1.2.3"), why);
	assert_string_equal(hex_of("\"@\" A 10.1.2.3"), why);
	assert_string_equal(hex_of(""), why);
	assert_string_equal(hex_of("; @ A 10.1.2.3"), why);
}

static void wrong_heads_are_told(void **state)
{
	(void)state;
	assert_string_equal(hex_of("@"), "there is no type");
	assert_string_equal(hex_of("@ 300 IN"), "there is no type");
	assert_string_equal(hex_of("@ 2147483648 IN A 10.1.2.3"),
			    "the TTL is more than 2147483647");
	assert_string_equal(hex_of("@ 99999999999999999999 IN A 10.1.2.3"),
			    "the TTL is more than 2147483647");
	assert_string_equal(hex_of("@ 300 CH A 10.1.2.3"), "the class has to be IN");
	assert_string_equal(hex_of("@ 300 CLASS3 A 10.1.2.3"), "the class has to be IN");
	const char *unknown = "the type is not known (TYPE65280 would be by number)";
	assert_string_equal(hex_of("@ 300 IN AAAAA ::1"), unknown);
	assert_string_equal(hex_of("@ 300 IN 400 A 10.1.2.3"), unknown);
	assert_string_equal(hex_of("@ IN IN A 10.1.2.3"), unknown);
	assert_string_equal(hex_of("@ TYPE65x \\# 0"), unknown);
	assert_string_equal(hex_of("@ TYPE65536 \\# 0"), unknown);
	assert_string_equal(hex_of("@ TYPE0 \\# 0"), unknown);
	const char *question = "this type cannot stand in an answer";
	assert_string_equal(hex_of("@ ANY \\# 0"), question);
	assert_string_equal(hex_of("@ OPT \\# 0"), question);
	assert_string_equal(hex_of("@ TYPE250 \\# 0"), question);
}

/* --- RDATA --------------------------------------------------------------------------------- */

static void common_types_become_wire_bytes(void **state)
{
	(void)state;
	assert_string_equal(hex_of("@ AAAA 2001:db8::1"), "001c00010000012c0010"
							  "20010db8000000000000000000000001");
	assert_string_equal(hex_of("@ CNAME Host.example."), "000500010000012c000e"
							     "04486f7374076578616d706c6500");
	assert_string_equal(hex_of("@ CNAME Host.example"), "000500010000012c000e"
							    "04486f7374076578616d706c6500");
	assert_string_equal(hex_of("@ PTR a\\.b\\032c.d."), "000c00010000012c0009"
							    "05612e622063016400");
	assert_string_equal(hex_of("@ MX 10 m."), "000f00010000012c0005"
						  "000a016d00");
	assert_string_equal(hex_of("@ SRV 0 5 443 ."), "002100010000012c0007"
						       "0000000501bb00");
	assert_string_equal(hex_of("@ SOA n. r. 1 2 3 1h 4294967295"), "000600010000012c001a"
								       "016e00017200"
								       "00000001"
								       "00000002"
								       "00000003"
								       "00000e10"
								       "ffffffff");
	assert_string_equal(hex_of("@ CAA 0 issue \"ca.example; a=b\""),
			    "010100010000012c0016"
			    "00056973737565"
			    "63612e6578616d706c653b20613d62");
	assert_string_equal(hex_of("@ SSHFP 1 2 12 3456 (\n 78 )"), "002c00010000012c0006"
								    "010212345678");
	assert_string_equal(hex_of("@ TLSA DANE-EE SPKI SHA2-256 abcd"), "003400010000012c0005"
									 "030101abcd");
	assert_string_equal(hex_of("@ DS 60485 RSASHA1 1 2BB1 83AF"), "002b00010000012c0008"
								      "ec450501"
								      "2bb183af");
	assert_string_equal(hex_of("@ DNSKEY 256 3 8 AQID BAUG"), "003000010000012c000a"
								  "0100"
								  "03"
								  "08"
								  "010203040506");
}

static void text_keeps_its_strings_apart(void **state)
{
	(void)state;
	assert_string_equal(hex_of("@ TXT one \"two; 2\" \"\" \"q\\\"q\" \\065 ; comment"),
			    "001000010000012c0012"
			    "036f6e65"
			    "0674776f3b2032"
			    "00"
			    "0371"
			    "2271"
			    "0141");
	char text[300] = "@ TXT \"";
	memset(text + 7, 'x', 255);
	memcpy(text + 262, "\"", 2);
	assert_int_equal(strlen(hex_of(text)), 2 * (10 + 256));
	memcpy(text + 262, "x\"", 3);
	assert_string_equal(hex_of(text), "a string with a bad escape or of more than 255 bytes");
	assert_string_equal(hex_of("@ TXT \"\\256\""),
			    "a string with a bad escape or of more than 255 bytes");
	assert_string_equal(hex_of("@ TXT \"open"), "a quote is not closed");
	assert_string_equal(hex_of("@ TXT \"open\\\""), "a quote is not closed");
}

static void service_parameters_become_wire_bytes(void **state)
{
	(void)state;
	assert_string_equal(hex_of("@ HTTPS 1 . alpn=\"h2,h3\" port=8443 ; comment"),
			    "004100010000012c0013"
			    "000100"
			    "0001"
			    "0006"
			    "026832"
			    "026833"
			    "0003"
			    "0002"
			    "20fb");
	assert_string_equal(hex_of("@ SVCB 0 svc.example."), "004000010000012c000f"
							     "0000"
							     "03737663076578616d706c6500");
	assert_string_equal(hex_of("@ HTTPS 1 . ipv6hint=2001:db8::1"),
			    "004100010000012c0017"
			    "000100"
			    "0006"
			    "0010"
			    "20010db8000000000000000000000001");
	assert_string_equal(hex_of("@ HTTPS 1 . key65280=\"a;b\";c"), "004100010000012c000a"
								      "000100"
								      "ff00"
								      "0003"
								      "613b62");
	const char *why = "not a list of service parameters";
	assert_string_equal(hex_of("@ HTTPS 1 . port=65536"), why);
	assert_string_equal(hex_of("@ HTTPS 1 . alpn=h2 port=\"99999\""), why);
	assert_string_equal(hex_of("@ HTTPS 1 . nonsense=1"), why);
	assert_string_equal(
		hex_of("@ HTTPS 1 . ipv6hint=0000:0000:0000:0000:0000:0000:0000:0000:0000:00000"),
		why);
}

static void any_type_may_be_written_as_bytes(void **state)
{
	(void)state;
	assert_string_equal(hex_of("@ TYPE65280 \\# 3 01 0203"), "ff0000010000012c0003"
								 "010203");
	assert_string_equal(hex_of("@ TYPE65280 \\# 0"), "ff0000010000012c0000");
	assert_string_equal(hex_of("@ TYPE1 \\# 4 0a010203"), A_300 "0a010203");
	assert_string_equal(hex_of("@ LOC \\# 2 Ab0C"), "001d00010000012c0002"
							"ab0c");
	const char *why = "\\# wants as many hexadecimal bytes as it says";
	assert_string_equal(hex_of("@ TYPE65280 \\# 3 0102"), why);
	assert_string_equal(hex_of("@ TYPE65280 \\# 2 010203"), why);
	assert_string_equal(hex_of("@ TYPE65280 \\# 2 0102zz"), why);
	assert_string_equal(hex_of("@ TYPE65280 \\# 2 01020"), why);
	assert_string_equal(hex_of("@ TYPE65280 \\#"), "\\# wants the number of bytes next");
	assert_string_equal(hex_of("@ TYPE65280 \\# x"), "\\# wants the number of bytes next");
	assert_string_equal(hex_of("@ TYPE65280 \\#x 1"), "\\# wants the number of bytes next");
	assert_string_equal(hex_of("@ CNAME \\# 2 c00c"), "this type cannot be written with \\#");
	assert_string_equal(hex_of("@ LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m"),
			    "this type has to be written as \\# LENGTH HEX");
	assert_string_equal(hex_of("@ TYPE65280 abc"),
			    "this type has to be written as \\# LENGTH HEX");
	assert_string_equal(hex_of("@ TYPE65280"), "something is missing at the end");
}

static void wrong_fields_are_told(void **state)
{
	(void)state;
	assert_string_equal(hex_of("@ 300 IN A 10.1.2.300"), "not an IPv4 address");
	assert_string_equal(hex_of("@ 300 IN A 10.1.2"), "not an IPv4 address");
	assert_string_equal(hex_of("@ 300 IN A"), "something is missing at the end");
	assert_string_equal(hex_of("@ 300 IN A 10.1.2.3 10.1.2.4"), "there is too much at the end");
	assert_string_equal(hex_of("@ 300 IN AAAA 10.1.2.3"), "not an IPv6 address");
	assert_string_equal(hex_of("@ 300 IN CNAME a..b"), "not a domain name");
	assert_string_equal(hex_of("@ 300 IN CNAME @"), "\"@\" can only stand for the owner");
	assert_string_equal(hex_of("@ 300 IN MX 10"), "something is missing at the end");
	assert_string_equal(hex_of("@ 300 IN MX 65536 m."), "not a number from 0 to 65535");
	assert_string_equal(hex_of("@ 300 IN MX -1 m."), "not a number from 0 to 65535");
	assert_string_equal(hex_of("@ 300 IN MX m. 10"), "not a number from 0 to 65535");
	assert_string_equal(hex_of("@ 300 IN SSHFP 256 1 00"), "not a number from 0 to 255");
	assert_string_equal(hex_of("@ 300 IN SSHFP 1 1 000"), "not hexadecimal bytes");
	assert_string_equal(hex_of("@ 300 IN DNSKEY 256 3 8 A"), "not base64");
	assert_string_equal(hex_of("@ 300 IN DNSKEY 256 3 NOSUCH AQID"), "not an algorithm");
	assert_string_equal(hex_of("@ 300 IN DNSKEY 256 3 \"\" AQID"), "not an algorithm");
	assert_string_equal(hex_of("@ 300 IN DNSKEY 256 3 -1 AQID"), "not an algorithm");
	assert_string_equal(hex_of("@ 300 IN CERT \"\" 2 5 AQID"), "not a certificate type");
	assert_string_equal(hex_of("@ 300 IN CERT 0x 2 5 AQID"), "not a certificate type");
	assert_string_equal(hex_of("@ 300 IN SOA n. r. 1 2 3 -4 5"), "not a time in seconds");
	assert_string_equal(hex_of("@ 300 IN SOA n. r. 1 2 3 4 4294967296"),
			    "not a time in seconds");
}

static void example_is_one_of_the_same_type(void **state)
{
	(void)state;
	hex_of("@ 300 IN MX m.");
	assert_non_null(fault.example);
	assert_non_null(strstr(fault.example, " MX "));
	hex_of("nonsense");
	assert_non_null(strstr(fault.example, " A "));
}

static void every_example_can_be_read(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"@ A x", "@ AAAA x", "@ CNAME ..", "@ NS ..",	"@ PTR ..", "@ DNAME ..", "@ MX x",
		"@ TXT", "@ SRV x",  "@ SVCB x",   "@ HTTPS x", "@ SOA x",  "@ CAA x",	  "@ LOC x",
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		size_t len = 0;
		assert_true(read_into(wrong[i], sizeof(wire), &len) < 0);
		const char *example = fault.example;
		assert_non_null(example);
		const int err = read_into(example, sizeof(wire), &len);
		assert_true(err == 0 || (err == -ENOMEM && unit_is_starved()));
	}
}

static void more_than_fits_is_told(void **state)
{
	(void)state;
	size_t len = 0;
	assert_true(read_into("@ A 10.1.2.3", 13, &len) < 0);
	assert_int_equal(read_into("@ A 10.1.2.3", 14, &len), 0);
	assert_int_equal(len, 14);

	const size_t strings = 40000; /* two bytes each on the wire */
	char *text = unit_zalloc(10 + 2 * strings);
	memcpy(text, "@ TXT", 5);
	for (size_t i = 0; i < strings; i++)
		memcpy(text + 5 + 2 * i, " x", 2);
	struct cursor_out out = cursor_into(wire, sizeof(wire));
	const int err = record_read(text, &out, &fault);
	assert_true(err == ERR_NO_SPACE || (err == -ENOMEM && unit_is_starved()));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(ttl_and_class_stand_in_any_order_or_not_at_all),
	cmocka_unit_test(owner_is_the_asked_name_only),
	cmocka_unit_test(wrong_heads_are_told),
	cmocka_unit_test(common_types_become_wire_bytes),
	cmocka_unit_test(text_keeps_its_strings_apart),
	cmocka_unit_test(service_parameters_become_wire_bytes),
	cmocka_unit_test(any_type_may_be_written_as_bytes),
	cmocka_unit_test(wrong_fields_are_told),
	cmocka_unit_test(example_is_one_of_the_same_type),
	cmocka_unit_test(every_example_can_be_read),
	cmocka_unit_test(more_than_fits_is_told),
};
UNIT_MAIN(tests)
