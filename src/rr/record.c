#include "rr/record.h"

#include <ctype.h>
#include <errno.h>
#include <ldns/ldns.h>
#include <string.h>
#include <strings.h>

#include "wire/type.h"

/* ldns_rr_new_frm_str() is not used: it reads through a NULL that malloc() gave, drops fields it
 * could not push, takes "MX 70000" for 4464, and guesses at a record that is not complete. Its
 * tables of types and its readers of single fields are sound, so the lines are cut into fields
 * here. */

#define TTL_MAX 2147483647u /* RFC 2181 section 8 */
#define BASE64_MAX 87380u   /* characters for 64 KB; ldns counts in 16 bits */
#define ADDRESS_MAX 45u	    /* characters of an IPv6 address; ldns overruns its buffer at 46 */

struct reader {
	char *at; /* what is not read yet */
	struct cursor_out *out;
	struct record_fault *fault;
};

static int complain(struct reader *reader, const char *why)
{
	reader->fault->why = why;
	return ERR_MALFORMED;
}

/* --- tokens -------------------------------------------------------------------------------- */

struct token {
	char *text; /* without quotes, escapes as they stand */
	bool is_quoted;
};

/* Parentheses only let a record run over several lines, so they are blanks as well. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '(' || c == ')';
}

static void skip_blanks(struct reader *reader)
{
	while (is_blank(*reader->at))
		reader->at++;
	if (*reader->at == ';') /* a comment */
		*reader->at = '\0';
}

static bool has_more(struct reader *reader)
{
	skip_blanks(reader);
	return *reader->at != '\0';
}

/* False at the end, and where a quote is not closed. */
static bool next_token(struct reader *reader, struct token *ret_token)
{
	if (!has_more(reader))
		return false;
	const bool is_quoted = *reader->at == '"';
	char *at = reader->at + is_quoted;
	*ret_token = (struct token){ .text = at, .is_quoted = is_quoted };
	while (*at != '\0' && (is_quoted ? *at != '"' : !is_blank(*at) && *at != ';')) {
		if (*at == '\\' && at[1] != '\0')
			at++;
		at++;
	}
	if (is_quoted && *at == '\0')
		return false;
	reader->at = at;
	if (*at == ';')
		*at = '\0';
	else if (*at != '\0') {
		*at = '\0';
		reader->at++;
	}
	return true;
}

/* All that is left, as it stands but for a comment. */
static void keep_rest(struct reader *reader)
{
	bool is_quoted = false;

	while (*reader->at != '\0' && (is_quoted || *reader->at != ';')) {
		if (*reader->at == '\\' && reader->at[1] != '\0')
			reader->at++;
		else if (*reader->at == '"')
			is_quoted = !is_quoted;
		reader->at++;
	}
	*reader->at = '\0';
}

/* All that is left, without blanks: hexadecimal and base64 may be written in pieces. */
static char *squeeze_rest(struct reader *reader)
{
	char *rest = reader->at, *to = rest;

	for (const char *from = rest; *from != '\0' && *from != ';'; from++) {
		if (!is_blank(*from))
			*to++ = *from;
	}
	*to = '\0';
	reader->at = to;
	return rest;
}

/* --- fields -------------------------------------------------------------------------------- */

