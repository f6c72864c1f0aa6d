#include "app/doctor_reply.h"

#include <ctype.h>
#include <string.h>

#include "policy/rebinding.h"
#include "wire/cursor.h"

/* courier.push.apple.com, courier-push-apple.com.akadns.net */
static const uint8_t apple_alias[] = "\7courier\4push\5apple\3com";
static const uint8_t apple_target[] = "\22courier-push-apple\3com\6akadns\3net";

struct record {
	const uint8_t *wire;
	size_t wire_len, owner_at, rdata_at;
	uint16_t type, class, len;
};
/* False ends the walk. */
typedef bool (*record_fn)(void *ctx, const struct record *record);

static size_t read_record(struct record *record, size_t at)
{
	size_t len, next;

	record->owner_at = at;
	if (name_read(record->wire, record->wire_len, at, NULL, &len, &next) != 0)
		return 0;
	struct cursor in = cursor_over(record->wire + next, record->wire_len - next);
	record->type = cursor_u16(&in);
	record->class = cursor_u16(&in);
	(void)cursor_u32(&in);
	record->len = cursor_u16(&in);
	record->rdata_at = (size_t)(in.at - record->wire);
	(void)cursor_bytes(&in, record->len);
	return in.failed ? 0 : record->rdata_at + record->len;
}

/* Walks the records of one section that are of the asked class. */
static void walk(const struct doctor_ask *ask, enum message_section wanted, record_fn fn, void *ctx)
{
	struct record record = { .wire = ask->wire, .wire_len = ask->facts.wire_len };
	size_t at = MESSAGE_HEADER_LEN + ask->facts.question_len;
	const uint16_t class = ask->view.class == CLASS_CH ? CLASS_CH : CLASS_IN;

	if (ask->state != DOCTOR_ASK_REPLY)
		return;
	for (unsigned section = 0; section <= wanted; section++) {
		for (unsigned i = 0; i < ask->facts.records[section]; i++) {
			at = read_record(&record, at);
			if (at == 0)
				return;
			if (section == wanted && record.class == class && !fn(ctx, &record))
				return;
		}
	}
}

enum verdict doctor_reply_verdict(const struct doctor_ask *ask)
{
	return classify_reply(ask->wire, &ask->facts);
}

/* --- addresses ----------------------------------------------------------------------------- */

struct addresses {
	struct addr *addrs;
	size_t count, max;
};

static bool add_address(void *ctx, const struct record *record)
{
	struct addresses *list = ctx;
	const bool is_v4 = record->type == TYPE_A && record->len == 4;

	if (!is_v4 && !(record->type == TYPE_AAAA && record->len == 16))
		return true;
	if (list->count == list->max)
		return false;
	struct addr *addr = &list->addrs[list->count++];
	*addr = (struct addr){ .family = is_v4 ? ADDR_IPV4 : ADDR_IPV6 };
	memcpy(addr->bytes, record->wire + record->rdata_at, record->len);
	return true;
}

size_t doctor_reply_addresses(const struct doctor_ask *ask, struct addr *ret_addrs, size_t max)
{
	struct addresses list = { .addrs = ret_addrs, .max = max };

	walk(ask, SECTION_ANSWER, add_address, &list);
	return list.count;
}

static bool note_private(void *ctx, const struct record *record)
{
	return !rebinding_find_in_record(record->type, record->wire + record->rdata_at, record->len,
					 ctx);
}

bool doctor_reply_private(const struct doctor_ask *ask, struct addr *ret_addr)
{
	struct addr addr = { .family = ADDR_NONE };

	walk(ask, SECTION_ANSWER, note_private, &addr);
	if (addr.family == ADDR_NONE)
		return false;
	*ret_addr = addr;
	return true;
}

bool doctor_reply_leads_nowhere(const struct addr *addr)
{
	static const uint8_t first[15] = { 0 }; /* of :: and ::1 */

	if (addr->family == ADDR_IPV4)
		return addr->bytes[0] == 0 || addr->bytes[0] == 127;
	return memcmp(addr->bytes, first, sizeof(first)) == 0 && addr->bytes[15] <= 1;
}

/* --- names and texts ----------------------------------------------------------------------- */

struct note {
	struct name_text *name;
	bool is_found;
};

static void note_name(struct note *note, const struct record *record, size_t at)
{
	uint8_t name[NAME_MAX_LEN];
	size_t len, next;

	if (name_read(record->wire, record->wire_len, at, name, &len, &next) != 0)
		return;
	name_to_text(name, note->name);
	note->is_found = true;
}

static bool note_cname(void *ctx, const struct record *record)
{
	if (record->type == TYPE_CNAME)
		note_name(ctx, record, record->rdata_at);
	return true;
}

bool doctor_reply_last_cname(const struct doctor_ask *ask, struct name_text *ret_target)
{
	struct note note = { .name = ret_target };

	walk(ask, SECTION_ANSWER, note_cname, &note);
	return note.is_found;
}

static bool note_soa(void *ctx, const struct record *record)
{
	if (record->type != TYPE_SOA)
		return true;
	note_name(ctx, record, record->owner_at);
	return false;
}

bool doctor_reply_soa(const struct doctor_ask *ask, struct name_text *ret_zone)
{
	struct note note = { .name = ret_zone };

	walk(ask, SECTION_AUTHORITY, note_soa, &note);
	return note.is_found;
}

struct txt {
	const char *begin;
	char *text;
	size_t max;
	bool is_found;
};

static bool note_txt(void *ctx, const struct record *record)
{
	struct txt *txt = ctx;
	struct cursor in = cursor_over(record->wire + record->rdata_at, record->len);
	size_t len = 0;

	if (record->type != TYPE_TXT)
		return true;
	while (cursor_left(&in) > 0 && !in.failed) {
		const uint8_t size = cursor_u8(&in);
		const uint8_t *bytes = cursor_bytes(&in, size);
		for (size_t i = 0; bytes != NULL && i < size && len + 1 < txt->max; i++) {
			if (isprint(bytes[i]))
				txt->text[len++] = (char)bytes[i];
		}
	}
	txt->text[len] = '\0';
	txt->is_found = strncmp(txt->text, txt->begin, strlen(txt->begin)) == 0;
	return !txt->is_found;
}

bool doctor_reply_txt(const struct doctor_ask *ask, const char *begin, char *ret_text, size_t max)
{
	struct txt txt = { .begin = begin, .text = ret_text, .max = max };

	walk(ask, SECTION_ANSWER, note_txt, &txt);
	return txt.is_found;
}

bool doctor_reply_same_case(const struct doctor_ask *ask)
{
	return ask->facts.question_len >= ask->view.name_len &&
	       memcmp(ask->wire + MESSAGE_HEADER_LEN, ask->view.name, ask->view.name_len) == 0;
}

enum squash doctor_reply_squash(const struct doctor_ask *ask)
{
	static const struct squash_family apple = { apple_alias, apple_target };

	if (ask->state != DOCTOR_ASK_REPLY)
		return SQUASH_SILENT;
	return squash_judge(&apple, ask->wire, &ask->facts);
}
