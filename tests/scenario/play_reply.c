#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "play.h"
#include "report.h"
#include "wire/type.h"
#include "wire_build.h"

#define EDNS_DO 0x8000u
#define EDNS_SIZE 1232u
#define BIT_DO 0x10000u /* above the header's flags */

struct reply {
	unsigned rcode;
	uint16_t flags;
	uint16_t id, qtype, qclass;
	uint8_t qname[NAME_MAX_LEN];
	bool is_bare, has_no_question, has_edns, is_plain, is_wrong;
	struct wire_edns edns;
	const char *trailing; /* hexadecimal, or NULL */
};

const char *play_value(const char *word, const char *key)
{
	const size_t len = strlen(key);

	return strncmp(word, key, len) == 0 && word[len] == '=' ? word + len + 1 : NULL;
}

uint16_t play_option(const char *text, uint8_t *ret_data, size_t max, size_t *ret_len)
{
	char code[8] = { 0 };
	const size_t len = strcspn(text, ":");

	if (text[len] != ':' || len >= sizeof(code))
		report_fail("\"%s\": expected CODE:HEX", text);
	memcpy(code, text, len);
	*ret_len = wire_build_hex(text + len + 1, ret_data, max);
	return (uint16_t)wire_build_number(code, UINT16_MAX);
}

size_t play_ecs(const char *text, uint8_t ret_data[PLAY_ECS_MAX])
{
	struct addr_prefix prefix;

	if (addr_prefix_parse(text, &prefix) != 0)
		report_fail("\"%s\" is no network", text);
	const size_t len = (prefix.bits + 7u) / 8;
	ret_data[0] = 0;
	ret_data[1] = prefix.net.family == ADDR_IPV4 ? 1 : 2;
	ret_data[2] = prefix.bits;
	ret_data[3] = 0;
	memcpy(ret_data + 4, prefix.net.bytes, len);
	return 4 + len;
}

unsigned play_bits(const struct wire_seen *question)
{
	const bool wants_dnssec = question->opt != NULL && (question->opt->ttl & EDNS_DO) != 0;

	return (question->flags & (FLAG_RD | FLAG_CD)) | (wants_dnssec ? BIT_DO : 0);
}

/* --- words --------------------------------------------------------------------------------- */

static bool read_header_flag(const char *word, struct reply *reply)
{
	static const struct {
		const char *word;
		uint16_t flag;
	} flags[] = { { "aa", FLAG_AA }, { "tc", FLAG_TC }, { "ad", FLAG_AD }, { "cd", FLAG_CD },
		      { "ra", FLAG_RA }, { "rd", FLAG_RD }, { "qr", FLAG_QR }, { "z", FLAG_Z } };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		const char *value = play_value(word, flags[i].word);

		if (value != NULL && strcmp(value, "0") == 0) {
			reply->flags &= (uint16_t)~flags[i].flag;
			return true;
		}
		if (strcmp(word, flags[i].word) == 0) {
			reply->flags |= flags[i].flag;
			return true;
		}
	}
	return false;
}

static bool read_edns_word(const char *word, struct reply *reply)
{
	struct wire_edns *edns = &reply->edns;
	uint8_t data[2048];
	const char *value;
	size_t len;

	if (strcmp(word, "noedns") == 0) {
		reply->has_edns = false;
		return true;
	}
	if ((value = play_value(word, "edns")) != NULL) {
		edns->size = (uint16_t)wire_build_number(value, UINT16_MAX);
	} else if ((value = play_value(word, "version")) != NULL) {
		edns->version = (uint8_t)wire_build_number(value, UINT8_MAX);
	} else if ((value = play_value(word, "ede")) != NULL) {
		const unsigned long code = wire_build_number(value, UINT16_MAX);
		const uint8_t info[2] = { (uint8_t)(code >> 8), (uint8_t)code };
		wire_build_option(edns, OPTION_EDE, info, sizeof(info));
	} else if ((value = play_value(word, "ecs")) != NULL) {
		wire_build_option(edns, OPTION_ECS, data, play_ecs(value, data));
	} else if ((value = play_value(word, "opt")) != NULL) {
		const uint16_t code = play_option(value, data, sizeof(data), &len);
		wire_build_option(edns, code, data, len);
	} else {
		return false;
	}
	reply->has_edns = true;
	return true;
}

/* What makes it another reply than the one awaited. */
static bool read_wrong_word(const char *word, struct reply *reply)
{
	const char *value;

	if (strcmp(word, "wrong-id") == 0)
		reply->id ^= 0x5555;
	else if (strcmp(word, "noquestion") == 0)
		reply->has_no_question = true;
	else if ((value = play_value(word, "qname")) != NULL)
		wire_build_name(value, reply->qname);
	else if ((value = play_value(word, "qtype")) != NULL)
		reply->qtype = wire_build_type(value);
	else if ((value = play_value(word, "qclass")) != NULL)
		reply->qclass = wire_build_class(value);
	else
		return false;
	reply->is_wrong = true;
	return true;
}