static bool is_number(const char *text)
{
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* The value of a string of digits. False for more than `max`. */
static bool read_number(const char *digits, uint32_t max, uint32_t *ret_number)
{
	uint32_t number = 0;

	for (; *digits != '\0'; digits++) {
		const uint32_t digit = (uint32_t)(*digits - '0');

		if (number > max / 10 || digit > max - number * 10)
			return false;
		number = number * 10 + digit;
	}
	*ret_number = number;
	return true;
}

enum extent { EXTENT_TOKEN, EXTENT_REST, EXTENT_SQUEEZED_REST };

struct field {
	ldns_rdf_type kind : 16;
	uint8_t number_bytes; /* what digits alone are written as; 0: they are like any text */
	enum extent extent : 8;
	ldns_status (*read)(ldns_rdf **ret_field, const char *text); /* NULL: numbers only */
	const char *why;					     /* it could not be read */
};

/* clang-format off */
static const struct field fields[] = {
	{ LDNS_RDF_TYPE_A, 0, EXTENT_TOKEN, ldns_str2rdf_a, "not an IPv4 address" },
	{ LDNS_RDF_TYPE_AAAA, 0, EXTENT_TOKEN, ldns_str2rdf_aaaa, "not an IPv6 address" },
	{ LDNS_RDF_TYPE_DNAME, 0, EXTENT_TOKEN, ldns_str2rdf_dname, "not a domain name" },
	{ LDNS_RDF_TYPE_INT8, 1, EXTENT_TOKEN, NULL, "not a number from 0 to 255" },
	{ LDNS_RDF_TYPE_INT16, 2, EXTENT_TOKEN, NULL, "not a number from 0 to 65535" },
	{ LDNS_RDF_TYPE_INT32, 4, EXTENT_TOKEN, NULL, "not a number from 0 to 4294967295" },
	{ LDNS_RDF_TYPE_PERIOD, 4, EXTENT_TOKEN, ldns_str2rdf_period, "not a time in seconds" },
	{ LDNS_RDF_TYPE_STR, 0, EXTENT_TOKEN, ldns_str2rdf_str,
	  "a string with a bad escape or of more than 255 bytes" },
	{ LDNS_RDF_TYPE_LONG_STR, 0, EXTENT_TOKEN, ldns_str2rdf_long_str, "a string with a bad escape" },
	{ LDNS_RDF_TYPE_TAG, 0, EXTENT_TOKEN, ldns_str2rdf_tag, "not a tag of letters and digits" },
	{ LDNS_RDF_TYPE_ALG, 1, EXTENT_TOKEN, ldns_str2rdf_alg, "not an algorithm" },
	{ LDNS_RDF_TYPE_CERT_ALG, 2, EXTENT_TOKEN, ldns_str2rdf_cert_alg, "not a certificate type" },
	{ LDNS_RDF_TYPE_CERTIFICATE_USAGE, 1, EXTENT_TOKEN, ldns_str2rdf_certificate_usage,
	  "not a certificate usage" },
	{ LDNS_RDF_TYPE_SELECTOR, 1, EXTENT_TOKEN, ldns_str2rdf_selector, "not a selector" },
	{ LDNS_RDF_TYPE_MATCHING_TYPE, 1, EXTENT_TOKEN, ldns_str2rdf_matching_type,
	  "not a matching type" },
	{ LDNS_RDF_TYPE_EUI48, 0, EXTENT_TOKEN, ldns_str2rdf_eui48, "not an EUI-48 address" },
	{ LDNS_RDF_TYPE_EUI64, 0, EXTENT_TOKEN, ldns_str2rdf_eui64, "not an EUI-64 address" },
	{ LDNS_RDF_TYPE_HEX, 0, EXTENT_SQUEEZED_REST, ldns_str2rdf_hex, "not hexadecimal bytes" },
	{ LDNS_RDF_TYPE_B64, 0, EXTENT_SQUEEZED_REST, ldns_str2rdf_b64, "not base64" },
	{ LDNS_RDF_TYPE_SVCPARAMS, 0, EXTENT_REST, ldns_str2rdf_svcparams,
	  "not a list of service parameters" },
};
/* clang-format on */

static const struct field *find_field(ldns_rdf_type kind)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (fields[i].kind == kind)
			return &fields[i];
	}
	return NULL;
}

/* Of service parameters: an address too long for ldns's buffer, a port it would cut to 16 bits. */
static bool has_bad_hint(const char *text)
{
	const char *at = strstr(text, "ipv6hint=");

	for (; at != NULL && *at != '\0'; at++) {
		if (strspn(at, "0123456789abcdefABCDEF:.") > ADDRESS_MAX)
			return true;
	}
	for (at = text; (at = strstr(at, "port=")) != NULL;) {
		unsigned port = 0;
		at += strlen("port=");
		for (at += *at == '"'; *at >= '0' && *at <= '9' && port <= 65535; at++)
			port = port * 10 + (unsigned)(*at - '0');
		if (port > 65535)
			return true;
	}
	return false;
}

/* What ldns would get wrong, quietly or worse. */
static bool is_fit_for_ldns(const struct field *field, const struct token *token)
{
	const char *text = token->text;

	switch (field->extent) {
	case EXTENT_TOKEN: /* it takes "" and "-1" for numbers */
		return field->number_bytes == 0 || isalnum((unsigned char)*text);
	case EXTENT_REST:
		return !has_bad_hint(text);
	case EXTENT_SQUEEZED_REST:
		return strlen(text) <= BASE64_MAX &&
		       (field->kind != LDNS_RDF_TYPE_HEX || strlen(text) % 2 == 0);
	}
	UNREACHABLE();
}

