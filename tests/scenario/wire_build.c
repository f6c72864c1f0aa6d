#include "wire_build.h"

#include <ctype.h>
#include <errno.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "wire/type.h"

#define POINTER_MAX 0x3fffu

void wire_build_put(struct wire_build *build, const void *bytes, size_t len)
{
	if (len > sizeof(build->wire) - build->len)
		report_fail("the message is too long");
	memcpy(build->wire + build->len, bytes, len);
	build->len += len;
}

static void put_u8(struct wire_build *build, unsigned value)
{
	const uint8_t byte = (uint8_t)value;
	wire_build_put(build, &byte, 1);
}

static void put_u16(struct wire_build *build, unsigned value)
{
	put_u8(build, value >> 8);
	put_u8(build, value & 0xff);
}

static void put_u32(struct wire_build *build, uint32_t value)
{
	put_u16(build, value >> 16);
	put_u16(build, value & 0xffff);
}

static void set_u16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Where the same name stands already, or 0. */
static uint16_t find_name(const struct wire_build *build, const uint8_t *name)
{
	uint8_t known[NAME_MAX_LEN];
	size_t len, next;

	for (size_t i = 0; i < build->label_count; i++) {
		if (name_read(build->wire, build->len, build->labels[i], known, &len, &next) == 0 &&
		    name_equal(known, name))
			return build->labels[i];
	}
	return 0;
}

static void put_name(struct wire_build *build, const uint8_t *name)
{
	uint16_t starts[NAME_MAX_LABELS];
	size_t start_count = 0;

	for (; *name != 0; name += 1 + *name) {
		const uint16_t known = build->is_plain ? 0 : find_name(build, name);

		if (known != 0) {
			put_u16(build, 0xc000u | known);
			break;
		}
		if (build->len <= POINTER_MAX)
			starts[start_count++] = (uint16_t)build->len;
		wire_build_put(build, name, 1u + *name);
	}
	if (*name == 0)
		put_u8(build, 0);
	/* known from now on: half a name could not be read */
	for (size_t i = 0; i < start_count && build->label_count < WIRE_LABELS_MAX; i++)
		build->labels[build->label_count++] = starts[i];
}

void wire_build_start(struct wire_build *build, uint16_t id, uint16_t flags)
{
	build->len = build->label_count = 0;
	build->is_plain = false;
	memset(build->counts, 0, sizeof(build->counts));
	put_u16(build, id);
	put_u16(build, flags);
	for (int i = 0; i < 4; i++)
		put_u16(build, 0);
}

void wire_build_question(struct wire_build *build, const uint8_t *name, uint16_t type,
			 uint16_t class)
{
	put_name(build, name);
	put_u16(build, type);
	put_u16(build, class);
	build->counts[0]++;
}

void wire_build_option(struct wire_edns *edns, uint16_t code, const void *data, size_t len)
{
	if (len + 4 > sizeof(edns->options) - edns->options_len)
		report_fail("too many options");
	set_u16(edns->options + edns->options_len, code);
	set_u16(edns->options + edns->options_len + 2, (unsigned)len);
	if (len > 0)
		memcpy(edns->options + edns->options_len + 4, data, len);
	edns->options_len += 4 + len;
}

void wire_build_opt(struct wire_build *build, const struct wire_edns *edns)
{
	put_u8(build, 0);
	put_u16(build, TYPE_OPT);
	put_u16(build, edns->size);
	put_u8(build, edns->rcode);
	put_u8(build, edns->version);
	put_u16(build, edns->flags);
	put_u16(build, (unsigned)edns->options_len);
	wire_build_put(build, edns->options, edns->options_len);
	build->counts[3]++;
}

/* Puts the names that a server compresses (RFC 3597 section 4) compressed. */
static void put_rdata(struct wire_build *build, const struct wire_text_record *record)
{
	const uint8_t *at = record->rdata, *end = at + record->rdata_len;
	int names = 0;

	if (build->is_plain || record->is_opaque) {
		wire_build_put(build, record->rdata, record->rdata_len);
		return;
	}
	switch (record->type) {
	case TYPE_NS:
	case TYPE_CNAME:
	case TYPE_PTR:
		names = 1;
		break;
	case TYPE_SOA:
		names = 2;
		break;
	case TYPE_MX:
		wire_build_put(build, at, 2);
		at += 2;
		names = 1;
		break;
	default:
		break;
	}
	for (; names > 0; names--) {
		put_name(build, at);
		at += name_len(at);
	}
	wire_build_put(build, at, (size_t)(end - at));
}

void wire_build_record(struct wire_build *build, const struct wire_text_record *record,
		       uint16_t class)
{
	put_name(build, record->owner);
	put_u16(build, record->type);
	put_u16(build, class);
	put_u32(build, record->ttl);
	put_u16(build, 0);
	const size_t rdata_at = build->len;
	put_rdata(build, record);
	set_u16(build->wire + rdata_at - 2, (unsigned)(build->len - rdata_at));
	build->counts[record->section + 1]++;
}

void wire_build_end(struct wire_build *build)
{
	for (size_t i = 0; i < 4; i++)
		set_u16(build->wire + 4 + 2 * i, build->counts[i]);
}

/* --- text ---------------------------------------------------------------------------------- */

unsigned long wire_build_number(const char *text, unsigned long max)
{
	char *end;

	errno = 0;
	unsigned long value = strtoul(text, &end, 0);
	if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0 || value > max)
		report_fail("\"%s\": expected a number up to %lu", text, max);
	return value;
}