static void read_reply_word(const char *word, struct reply *reply)
{
	const char *value;

	if (read_header_flag(word, reply) || read_edns_word(word, reply) ||
	    read_wrong_word(word, reply))
		return;
	if (strcmp(word, "bare") == 0)
		reply->is_bare = reply->is_wrong = true;
	else if (strcmp(word, "nocompress") == 0)
		reply->is_plain = true;
	else if (strcmp(word, "lower") == 0)
		name_lower(reply->qname, reply->qname, name_len(reply->qname));
	else if ((value = play_value(word, "trailing")) != NULL)
		reply->trailing = value;
	else
		report_fail("reply: \"%s\" is not understood", word);
}

/* A good server's reply to that question, before the script's words. */
static void start_reply(struct reply *reply, const struct wire_seen *question)
{
	*reply = (struct reply){ .id = question->id,
				 .qtype = question->qtype,
				 .qclass = question->qclass,
				 .has_edns = question->opt != NULL,
				 .edns = { .size = EDNS_SIZE } };
	reply->flags = (uint16_t)(FLAG_QR | FLAG_RA | (question->flags & (FLAG_RD | FLAG_CD)));
	memcpy(reply->qname, question->qname, question->qname_len);
	if (question->opt != NULL)
		reply->edns.flags = question->opt->ttl & EDNS_DO;
}

/* --- bytes --------------------------------------------------------------------------------- */

static void put_record(struct wire_build *build, const struct reply *reply,
		       const struct scn_line *line)
{
	struct wire_text_record record;

	report_at_line(line->number);
	wire_build_read_record(line->text, reply->qname, &record);
	if (record.has_any_ttl || record.has_any_rdata)
		report_fail("reply: a server must know what it says");
	wire_build_record(build, &record, reply->qclass);
	wire_build_record_done(&record);
}

static void make_reply(struct wire_build *build, struct reply *reply, const struct scn_step *step)
{
	uint8_t trailing[512];

	wire_build_start(build, reply->id, (uint16_t)(reply->flags | (reply->rcode & 15u)));
	build->is_plain = reply->is_plain;
	if (!reply->is_bare && !reply->has_no_question)
		wire_build_question(build, reply->qname, reply->qtype, reply->qclass);
	for (size_t i = 0; i < step->more_count; i++)
		put_record(build, reply, &step->more[i]);
	report_at_line(step->head.number);
	reply->edns.rcode = (uint8_t)(reply->rcode >> 4);
	if (reply->has_edns && !reply->is_bare)
		wire_build_opt(build, &reply->edns);
	else if (reply->rcode > 15)
		report_fail("reply: such an rcode needs EDNS");
	wire_build_end(build);
	if (reply->trailing != NULL)
		wire_build_put(build, trailing,
			       wire_build_hex(reply->trailing, trailing, sizeof(trailing)));
}

/* raw: hexadecimal digits, ID and QUESTION, as the server was asked */
static void make_raw(struct wire_build *build, const struct scn_words *words, size_t at,
		     const struct wire_seen *question)
{
	uint8_t bytes[4096];

	build->len = 0;
	for (; at < words->count; at++) {
		if (strcmp(words->at[at], "ID") == 0)
			wire_build_put(build, question->wire, 2);
		else if (strcmp(words->at[at], "QUESTION") == 0)
			wire_build_put(build, question->wire + MESSAGE_HEADER_LEN,
				       question->question_len);
		else
			wire_build_put(build, bytes,
				       wire_build_hex(words->at[at], bytes, sizeof(bytes)));
	}
}

void play_note_said(struct play *play, const struct fake_sent *sent,
		    const struct wire_seen *question, const struct wire_build *build)
{
	struct play_said *said = report_alloc(sizeof(*said));

	said->server = sent->to;
	said->line = report_line();
	said->bits = play_bits(question);
	said->wire = report_dup(build->wire, build->len);
	if (!wire_see(said->wire, build->len, &said->seen)) {
		wire_see_done(&said->seen);
		free(said->wire);
		free(said);
		return;
	}
	said->next = play->said;
	play->said = said;
}

/* reply SERVER [for NAME] [first|again] RCODE [WORDS] with records below, or raw HEX */
void play_reply(struct play *play, const struct scn_step *step)
{
	struct scn_words words = scn_split(step->head.text);
	struct wire_build *build = report_alloc(sizeof(*build));
	struct wire_seen question;
	size_t at;
	struct fake_sent *sent = play_find_meant(play, &words, &at);

	if (sent == NULL)
		goto out;
	if (!wire_see(sent->wire, sent->wire_len, &question) || at >= words.count)
		report_fail("reply: expected an rcode, or raw");
	if (strcmp(words.at[at], "raw") == 0) {
		make_raw(build, &words, at + 1, &question);
		play_note_said(play, sent, &question, build);
	} else {
		struct reply reply;

		start_reply(&reply, &question);
		reply.rcode = wire_build_rcode(words.at[at]);
		for (size_t i = at + 1; i < words.count; i++)
			read_reply_word(words.at[i], &reply);
		make_reply(build, &reply, step);
		if (!reply.is_wrong)
			play_note_said(play, sent, &question, build);
		sent->is_replied = sent->is_replied || !reply.is_wrong;
	}
	fake_net_reply(play->loop, sent, build->wire, build->len);
	wire_see_done(&question);
out:
	free(build);
	scn_words_free(&words);
}