static int put_number(struct reader *reader, const struct field *field, const char *digits)
{
	uint32_t number;

	if (!read_number(digits, UINT32_MAX >> (32 - field->number_bytes * 8), &number))
		return complain(reader, field->why);
	for (unsigned byte = field->number_bytes; byte-- > 0;)
		cursor_put_u8(reader->out, (uint8_t)(number >> byte * 8));
	return 0;
}

static int put_field(struct reader *reader, const struct field *field, const struct token *token)
{
	ldns_rdf *rdf = NULL;

	if (field->number_bytes > 0 && is_number(token->text))
		return put_number(reader, field, token->text);
	if (field->kind == LDNS_RDF_TYPE_DNAME && strcmp(token->text, "@") == 0)
		return complain(reader, "\"@\" can only stand for the owner");
	if (field->read == NULL || !is_fit_for_ldns(field, token))
		return complain(reader, field->why);
	const ldns_status status = field->read(&rdf, token->text);
	if (status == LDNS_STATUS_OK && rdf != NULL)
		cursor_put(reader->out, ldns_rdf_data(rdf), ldns_rdf_size(rdf));
	const bool is_short_of_memory =
		status == LDNS_STATUS_MEM_ERR || (status == LDNS_STATUS_OK && rdf == NULL);
	ldns_rdf_deep_free(rdf); /* ldns_str2rdf_cert_alg() leaves one when it fails */
	if (is_short_of_memory)	 /* ldns_str2rdf_dname() says OK then */
		return -ENOMEM;
	return status == LDNS_STATUS_OK ? 0 : complain(reader, field->why);
}

static bool next_field(struct reader *reader, const struct field *field, struct token *ret_token)
{
	if (!has_more(reader))
		return false;
	*ret_token = (struct token){ .text = reader->at };
	switch (field->extent) {
	case EXTENT_TOKEN:
		return next_token(reader, ret_token);
	case EXTENT_REST:
		keep_rest(reader);
		return true;
	case EXTENT_SQUEEZED_REST:
		squeeze_rest(reader);
		return true;
	}
	UNREACHABLE();
}

static int put_fields(struct reader *reader, const ldns_rr_descriptor *type)
{
	const size_t max = ldns_rr_descriptor_maximum(type);
	struct token token;
	size_t count = 0;

	for (; count < max && has_more(reader); count++) {
		const struct field *field = find_field(ldns_rr_descriptor_field_type(type, count));
		if (field == NULL)
			return complain(reader, "this type has to be written as \\# LENGTH HEX");
		if (!next_field(reader, field, &token))
			return complain(reader, "a quote is not closed");
		const int err = put_field(reader, field, &token);
		if (err != 0)
			return err;
	}
	if (count < ldns_rr_descriptor_minimum(type))
		return complain(reader, "something is missing at the end");
	if (has_more(reader))
		return complain(reader, "there is too much at the end");
	return 0;
}

/* RFC 3597 section 5, behind the "\#". */
static int put_generic(struct reader *reader)
{
	struct token token;

	if (!next_token(reader, &token) || !is_number(token.text))
		return complain(reader, "\\# wants the number of bytes next");
	uint32_t len = 65536; /* too much, if it is more than can be */
	(void)read_number(token.text, len - 1, &len);
	const char *hex = squeeze_rest(reader);
	if (hex[strspn(hex, "0123456789abcdefABCDEF")] != '\0' || strlen(hex) != len * 2)
		return complain(reader, "\\# wants as many hexadecimal bytes as it says");
	for (; *hex != '\0'; hex += 2)
		cursor_put_u8(reader->out, (uint8_t)(ldns_hexdigit_to_int(hex[0]) << 4 |
						     ldns_hexdigit_to_int(hex[1])));
	return 0;
}

/* --- the record ---------------------------------------------------------------------------- */

static const struct {
	uint16_t type;
	const char *text;
} examples[] = {
	{ TYPE_A, "@ 300 IN A 192.0.2.1" },
	{ TYPE_AAAA, "@ 300 IN AAAA 2001:db8::1" },
	{ TYPE_CNAME, "@ 300 IN CNAME host.example." },
	{ TYPE_NS, "@ 300 IN NS ns.example." },
	{ TYPE_PTR, "@ 300 IN PTR host.example." },
	{ TYPE_DNAME, "@ 300 IN DNAME other.example." },
	{ TYPE_MX, "@ 300 IN MX 10 mail.example." },
	{ TYPE_TXT, "@ 300 IN TXT \"some text\"" },
	{ TYPE_SRV, "@ 300 IN SRV 0 5 443 host.example." },
	{ TYPE_SVCB, "@ 300 IN SVCB 1 host.example. alpn=h2" },
	{ TYPE_HTTPS, "@ 300 IN HTTPS 1 . alpn=h2" },
	{ TYPE_SOA, "@ 300 IN SOA ns.example. admin.example. 1 3600 600 86400 60" },
	{ LDNS_RR_TYPE_CAA, "@ 300 IN CAA 0 issue \"ca.example\"" },
};