uint16_t wire_build_type(const char *text)
{
	uint16_t type;

	if (!type_from_text(text, &type))
		report_fail("\"%s\" is no record type", text);
	return type;
}

uint16_t wire_build_class(const char *text)
{
	if (strcmp(text, "IN") == 0)
		return CLASS_IN;
	if (strcmp(text, "CH") == 0)
		return CLASS_CH;
	return (uint16_t)wire_build_number(text, UINT16_MAX);
}

unsigned wire_build_rcode(const char *text)
{
	static const struct {
		const char *name;
		unsigned rcode;
	} names[] = {
		{ "NOERROR", RCODE_NOERROR },	{ "FORMERR", RCODE_FORMERR },
		{ "SERVFAIL", RCODE_SERVFAIL }, { "NXDOMAIN", RCODE_NXDOMAIN },
		{ "NOTIMP", RCODE_NOTIMP },	{ "REFUSED", RCODE_REFUSED },
		{ "BADVERS", RCODE_BADVERS },	{ "BADCOOKIE", 23 },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].name, text) == 0)
			return names[i].rcode;
	}
	if (strncmp(text, "RCODE", 5) != 0)
		report_fail("\"%s\" is no rcode", text);
	return (unsigned)wire_build_number(text + 5, 4095);
}

void wire_build_name(const char *text, uint8_t ret_name[NAME_MAX_LEN])
{
	size_t len;

	if (name_from_text(text, ret_name, &len) != 0)
		report_fail("\"%s\" is no name", text);
}

size_t wire_build_hex(const char *text, uint8_t *ret_bytes, size_t max)
{
	size_t len = 0;

	while (*text != '\0') {
		char pair[3] = { text[0], text[1], '\0' };

		if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
			report_fail("\"%s\": expected pairs of hexadecimal digits", text);
		if (len == max)
			report_fail("too many bytes");
		ret_bytes[len++] = (uint8_t)strtoul(pair, NULL, 16);
		text += 2;
	}
	return len;
}

/* --- records ------------------------------------------------------------------------------- */

/* Cuts the next word off a text in place. */
static char *next_word(char **at)
{
	*at += strspn(*at, " \t");
	char *word = *at;
	*at += strcspn(*at, " \t");
	if (**at != '\0')
		*(*at)++ = '\0';
	*at += strspn(*at, " \t");
	return word;
}

/* RFC 3597 section 5, also for types whose RDATA is to be wrong. */
static void read_opaque(char *text, struct wire_text_record *record)
{
	uint8_t *bytes = report_alloc(strlen(text));
	const size_t len = wire_build_number(next_word(&text), UINT16_MAX);

	while (*text != '\0')
		record->rdata_len += wire_build_hex(next_word(&text), bytes + record->rdata_len,
						    len - record->rdata_len);
	if (record->rdata_len != len)
		report_fail("\\# %zu is followed by %zu bytes", len, record->rdata_len);
	record->rdata = bytes;
	record->is_opaque = true;
}

static void read_rdata(const char *text, struct wire_text_record *record)
{
	struct type_text type;
	ldns_rr *rr = NULL;
	const size_t size = strlen(text) + 64;
	char *line = report_alloc(size);

	snprintf(line, size, ". 0 IN %s %s", type_to_text(record->type, &type), text);
	const ldns_status status = ldns_rr_new_frm_str(&rr, line, 0, NULL, NULL);
	if (status != LDNS_STATUS_OK)
		report_fail("RDATA \"%s\" of %s: %s", text, type.text,
			    ldns_get_errorstr_by_id(status));
	free(line);
	record->rdata = report_alloc(UINT16_MAX);
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *rdf = ldns_rr_rdf(rr, i);

		memcpy(record->rdata + record->rdata_len, ldns_rdf_data(rdf), ldns_rdf_size(rdf));
		record->rdata_len += ldns_rdf_size(rdf);
	}
	ldns_rr_free(rr);
}

static unsigned read_section(char **at)
{
	static const char *const names[SECTION_COUNT] = { "answer", "authority", "additional" };

	for (unsigned i = 0; i < SECTION_COUNT; i++) {
		const size_t len = strlen(names[i]);

		if (strncmp(*at, names[i], len) == 0 && isblank((unsigned char)(*at)[len])) {
			next_word(at);
			return i;
		}
	}
	return SECTION_ANSWER;
}

void wire_build_read_record(const char *text, const uint8_t *asked,
			    struct wire_text_record *ret_record)
{
	struct wire_text_record *record = ret_record;
	char *copy = report_dup(text, strlen(text) + 1), *at = copy;

	memset(record, 0, sizeof(*record));
	record->section = read_section(&at);
	const char *owner = next_word(&at), *ttl = next_word(&at), *type = next_word(&at);
	if (*type == '\0')
		report_fail("\"%s\": expected OWNER TTL TYPE RDATA", text);
	if (strcmp(owner, "@") == 0 && asked != NULL)
		memcpy(record->owner, asked, name_len(asked));
	else
		wire_build_name(owner, record->owner);
	record->has_any_ttl = strcmp(ttl, "*") == 0;
	if (!record->has_any_ttl)
		record->ttl = (uint32_t)wire_build_number(ttl, UINT32_MAX);
	record->type = wire_build_type(type);
	record->has_any_rdata = strcmp(at, "*") == 0;
	if (strncmp(at, "\\#", 2) == 0)
		read_opaque(at + 2, record);
	else if (!record->has_any_rdata)
		read_rdata(at, record);
	free(copy);
}

void wire_build_record_done(struct wire_text_record *record)
{
	free(record->rdata);
}
