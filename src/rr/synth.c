#include "rr/synth.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/name.h"

#define N_MARKER "{n}"
#define N_MARKER_LEN 3u
#define N_MAX_LEN 10u /* digits of 32 bits */

#define SECTION_COUNTS_AT 6u
#define QUESTION_POINTER (0xc000u | MESSAGE_HEADER_LEN)

/* The values of a SOA that nobody transfers (RFC 6303 section 3), but for the MINIMUM. */
enum { SOA_SERIAL = 1, SOA_REFRESH = 3600, SOA_RETRY = 1200, SOA_EXPIRE = 604800 };
static const uint8_t soa_rname[] = "\006nobody\007invalid";

struct kept_record {
	uint16_t type;
	bool is_template;
	size_t len;
	uint8_t *bytes; /* what record_read() wrote; of a template the text */
};

struct synth_records {
	struct kept_record *kept;
	size_t count;
};

struct synth_records *synth_records_new(void)
{
	return mem_zalloc(sizeof(struct synth_records));
}

void synth_records_free(struct synth_records *records)
{
	if (records == NULL)
		return;
	for (size_t i = 0; i < records->count; i++)
		mem_free(records->kept[i].bytes);
	mem_free(records->kept);
	mem_free(records);
}

/* --- reading records ----------------------------------------------------------------------- */

/* A copy of `text` with the number in place of each "{n}". NULL when memory is short. */
static char *put_n(const char *text, uint32_t n)
{
	char digits[N_MAX_LEN + 1];
	size_t count = 0;

	for (const char *at = text; (at = strstr(at, N_MARKER)) != NULL; at += N_MARKER_LEN)
		count++;
	char *copy = mem_alloc(strlen(text) + count * N_MAX_LEN + 1);
	if (copy == NULL)
		return NULL;
	const size_t digits_len = (size_t)snprintf(digits, sizeof(digits), "%u", n);
	char *to = copy;
	const char *next;
	while ((next = strstr(text, N_MARKER)) != NULL) {
		memcpy(to, text, (size_t)(next - text));
		to += next - text;
		memcpy(to, digits, digits_len);
		to += digits_len;
		text = next + N_MARKER_LEN;
	}
	memcpy(to, text, strlen(text) + 1);
	return copy;
}

static int read_with_n(const char *text, uint32_t n, struct cursor_out *out,
		       struct record_fault *ret_fault)
{
	char *copy = put_n(text, n);
	if (copy == NULL)
		return -ENOMEM;
	const int err = record_read(copy, out, ret_fault);
	mem_free(copy);
	return err;
}

/* Reads the record at the end of a message that has nothing else, and has wire/ confirm what ldns
 * made of it. */
static int check_record(const char *text, uint32_t n, uint8_t scratch[MESSAGE_MAX_LEN],
			size_t *ret_len, struct record_fault *ret_fault)
{
	struct cursor_out out = cursor_into(scratch, MESSAGE_MAX_LEN);
	struct message_facts facts;

	for (size_t at = 0; at < MESSAGE_HEADER_LEN; at++)
		cursor_put_u8(&out, at == SECTION_COUNTS_AT + 1);
	cursor_put_u8(&out, 0);
	const int err = read_with_n(text, n, &out, ret_fault);
	if (err != 0)
		return err == ERR_NO_SPACE ? ERR_MALFORMED : err;
	*ret_len = cursor_written(&out);
	if (message_read(scratch, *ret_len, &facts) != MESSAGE_OK) {
		ret_fault->why = "the data is not what the type says";
		return ERR_MALFORMED;
	}
	return 0;
}

static int check_company(const struct synth_records *records, uint16_t type,
			 struct record_fault *ret_fault)
{
	const bool has_cname = records->count > 0 && records->kept[0].type == TYPE_CNAME;

	if (!has_cname && (type != TYPE_CNAME || records->count == 0))
		return 0;
	ret_fault->why = "a CNAME can only be the one record of its name";
	return ERR_MALFORMED;
}

static int keep(struct synth_records *records, struct kept_record record, const void *bytes)
{
	const size_t size = (records->count + 1) * sizeof(*records->kept);
	struct kept_record *kept = mem_realloc(records->kept, size);
	if (kept == NULL)
		return -ENOMEM;
	records->kept = kept;
	record.bytes = mem_dup(bytes, record.len);
	if (record.bytes == NULL)
		return -ENOMEM;
	kept[records->count++] = record;
	return 0;
}

