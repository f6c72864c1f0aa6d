#include <stdlib.h>
#include <string.h>

#include "play.h"
#include "report.h"
#include "wire/type.h"
#include "wire_build.h"

#define EDNS_DO 0x8000u
#define EDNS_SIZE 1232u

/* --- who asks ------------------------------------------------------------------------------ */

struct play_client *play_find_client(struct play *play, const char *name)
{
	struct play_client *client = play->clients;

	while (client != NULL && strcmp(client->name, name) != 0)
		client = client->next;
	return client;
}

static struct play_client *add_client(struct play *play, const char *name, const struct addr *addr)
{
	struct play_client *client = report_alloc(sizeof(*client));

	client->name = report_dup(name, strlen(name) + 1);
	client->addr = *addr;
	client->next = play->clients;
	play->clients = client;
	return client;
}

/* A client that the script says nothing of has an address of its own in 10.0.0.0/16. */
static struct play_client *get_client(struct play *play, const char *name)
{
	struct play_client *client = play_find_client(play, name);
	const unsigned n = ++play->client_count;
	const struct addr addr = { .bytes = { 10, 0, (uint8_t)(n >> 8), (uint8_t)n },
				   .port = (uint16_t)(40000 + n % 20000),
				   .family = ADDR_IPV4 };

	return client != NULL ? client : add_client(play, name, &addr);
}

/* client NAME ADDRESS */
void play_client(struct play *play, const struct scn_step *step)
{
	struct scn_words words = scn_split(step->head.text);
	struct addr addr;

	if (words.count != 2 || addr_parse(words.at[1], 40000, &addr) != 0)
		report_fail("client: expected NAME ADDRESS");
	if (play_find_client(play, words.at[0]) != NULL)
		report_fail("client %s is known already", words.at[0]);
	add_client(play, words.at[0], &addr);
	scn_words_free(&words);
}

/* --- what the worker does with a question -------------------------------------------------- */

static void client_send(const struct client *client, const uint8_t *wire, size_t wire_len)
{
	struct play_asked *asked = client->listener;

	if (asked->got != NULL || asked->is_dropped) {
		wire_see_print("came", wire, wire_len);
		report_fail("%s is told twice (asked in line %d)", asked->client, asked->line);
	}
	asked->got = report_dup(wire, wire_len);
	asked->got_len = wire_len;
	asked->got_line = report_line();
	asked->got_us = loop_clock(asked->play->loop)->now_us;
}

static void client_drop(const struct client *client)
{
	struct play_asked *asked = client->listener;

	if (asked->got != NULL || asked->is_dropped)
		report_fail("%s is dropped after the end (asked in line %d)", asked->client,
			    asked->line);
	asked->is_dropped = true;
}

static void client_hold(const struct client *client)
{
	struct play_asked *asked = client->listener;

	asked->holds++;
}

static void client_release(const struct client *client)
{
	struct play_asked *asked = client->listener;

	if (asked->holds-- == 0)
		report_fail("%s is let go of twice (asked in line %d)", asked->client, asked->line);
}

static const struct client_ops client_ops = {
	.send = client_send,
	.drop = client_drop,
	.hold = client_hold,
	.release = client_release,
};

static void hand_in(struct play *play, struct play_asked *asked, const struct play_client *who,
		    bool via_stream)
{
	const struct client client = {
		.ops = &client_ops, .listener = asked, .from = who->addr, .is_stream = via_stream
	};
	/* exactly as long as it is, so that a sanitizer sees what is read beyond */
	uint8_t *wire = report_dup(asked->wire, asked->wire_len);

	worker_take_query(play->worker, &client, wire, asked->wire_len);
	memset(wire, 0xee, asked->wire_len);
	free(wire);
}

/* --- ask ----------------------------------------------------------------------------------- */

struct question {
	uint8_t name[NAME_MAX_LEN];
	uint16_t type, class, id, flags;
	bool via_stream, has_edns, is_mixed, is_signed;
	struct wire_edns edns;
};

static bool read_flag(const char *word, struct question *question)
{
	static const struct {
		const char *word;
		uint16_t flag;
	} flags[] = { { "cd", FLAG_CD }, { "ad", FLAG_AD }, { "tc", FLAG_TC },
		      { "aa", FLAG_AA }, { "ra", FLAG_RA }, { "z", FLAG_Z } };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(word, flags[i].word) == 0) {
			question->flags |= flags[i].flag;
			return true;
		}
	}
	return false;
}

static bool read_edns_word(const char *word, struct question *question)
{
	struct wire_edns *edns = &question->edns;
	uint8_t data[2048];
	const char *value;
	size_t len;

	if (strcmp(word, "do") == 0) {
		edns->flags |= EDNS_DO;
	} else if ((value = play_value(word, "edns")) != NULL) {
		edns->size = (uint16_t)wire_build_number(value, UINT16_MAX);
	} else if ((value = play_value(word, "version")) != NULL) {
		edns->version = (uint8_t)wire_build_number(value, UINT8_MAX);
	} else if ((value = play_value(word, "ecs")) != NULL) {
		wire_build_option(edns, OPTION_ECS, data, play_ecs(value, data));
	} else if ((value = play_value(word, "opt")) != NULL) {
		const uint16_t code = play_option(value, data, sizeof(data), &len);
		wire_build_option(edns, code, data, len);
	} else {
		return false;
	}
	question->has_edns = true;
	return true;
}

