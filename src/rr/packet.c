#include "rr/packet.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/message.h"

/* ldns_wire2pkt() is not used: up to 1.8.4 ldns_wire2rr() writes through the NULL that
 * ldns_rr_new() gives when memory is short, and records it could not push are lost and leaked. Nor
 * are its buffers, whose functions assert. Names are what matters here, and ldns_wire2dname() is
 * sound; its one weakness, pointers that lead in circles, message_read() has excluded. RDATA of
 * other types is not looked at, so that a record ldns knows no reading of cannot spoil the
 * shape. */

struct record {
	ldns_rdf *owner;  /* canonical, that is in lower case */
	ldns_rdf *target; /* of a CNAME, else NULL */
	uint16_t type, class;
	uint16_t place; /* in the message */
	bool is_used;	/* of the chain, or data at its end */
};

/* One message being read. */
struct packet {
	const uint8_t *wire;
	size_t wire_len, at;
	ldns_rdf *asked;
	uint16_t type, class;
	struct record *answers; /* by owner, then by place */
	size_t answer_count;
};

static int read_name(struct packet *packet, ldns_rdf **ret_name)
{
	const ldns_status status =
		ldns_wire2dname(ret_name, packet->wire, packet->wire_len, &packet->at);

	if (status != LDNS_STATUS_OK)
		return status == LDNS_STATUS_MEM_ERR ? -ENOMEM : ERR_MALFORMED;
	ldns_dname2canonical(*ret_name);
	return 0;
}

static struct cursor here(const struct packet *packet)
{
	const size_t at = packet->at < packet->wire_len ? packet->at : packet->wire_len;
	return cursor_over(packet->wire + at, packet->wire_len - at);
}

static int read_question(struct packet *packet)
{
	const int err = read_name(packet, &packet->asked);
	if (err != 0)
		return err;
	struct cursor cursor = here(packet);
	packet->type = cursor_u16(&cursor);
	packet->class = cursor_u16(&cursor);
	packet->at += 4;
	return cursor.failed ? ERR_MALFORMED : 0;
}

/* What it has read so far is in `record`, whatever the outcome. */
static int read_record(struct packet *packet, struct record *record)
{
	int err = read_name(packet, &record->owner);
	if (err != 0)
		return err;
	struct cursor cursor = here(packet);
	record->type = cursor_u16(&cursor);
	record->class = cursor_u16(&cursor);
	cursor_u32(&cursor); /* TTL */
	const size_t rdata_len = cursor_u16(&cursor);
	cursor_bytes(&cursor, rdata_len);
	if (cursor.failed)
		return ERR_MALFORMED;
	packet->at += 10;
	const size_t end = packet->at + rdata_len;
	if (record->type == TYPE_CNAME) {
		if ((err = read_name(packet, &record->target)) != 0)
			return err;
		if (packet->at != end)
			return ERR_MALFORMED;
	}
	packet->at = end;
	return 0;
}

static void free_record(struct record *record)
{
	ldns_rdf_deep_free(record->owner);
	ldns_rdf_deep_free(record->target);
}

static void free_packet(struct packet *packet)
{
	ldns_rdf_deep_free(packet->asked);
	for (size_t i = 0; i < packet->answer_count; i++)
		free_record(&packet->answers[i]);
	mem_free(packet->answers);
}

/* --- the chain ----------------------------------------------------------------------------- */

static int compare_names(const ldns_rdf *a, const ldns_rdf *b)
{
	const size_t a_len = ldns_rdf_size(a), b_len = ldns_rdf_size(b);

	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return memcmp(ldns_rdf_data(a), ldns_rdf_data(b), a_len);
}

static int compare_records(const void *left, const void *right)
{
	const struct record *a = left, *b = right;
	const int order = compare_names(a->owner, b->owner);

	return order != 0 ? order : a->place - b->place;
}

/* The first record of `name`, or where it would stand: a reply may hold thousands of CNAMEs, in any
 * order, and none of them may cost a look at all the others. */
static size_t find_owner(const struct packet *packet, const ldns_rdf *name)
{
	size_t low = 0, high = packet->answer_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (compare_names(packet->answers[middle].owner, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_data(const struct packet *packet, const struct record *record)
{
	return packet->type == TYPE_ANY || record->type == packet->type;
}

/* Looks at all records of one name on the chain. Returns where the chain goes on, or NULL. */
static struct record *look_at(struct packet *packet, const ldns_rdf *name, bool *has_data)
{
	struct record *next = NULL;

	for (size_t i = find_owner(packet, name); i < packet->answer_count; i++) {
		struct record *record = &packet->answers[i];
		if (compare_names(record->owner, name) != 0)
			break;
		if (record->class != packet->class && packet->class != CLASS_ANY)
			continue;
		if (is_data(packet, record))
			record->is_used = *has_data = true;
		else if (record->type == TYPE_CNAME && next == NULL)
			next = record;
	}
	return next;
}

static void follow(struct packet *packet, struct packet_shape *shape)
{
	const ldns_rdf *name = packet->asked;
	struct record *hop;

	while ((hop = look_at(packet, name, &shape->has_data)) != NULL && !hop->is_used) {
		hop->is_used = true;
		shape->cname_count++;
		name = hop->target;
	}
	shape->has_loop = hop != NULL;
	for (size_t i = 0; i < packet->answer_count; i++)
		shape->has_other_answers |= !packet->answers[i].is_used;
}

/* --- reading ------------------------------------------------------------------------------- */

static int read_answers(struct packet *packet, size_t count)
{
	packet->answers = mem_alloc(count * sizeof(*packet->answers) + 1);
	if (packet->answers == NULL)
		return -ENOMEM;
	while (packet->answer_count < count) {
		struct record *record = &packet->answers[packet->answer_count];
		*record = (struct record){ .place = (uint16_t)packet->answer_count };
		packet->answer_count++;
		const int err = read_record(packet, record);
		if (err != 0)
			return err;
	}
	if (count > 1)
		qsort(packet->answers, count, sizeof(*packet->answers), compare_records);
	return 0;
}

static int read_authority(struct packet *packet, size_t count, bool *ret_has_soa)
{
	for (size_t i = 0; i < count; i++) {
		struct record record = { 0 };
		const int err = read_record(packet, &record);
		free_record(&record);
		if (err != 0)
			return err;
		if (record.type == TYPE_SOA)
			*ret_has_soa = true;
	}
	return 0;
}

int packet_shape(const uint8_t *wire, size_t wire_len, struct packet_shape *ret_shape)
{
	struct packet packet = { .wire = wire, .wire_len = wire_len, .at = MESSAGE_HEADER_LEN };
	struct packet_shape shape = { 0 };
	struct cursor header = cursor_over(wire, wire_len);
	int err = ERR_MALFORMED;

	cursor_u16(&header); /* ID */
	shape.rcode = FLAGS_RCODE(cursor_u16(&header));
	const unsigned questions = cursor_u16(&header);
	const unsigned answers = cursor_u16(&header);
	const unsigned authorities = cursor_u16(&header);
	if (header.failed || questions != 1 || (err = read_question(&packet)) != 0)
		goto out;
	if ((err = read_answers(&packet, answers)) != 0)
		goto out;
	if ((err = read_authority(&packet, authorities, &shape.has_soa)) != 0)
		goto out;
	follow(&packet, &shape);
	*ret_shape = shape;
out:
	free_packet(&packet);
	return err;
}