int synth_records_add(struct synth_records *records, const char *text,
		      const struct synth_range *range, struct synth_fault *ret_fault)
{
	const size_t head_len = MESSAGE_HEADER_LEN + 1;
	const bool is_template = strstr(text, N_MARKER) != NULL;
	struct kept_record record = { .is_template = is_template };
	size_t len = 0;
	uint8_t *scratch = mem_alloc(MESSAGE_MAX_LEN);
	int err = -ENOMEM;

	*ret_fault = (struct synth_fault){ .record.example = "@ 300 IN A 192.0.2.1" };
	if (scratch == NULL)
		goto out;
	if (is_template && range == NULL) {
		ret_fault->record.why = "{n} needs a {n} in each name of the rule";
		err = ERR_MALFORMED;
		goto out;
	}
	const uint32_t ends[] = { is_template ? range->low : 0, is_template ? range->high : 0 };
	for (unsigned i = 0; i < (is_template ? 2 : 1); i++) {
		ret_fault->n = ends[i];
		ret_fault->has_n = is_template;
		err = check_record(text, ends[i], scratch, &len, &ret_fault->record);
		if (err != 0)
			goto out;
	}
	record.type = (uint16_t)(scratch[head_len] << 8 | scratch[head_len + 1]);
	if ((err = check_company(records, record.type, &ret_fault->record)) != 0)
		goto out;
	record.len = is_template ? strlen(text) + 1 : len - head_len;
	err = keep(records, record, is_template ? (const void *)text : scratch + head_len);
out:
	mem_free(scratch);
	return err;
}

/* --- messages ------------------------------------------------------------------------------ */

static void put_head(struct cursor_out *out, const struct query_view *view, unsigned rcode)
{
	const unsigned asked = view->flags & (unsigned)(FLAG_RD | FLAG_CD);

	cursor_put_u16(out, view->id);
	cursor_put_u16(out, (uint16_t)(FLAG_QR | FLAG_RA | asked | rcode));
	cursor_put_u16(out, 1);
	cursor_put_u16(out, 0);
	cursor_put_u32(out, 0);
	cursor_put(out, view->name, view->name_len);
	cursor_put_u16(out, view->type);
	cursor_put_u16(out, view->class);
}

static void set_count(const struct cursor_out *out, enum message_section section, size_t count)
{
	if (out->failed)
		return;
	out->start[SECTION_COUNTS_AT + 2 * section] = (uint8_t)(count >> 8);
	out->start[SECTION_COUNTS_AT + 2 * section + 1] = (uint8_t)count;
}

/* A pointer into the question where the zone is part of it, as it always is but for the root. */
static void put_zone(struct cursor_out *out, const struct query_view *view, const uint8_t *zone)
{
	const size_t len = name_len(zone);

	if (len > 1 && name_is_under(view->name, zone))
		cursor_put_u16(out, (uint16_t)(QUESTION_POINTER + view->name_len - len));
	else
		cursor_put(out, zone, len);
}

static void put_soa(struct cursor_out *out, const struct query_view *view, const uint8_t *zone,
		    uint32_t soa_ttl)
{
	put_zone(out, view, zone);
	cursor_put_u16(out, TYPE_SOA);
	cursor_put_u16(out, view->class == CLASS_ANY ? CLASS_IN : view->class);
	cursor_put_u32(out, soa_ttl);
	uint8_t *const len_at = out->at;
	cursor_put_u16(out, 0);
	put_zone(out, view, zone); /* MNAME */
	cursor_put(out, soa_rname, sizeof(soa_rname));
	cursor_put_u32(out, SOA_SERIAL);
	cursor_put_u32(out, SOA_REFRESH);
	cursor_put_u32(out, SOA_RETRY);
	cursor_put_u32(out, SOA_EXPIRE);
	cursor_put_u32(out, soa_ttl); /* MINIMUM */
	if (out->failed)
		return;
	len_at[0] = (uint8_t)((size_t)(out->at - len_at - 2) >> 8);
	len_at[1] = (uint8_t)(out->at - len_at - 2);
	set_count(out, SECTION_AUTHORITY, 1);
}

static int put_record(struct cursor_out *out, const struct kept_record *record, uint32_t n)
{
	struct record_fault fault;

	cursor_put_u16(out, QUESTION_POINTER);
	if (record->is_template)
		return read_with_n((const char *)record->bytes, n, out, &fault);
	cursor_put(out, record->bytes, record->len);
	return 0;
}

static bool fits(const struct query_view *view, const struct kept_record *record)
{
	if (view->class != CLASS_IN && view->class != CLASS_ANY)
		return false;
	return view->type == TYPE_ANY || view->type == record->type || record->type == TYPE_CNAME;
}

static int finish(const struct cursor_out *out, size_t *ret_len)
{
	if (out->failed)
		return ERR_NO_SPACE;
	*ret_len = cursor_written(out);
	return 0;
}