static void read_ask_word(const char *word, struct question *question)
{
	const char *value;

	if (read_flag(word, question) || read_edns_word(word, question))
		return;
	if (strcmp(word, "tcp") == 0)
		question->via_stream = true;
	else if (strcmp(word, "mixed") == 0)
		question->is_mixed = true;
	else if (strcmp(word, "signed") == 0)
		question->is_signed = true;
	else if (strcmp(word, "rd=0") == 0)
		question->flags &= (uint16_t)~FLAG_RD;
	else if ((value = play_value(word, "class")) != NULL)
		question->class = wire_build_class(value);
	else if ((value = play_value(word, "id")) != NULL)
		question->id = (uint16_t)wire_build_number(value, UINT16_MAX);
	else if ((value = play_value(word, "opcode")) != NULL)
		question->flags |= (uint16_t)(wire_build_number(value, 15) << 11);
	else
		report_fail("ask: \"%s\" is not understood", word);
}

/* Letter case of its own for each client, the same every time. */
static void mix_case(uint8_t *name, const char *client)
{
	uint32_t state = 2166136261u;

	for (; *client != '\0'; client++)
		state = (state ^ (uint8_t)*client) * 16777619u;
	for (size_t i = 0; i < name_len(name); i++) {
		state = state * 1664525u + 1013904223u;
		if (name[i] >= 'a' && name[i] <= 'z' && (state & 0x10000u) != 0)
			name[i] = (uint8_t)(name[i] - 'a' + 'A');
	}
}

/* A TSIG record (RFC 8945) that nobody could verify, but that is whole. */
static void put_signature(struct wire_build *build)
{
	static const char tsig[] =
		"036b657900" /* key. */
		"00fa00ff00000000003d"
		"0b686d61632d73686132353600" /* hmac-sha256. */
		"00006553f100012c0020"
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
		"000000000000";
	uint8_t bytes[128];

	wire_build_put(build, bytes, wire_build_hex(tsig, bytes, sizeof(bytes)));
	build->counts[3]++;
}

static void make_question(const struct question *question, struct play_asked *asked)
{
	struct wire_build *build = report_alloc(sizeof(*build));

	wire_build_start(build, question->id, question->flags);
	wire_build_question(build, question->name, question->type, question->class);
	if (question->has_edns)
		wire_build_opt(build, &question->edns);
	if (question->is_signed)
		put_signature(build);
	wire_build_end(build);
	asked->wire = report_dup(build->wire, build->len);
	asked->wire_len = build->len;
	asked->is_opaque =
		question->is_signed || question->type == TYPE_TKEY || question->type == TYPE_IXFR;
	free(build);
}

static void read_raw(const struct scn_words *words, struct play_asked *asked)
{
	uint8_t *bytes = report_alloc(WIRE_BUILD_MAX);

	for (size_t i = 2; i < words->count; i++)
		asked->wire_len += wire_build_hex(words->at[i], bytes + asked->wire_len,
						  WIRE_BUILD_MAX - asked->wire_len);
	asked->wire = bytes;
}

/* ask CLIENT NAME TYPE [WORDS], or ask CLIENT raw HEX */
void play_ask(struct play *play, const struct scn_step *step)
{
	struct scn_words words = scn_split(step->head.text);
	struct play_asked *asked = report_alloc(sizeof(*asked));
	struct question question = { .class = CLASS_IN,
				     .flags = FLAG_RD,
				     .edns = { .size = EDNS_SIZE } };

	if (words.count < 3)
		report_fail("ask: expected CLIENT NAME TYPE");
	const struct play_client *client = get_client(play, words.at[0]);
	question.id = (uint16_t)(0x1000 + 7 * play->client_count);
	asked->play = play;
	asked->asked_us = loop_clock(play->loop)->now_us;
	asked->client = report_dup(words.at[0], strlen(words.at[0]) + 1);
	asked->line = step->head.number;
	if (strcmp(words.at[1], "raw") == 0) {
		read_raw(&words, asked);
	} else {
		wire_build_name(words.at[1], question.name);
		question.type = wire_build_type(words.at[2]);
		for (size_t i = 3; i < words.count; i++)
			read_ask_word(words.at[i], &question);
		if (question.is_mixed)
			mix_case(question.name, asked->client);
		make_question(&question, asked);
	}
	if (!wire_see(asked->wire, asked->wire_len, &asked->seen))
		asked->seen.opt = NULL;
	*play->asked_end = asked;
	play->asked_end = &asked->next;
	hand_in(play, asked, client, question.via_stream);
	scn_words_free(&words);
}

void play_client_free(struct play *play)
{
	for (struct play_asked *asked = play->asked, *next; asked != NULL; asked = next) {
		next = asked->next;
		wire_see_done(&asked->seen);
		free(asked->got);
		free(asked->wire);
		free(asked->client);
		free(asked);
	}
	for (struct play_client *client = play->clients, *next; client != NULL; client = next) {
		next = client->next;
		free(client->name);
		free(client);
	}
}