static const char *example_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		if (examples[i].type == type)
			return examples[i].text;
	}
	return "@ 300 IN TYPE65280 \\# 3 010203";
}

struct head {
	uint32_t ttl;
	uint16_t type;
};

static bool is_other_class(const char *text)
{
	return strncasecmp(text, "CLASS", 5) == 0 || strcasecmp(text, "CH") == 0 ||
	       strcasecmp(text, "HS") == 0 || strcasecmp(text, "CS") == 0;
}

/* 0 for what is none: TYPE12x too, which ldns takes for TYPE12. */
static uint16_t type_of(const char *text)
{
	if (strncasecmp(text, "TYPE", 4) == 0) {
		uint32_t type = 0;
		if (is_number(text + 4))
			(void)read_number(text + 4, 65535, &type);
		return (uint16_t)type;
	}
	return (uint16_t)ldns_get_rr_type_by_name(text);
}

static bool is_of_questions(uint16_t type)
{
	return type == TYPE_OPT || (type >= TYPE_TKEY && type <= TYPE_ANY);
}

static int read_type(struct reader *reader, const char *text, uint16_t *ret_type)
{
	const uint16_t type = type_of(text);

	if (is_other_class(text))
		return complain(reader, "the class has to be IN");
	if (type == 0)
		return complain(reader, "the type is not known (TYPE65280 would be by number)");
	if (is_of_questions(type))
		return complain(reader, "this type cannot stand in an answer");
	*ret_type = type;
	return 0;
}

/* TTL and class may stand in either order (RFC 1035 section 5.1). */
static int read_head(struct reader *reader, struct head *ret_head)
{
	struct head head = { .ttl = RECORD_DEFAULT_TTL };
	bool has_ttl = false, has_class = false;
	struct token token;

	if (!next_token(reader, &token) || token.is_quoted || strcmp(token.text, "@") != 0)
		return complain(reader, "the owner has to be \"@\", the asked name");
	while (next_token(reader, &token)) {
		if (!has_ttl && is_number(token.text)) {
			has_ttl = true;
			if (!read_number(token.text, TTL_MAX, &head.ttl))
				return complain(reader, "the TTL is more than 2147483647");
		} else if (!has_class && strcasecmp(token.text, "IN") == 0) {
			has_class = true;
		} else {
			const int err = read_type(reader, token.text, &head.type);
			if (err == 0)
				*ret_head = head;
			return err;
		}
	}
	return complain(reader, "there is no type");
}

static int put_rdata(struct reader *reader, uint16_t type)
{
	const ldns_rr_descriptor *descriptor = ldns_rr_descript(type);
	struct token token;

	if (!has_more(reader))
		return complain(reader, "something is missing at the end");
	if (strncmp(reader->at, "\\#", 2) != 0)
		return put_fields(reader, descriptor);
	/* the bytes could hold a compression pointer, to nobody knows what */
	if (descriptor->_compress == LDNS_RR_COMPRESS)
		return complain(reader, "this type cannot be written with \\#");
	if (!next_token(reader, &token) || strcmp(token.text, "\\#") != 0)
		return complain(reader, "\\# wants the number of bytes next");
	return put_generic(reader);
}

int record_read(char *text, struct cursor_out *out, struct record_fault *ret_fault)
{
	struct reader reader = { .at = text, .out = out, .fault = ret_fault };
	struct head head = { 0 };

	ret_fault->example = example_of(TYPE_A);
	int err = read_head(&reader, &head);
	if (err != 0)
		return err;
	ret_fault->example = example_of(head.type);
	cursor_put_u16(out, head.type);
	cursor_put_u16(out, CLASS_IN);
	cursor_put_u32(out, head.ttl);
	uint8_t *const len_at = out->at;
	cursor_put_u16(out, 0);
	if ((err = put_rdata(&reader, head.type)) != 0)
		return err;
	const size_t len = out->failed ? SIZE_MAX : (size_t)(out->at - len_at) - 2;
	if (len > 65535) {
		ret_fault->why = "that is more than a message can hold";
		return ERR_NO_SPACE;
	}
	len_at[0] = (uint8_t)(len >> 8);
	len_at[1] = (uint8_t)len;
	return 0;
}