int synth_answer(const struct query_view *view, const struct synth_records *records, uint32_t n,
		 const uint8_t *zone, uint8_t *out_bytes, size_t out_max, size_t *ret_len)
{
	struct cursor_out out = cursor_into(out_bytes, out_max);
	size_t count = 0;

	put_head(&out, view, RCODE_NOERROR);
	for (size_t i = 0; i < records->count; i++) {
		if (!fits(view, &records->kept[i]))
			continue;
		const int err = put_record(&out, &records->kept[i], n);
		if (err != 0)
			return err;
		count++;
	}
	if (count == 0)
		put_soa(&out, view, zone, SYNTH_SOA_TTL);
	set_count(&out, SECTION_ANSWER, count);
	return finish(&out, ret_len);
}

int synth_negative(const struct query_view *view, unsigned rcode, const uint8_t *zone,
		   uint32_t soa_ttl, uint8_t *out_bytes, size_t out_max, size_t *ret_len)
{
	struct cursor_out out = cursor_into(out_bytes, out_max);

	assert(rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN);
	put_head(&out, view, rcode);
	put_soa(&out, view, zone, soa_ttl);
	return finish(&out, ret_len);
}

/* --- an alias that dangles ----------------------------------------------------------------- */

/* What a SOA holds, its names uncompressed. */
struct soa {
	uint8_t owner[NAME_MAX_LEN], mname[NAME_MAX_LEN], rname[NAME_MAX_LEN];
	const uint8_t *numbers;
};
#define SOA_NUMBERS_LEN 20u

static bool read_soa(const uint8_t *wire, size_t len, size_t rdata_at, struct soa *soa)
{
	size_t name_len, at = rdata_at;

	if (name_read(wire, len, at, soa->mname, &name_len, &at) != 0 ||
	    name_read(wire, len, at, soa->rname, &name_len, &at) != 0 || at > len)
		return false;
	struct cursor in = cursor_over(wire + at, len - at);
	soa->numbers = cursor_bytes(&in, SOA_NUMBERS_LEN);
	return soa->numbers != NULL;
}

/* The first in the authority section. */
static bool find_soa(const uint8_t *wire, size_t len, struct soa *soa)
{
	struct message_facts facts;
	struct message_record record;
	size_t name_len, next;

	if (message_read(wire, len, &facts) != MESSAGE_OK || !facts.has_soa)
		return false;
	struct message_walk walk = message_walk_from(wire, len);
	while (message_walk_next(&walk, &record)) {
		if (record.section == SECTION_AUTHORITY && record.type == TYPE_SOA)
			return name_read(wire, len, record.at, soa->owner, &name_len, &next) == 0 &&
			       read_soa(wire, len, record.rdata_at, soa);
	}
	return false;
}

static void put_soa_like(struct cursor_out *out, const struct soa *soa)
{
	const size_t mname_len = name_len(soa->mname), rname_len = name_len(soa->rname);

	cursor_put(out, soa->owner, name_len(soa->owner));
	cursor_put_u16(out, TYPE_SOA);
	cursor_put_u16(out, CLASS_IN);
	cursor_put_u32(out, SYNTH_SOA_TTL);
	cursor_put_u16(out, (uint16_t)(mname_len + rname_len + SOA_NUMBERS_LEN));
	cursor_put(out, soa->mname, mname_len);
	cursor_put(out, soa->rname, rname_len);
	cursor_put(out, soa->numbers, SOA_NUMBERS_LEN);
	set_count(out, SECTION_AUTHORITY, 1);
}

int synth_dangling(const struct query_view *view, const struct synth_dangle *how,
		   uint8_t *out_bytes, size_t out_max, size_t *ret_len)
{
	struct cursor_out out = cursor_into(out_bytes, out_max);
	const size_t target_len = name_len(how->target);
	struct soa soa;

	put_head(&out, view, RCODE_NOERROR);
	cursor_put_u16(&out, QUESTION_POINTER);
	cursor_put_u16(&out, TYPE_CNAME);
	cursor_put_u16(&out, CLASS_IN);
	cursor_put_u32(&out, SYNTH_SOA_TTL);
	cursor_put_u16(&out, (uint16_t)target_len);
	cursor_put(&out, how->target, target_len);
	set_count(&out, SECTION_ANSWER, 1);
	if (how->like != NULL && find_soa(how->like, how->like_len, &soa))
		put_soa_like(&out, &soa);
	else
		put_soa(&out, view, how->zone, SYNTH_SOA_TTL);
	return finish(&out, ret_len);
}
