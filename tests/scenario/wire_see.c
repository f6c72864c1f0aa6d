#include "wire_see.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "wire/cursor.h"

#define RECORDS_MAX 20000u
#define HEX_SHOWN_MAX 2048u

static bool see_question(struct wire_seen *seen, size_t *at)
{
	size_t len, next;

	if (seen->counts[0] == 0)
		return true;
	/* its name cannot be compressed: there is nothing before it */
	if (seen->counts[0] > 1 ||
	    name_read(seen->wire, seen->wire_len, *at, NULL, &len, &next) != 0 ||
	    seen->wire_len - next < 4)
		return false;
	struct cursor cursor = cursor_over(seen->wire + next, 4);
	seen->qname = seen->wire + *at;
	seen->qname_len = next - *at;
	seen->qtype = cursor_u16(&cursor);
	seen->qclass = cursor_u16(&cursor);
	seen->question_len = seen->qname_len + 4;
	*at = next + 4;
	return true;
}

static bool see_record(struct wire_seen *seen, unsigned section, size_t *at)
{
	struct wire_record *record = &seen->records[seen->count];
	size_t next;

	if (name_read(seen->wire, seen->wire_len, *at, record->owner, &record->owner_len, &next) !=
	    0)
		return false;
	struct cursor cursor = cursor_over(seen->wire + next, seen->wire_len - next);
	record->section = section;
	record->at = *at;
	record->type = cursor_u16(&cursor);
	record->class = cursor_u16(&cursor);
	record->ttl = cursor_u32(&cursor);
	record->rdata_len = cursor_u16(&cursor);
	cursor_bytes(&cursor, record->rdata_len);
	record->ttl_at = next + 4;
	record->rdata_at = next + 10;
	record->end = *at = next + 10 + record->rdata_len;
	if (record->type == TYPE_OPT)
		seen->opt = record;
	seen->count++;
	return !cursor.failed;
}

bool wire_see(const uint8_t *wire, size_t wire_len, struct wire_seen *ret_seen)
{
	struct wire_seen *seen = ret_seen;
	struct cursor cursor = cursor_over(wire, wire_len);
	size_t at = MESSAGE_HEADER_LEN;

	*seen = (struct wire_seen){ .wire = wire, .wire_len = wire_len };
	seen->id = cursor_u16(&cursor);
	seen->flags = cursor_u16(&cursor);
	for (size_t i = 0; i < 4; i++)
		seen->counts[i] = cursor_u16(&cursor);
	if (cursor.failed || !see_question(seen, &at))
		return false;
	const size_t total = (size_t)seen->counts[1] + seen->counts[2] + seen->counts[3];
	if (total > RECORDS_MAX)
		return false;
	seen->records = report_alloc(total * sizeof(*seen->records));
	for (unsigned section = 0; section < SECTION_COUNT; section++) {
		for (unsigned i = 0; i < seen->counts[section + 1]; i++) {
			if (!see_record(seen, section, &at))
				return false;
		}
	}
	seen->end = at;
	return true;
}

void wire_see_done(struct wire_seen *seen)
{
	free(seen->records);
	seen->records = NULL;
}

/* How many bytes stand before the names of a type's RDATA, and how many names; -1 for none. */
static int names_of_type(uint16_t type, size_t *ret_before)
{
	*ret_before = 0;
	switch (type) {
	case TYPE_NS:
	case TYPE_CNAME:
	case TYPE_PTR:
	case TYPE_DNAME:
		return 1;
	case TYPE_MX:
		*ret_before = 2;
		return 1;
	case TYPE_SOA:
		return 2;
	default:
		return 0;
	}
}

size_t wire_see_rdata(const struct wire_seen *seen, const struct wire_record *record,
		      uint8_t ret_rdata[WIRE_RDATA_MAX])
{
	size_t before, len;
	const int names = names_of_type(record->type, &before);
	size_t at = record->rdata_at, written = 0;

	if (before > record->rdata_len)
		return 0;
	memcpy(ret_rdata, seen->wire + at, before);
	at += before;
	written += before;
	for (int i = 0; i < names; i++) {
		if (name_read(seen->wire, record->end, at, ret_rdata + written, &len, &at) != 0)
			return 0;
		written += len;
	}
	if (at > record->end)
		return 0;
	memcpy(ret_rdata + written, seen->wire + at, record->end - at);
	return written + record->end - at;
}

bool wire_see_same_question(const struct wire_seen *a, const struct wire_seen *b)
{
	return a->question_len > 0 && b->question_len > 0 && a->qtype == b->qtype &&
	       a->qclass == b->qclass && name_equal(a->qname, b->qname);
}

/* --- for a reader -------------------------------------------------------------------------- */

static void print_hex(const uint8_t *wire, size_t wire_len)
{
	const size_t shown = wire_len < HEX_SHOWN_MAX ? wire_len : HEX_SHOWN_MAX;

	for (size_t i = 0; i < shown; i++) {
		if (i % 32 == 0)
			fprintf(stderr, "%s    %04zx ", i > 0 ? "\n" : "", i);
		fprintf(stderr, "%s%02x", i % 4 == 0 ? " " : "", wire[i]);
	}
	fprintf(stderr, "%s\n", shown < wire_len ? " ..." : "");
}

static void print_text(const uint8_t *wire, size_t wire_len)
{
	ldns_pkt *packet;

	if (ldns_wire2pkt(&packet, wire, wire_len) != LDNS_STATUS_OK)
		return;
	char *text = ldns_pkt2str(packet);
	for (char *line = text; line != NULL && *line != '\0';) {
		const size_t len = strcspn(line, "\n");
		if (len > 2 && strncmp(line, ";; WHEN", 7) != 0 &&
		    strncmp(line, ";; Query time", 13) != 0)
			fprintf(stderr, "    %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
	free(text);
	ldns_pkt_free(packet);
}

void wire_see_print(const char *title, const uint8_t *wire, size_t wire_len)
{
	fprintf(stderr, "  %s, %zu bytes:\n", title, wire_len);
	print_text(wire, wire_len);
	print_hex(wire, wire_len);
}
