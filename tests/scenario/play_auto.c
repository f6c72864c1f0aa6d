#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "play.h"
#include "report.h"
#include "wire/type.h"
#include "wire_build.h"

/* A server that needs no script: what it is asked is not for the script to expect. */
struct play_auto {
	struct play_auto *next;
	struct addr addr;
	enum { AUTO_ANSWERS, AUTO_DEAF, AUTO_CLOSED } kind;
	uint64_t delay_us;
	unsigned loss_percent; /* of datagrams, either way */
	bool has_no_tcp;       /* connecting is refused */
	bool ignores_probes;
	uint64_t flap_us;      /* answers for as long, is deaf for as long, and so on; 0 for not */
	uint64_t flip_us;      /* when it changes next */
	unsigned sent, probes; /* since the script last asked */
	char ignores[16];      /* names that begin so; "": none */
	uint32_t ttl;	       /* 0: 300, and nothing of any other type than A */
	bool counts_ttl_down;  /* as a cache does that asks for all anew at once */
	unsigned couriers;     /* 0: it knows of none */
	uint16_t refuses;      /* a type; 0: none */
};

/* What is on its way back. */
struct play_late {
	struct play_late *next; /* the soonest first */
	uint64_t due_us;
	const struct fake_sent *to;
	uint8_t *wire;
	size_t wire_len;
};

static struct play_auto *find_auto(const struct play *play, const struct addr *addr)
{
	struct play_auto *server = play->autos;

	while (server != NULL && !addr_equal(&server->addr, addr))
		server = server->next;
	return server;
}

static uint64_t now_us(const struct play *play)
{
	return loop_clock(play->loop)->now_us;
}

/* --- server ADDRESS answers|deaf|closed [WORDS] -------------------------------------------- */

uint64_t play_read_us(const char *text)
{
	char *end;
	const double amount = strtod(text, &end);
	double us = 0;

	if (strcmp(end, "s") == 0)
		us = amount * USEC_PER_SEC;
	else if (strcmp(end, "ms") == 0)
		us = amount * USEC_PER_MSEC;
	if (end == text || us <= 0)
		report_fail("\"%s\": expected 181s or 400ms", text);
	return (uint64_t)us;
}

static void set_manner(struct play *play, const struct play_auto *server)
{
	static const enum fake_manner manners[] = { [AUTO_ANSWERS] = FAKE_OPEN,
						    [AUTO_DEAF] = FAKE_IGNORES_TCP,
						    [AUTO_CLOSED] = FAKE_REFUSES_TCP };

	fake_net_set_manner(play->loop, &server->addr,
			    server->has_no_tcp ? FAKE_REFUSES_TCP : manners[server->kind]);
}

static void read_auto_word(const char *word, struct play *play, struct play_auto *server)
{
	const char *value;

	if ((value = play_value(word, "after")) != NULL) {
		server->delay_us = play_read_us(value);
	} else if ((value = play_value(word, "loss")) != NULL) {
		server->loss_percent = (unsigned)wire_build_number(value, 100);
	} else if (strcmp(word, "tcp=refused") == 0) {
		server->has_no_tcp = true;
	} else if (strcmp(word, "probes=ignored") == 0) {
		server->ignores_probes = true;
	} else if ((value = play_value(word, "flaps")) != NULL) {
		server->flap_us = play_read_us(value);
		server->flip_us = now_us(play) + server->flap_us;
	} else if ((value = play_value(word, "ttl")) != NULL) {
		server->ttl = (uint32_t)wire_build_number(value, UINT32_MAX);
	} else if (strcmp(word, "counts-down") == 0) {
		server->counts_ttl_down = true;
	} else if ((value = play_value(word, "couriers")) != NULL) {
		server->couriers = (unsigned)wire_build_number(value, 9999);
	} else if ((value = play_value(word, "refuses")) != NULL) {
		server->refuses = wire_build_type(value);
	} else if ((value = play_value(word, "ignores")) != NULL) {
		snprintf(server->ignores, sizeof(server->ignores), "%s", value);
	} else {
		report_fail("server: \"%s\" is not understood", word);
	}
}

bool play_auto_set(struct play *play, const struct addr *addr, const struct scn_words *words)
{
	static const char *const kinds[] = { "answers", "deaf", "closed" };
	struct play_auto *server = find_auto(play, addr);
	unsigned kind = 0;

	while (kind < 3 && strcmp(words->at[1], kinds[kind]) != 0)
		kind++;
	if (kind == 3)
		return false;
	if (server == NULL) {
		server = report_alloc(sizeof(*server));
		server->next = play->autos;
		play->autos = server;
	}
	*server = (struct play_auto){ .next = server->next, .addr = *addr, .kind = kind };
	for (size_t i = 2; i < words->count; i++)
		read_auto_word(words->at[i], play, server);
	set_manner(play, server);
	return true;
}

void play_auto_unset(struct play *play, const struct addr *addr)
{
	struct play_auto **link = &play->autos;

	while (*link != NULL && !addr_equal(&(*link)->addr, addr))
		link = &(*link)->next;
	if (*link == NULL)
		return;
	struct play_auto *server = *link;
	*link = server->next;
	free(server);
}

/* --- what they do -------------------------------------------------------------------------- */

/* The same in each run. */
static bool is_lost(struct play *play, unsigned percent)
{
	play->dice = play->dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (play->dice >> 33) % 100 < percent;
}

static bool is_probe(const struct wire_seen *question)
{
	return question->qtype == TYPE_NS && question->qname_len == 1;
}

static void PRINTF_LIKE(3, 4) put_record(struct wire_build *build, const struct wire_seen *question,
					 const char *format, ...)
{
	struct wire_text_record record;
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	wire_build_read_record(text, question->qname, &record);
	wire_build_record(build, &record, question->qclass);
	wire_build_record_done(&record);
}

static unsigned ttl_now(const struct play *play, const struct play_auto *server)
{
	const uint32_t ttl = server->ttl > 0 ? server->ttl : 300;

	return server->counts_ttl_down ? ttl - (uint32_t)(now_us(play) / USEC_PER_SEC % ttl) : ttl;
}

static bool begins_with(const struct wire_seen *question, const char *label)
{
	return question->qname[0] == strlen(label) &&
	       memcmp(question->qname + 1, label, strlen(label)) == 0;
}

/* Where the alias leads to: Apple's own, and courier.lab.example to target.lab.example. */
static const char *target_of(const struct wire_seen *question, struct name_text *into)
{
	struct name_text text;

	name_to_text(question->qname, &text);
	if (strcasecmp(text.text, "courier.push.apple.com") == 0)
		return "courier-push-apple.com.akadns.net";
	snprintf(into->text, sizeof(into->text), "target%s", text.text + strlen("courier"));
	return into->text;
}

/* An address of type A, the server's own; of any other type nothing. Where it knows of couriers,
 * the alias leads nowhere and the TXT record says how many they are. */
static void put_answer(struct wire_build *build, const struct play *play,
		       const struct play_auto *server, const struct wire_seen *question)
{
	const unsigned ttl = ttl_now(play, server);
	const uint8_t *at = server->addr.bytes;
	const bool knows = server->couriers > 0;
	const bool is_alias = knows && begins_with(question, "courier");
	const bool is_target = knows && (begins_with(question, "courier-push-apple") ||
					 begins_with(question, "target"));
	struct name_text target;

	if (knows && question->qtype == TYPE_TXT && begins_with(question, "push"))
		put_record(build, question, "@ %u TXT \"count=%u\"", ttl, server->couriers);
	else if (question->qtype == TYPE_A && !is_alias && !is_target)
		put_record(build, question, "@ %u A %u.%u.%u.%u", ttl, at[0], at[1], at[2], at[3]);
	else if (server->ttl > 0) {
		if (is_alias)
			put_record(build, question, "@ %u CNAME %s", ttl,
				   target_of(question, &target));
		put_record(build, question,
			   "authority akadns.net %u SOA internal.akadns.net "
			   "hostmaster.akamai.com 1 90000 90000 90000 %u",
			   ttl, server->ttl);
	}
}

static void make_answer(struct wire_build *build, const struct play *play,
			const struct play_auto *server, const struct wire_seen *question)
{
	struct wire_edns edns = { .size = 1232 };
	const bool is_refused = server != NULL && server->refuses == question->qtype;

	wire_build_start(build, question->id,
			 (uint16_t)(FLAG_QR | FLAG_RA | (is_refused ? RCODE_REFUSED : 0) |
				    (question->flags & (FLAG_RD | FLAG_CD))));
	wire_build_question(build, question->qname, question->qtype, question->qclass);
	if (server != NULL && !is_refused)
		put_answer(build, play, server, question);
	if (question->opt != NULL) {
		edns.flags = question->opt->ttl & 0x8000u;
		wire_build_opt(build, &edns);
	}
	wire_build_end(build);
}

static void add_late(struct play *play, const struct fake_sent *to, uint64_t delay_us,
		     const struct wire_build *build)
{
	struct play_late **link = &play->late;
	struct play_late *late = report_alloc(sizeof(*late));

	late->due_us = now_us(play) + delay_us;
	late->to = to;
	late->wire = report_dup(build->wire, build->len);
	late->wire_len = build->len;
	while (*link != NULL && (*link)->due_us <= late->due_us)
		link = &(*link)->next;
	late->next = *link;
	*link = late;
}

static bool is_ignored(const struct play_auto *server, const struct wire_seen *question)
{
	const size_t len = strlen(server->ignores);

	if (is_probe(question))
		return server->ignores_probes;
	return len > 0 && question->qname[0] >= len &&
	       memcmp(question->qname + 1, server->ignores, len) == 0;
}

static void meet(struct play *play, struct play_auto *server, struct fake_sent *sent)
{
	struct wire_seen question;

	sent->is_expected = sent->is_replied = true;
	if (!wire_see(sent->wire, sent->wire_len, &question) || question.question_len == 0)
		report_fail("what was sent in line %d cannot be read", sent->line);
	server->sent++;
	server->probes += is_probe(&question);
	const unsigned loss = sent->via_stream ? 0 : server->loss_percent;
	if (server->kind == AUTO_CLOSED && !sent->via_stream) {
		fake_net_break(play->loop, sent, -ECONNREFUSED);
	} else if (server->kind == AUTO_ANSWERS && !is_ignored(server, &question) &&
		   !is_lost(play, loss)) {
		struct wire_build *build = report_alloc(sizeof(*build));

		make_answer(build, play, server, &question);
		play_note_said(play, sent, &question, build);
		add_late(play, sent, server->delay_us, build);
		free(build);
	}
	wire_see_done(&question);
}

/* A server that is played by the script is well, unless the script says so itself. */
static bool meet_probe(struct play *play, struct fake_sent *sent)
{
	struct wire_seen question;
	struct wire_build *build = report_alloc(sizeof(*build));

	const bool is_met = !play->has_probes && wire_see(sent->wire, sent->wire_len, &question) &&
			    question.question_len > 0 && is_probe(&question);
	if (is_met) {
		sent->is_expected = sent->is_replied = true;
		make_answer(build, play, NULL, &question);
		add_late(play, sent, 0, build);
	}
	if (!play->has_probes)
		wire_see_done(&question);
	free(build);
	return is_met;
}

/* True where something was on its way and has come. */
static bool deliver_due(struct play *play)
{
	struct play_late *late = play->late;

	if (late == NULL || late->due_us > now_us(play))
		return false;
	play->late = late->next;
	fake_net_reply(play->loop, late->to, late->wire, late->wire_len);
	fake_net_turn(play->loop);
	free(late->wire);
	free(late);
	return true;
}

/* Looks at what was sent since it last did so. */
static bool meet_new(struct play *play)
{
	bool is_any = false;

	/* The list is the network's; what came of a message is noted by us. */
	for (;;) {
		struct fake_sent *next =
			play->met == NULL ? (struct fake_sent *)(uintptr_t)fake_net_sent(play->loop)
					  : play->met->next;
		if (next == NULL)
			return is_any;
		play->met = next;
		struct play_auto *server = find_auto(play, &next->to);
		if (server != NULL)
			meet(play, server, next);
		is_any = (server != NULL || meet_probe(play, next)) || is_any;
	}
}

static void flip_due(struct play *play)
{
	for (struct play_auto *server = play->autos; server != NULL; server = server->next) {
		if (server->flap_us == 0 || server->flip_us > now_us(play))
			continue;
		server->kind = server->kind == AUTO_ANSWERS ? AUTO_DEAF : AUTO_ANSWERS;
		server->flip_us += server->flap_us;
		set_manner(play, server);
	}
}

void play_turn(struct play *play)
{
	do {
		fake_net_turn(play->loop);
		flip_due(play);
	} while (meet_new(play) || deliver_due(play));
}

void play_pass_us(struct play *play, uint64_t us)
{
	const uint64_t until_us = now_us(play) + us;

	play_turn(play);
	while (now_us(play) < until_us) {
		uint64_t next_us = timer_next_due(loop_timers(play->loop));

		if (play->late != NULL && play->late->due_us < next_us)
			next_us = play->late->due_us;
		for (struct play_auto *at = play->autos; at != NULL; at = at->next) {
			if (at->flap_us != 0 && at->flip_us < next_us)
				next_us = at->flip_us;
		}
		next_us = next_us < until_us ? next_us : until_us;
		fake_net_pass(play->loop, next_us > now_us(play) ? next_us - now_us(play) : 0);
		play_turn(play);
	}
}

void play_auto_free(struct play *play)
{
	for (struct play_late *late = play->late, *next; late != NULL; late = next) {
		next = late->next;
		free(late->wire);
		free(late);
	}
	while (play->autos != NULL)
		play_auto_unset(play, &play->autos->addr);
}

/* --- sent SERVER LOW..HIGH [probes] -------------------------------------------------------- */

/* So many messages since the last time, or since `server`. */
void play_sent(struct play *play, const struct scn_step *step)
{
	struct scn_words words = scn_split(step->head.text);
	struct addr addr;
	unsigned low, high;

	if (words.count < 2 || words.count > 3 || addr_parse(words.at[0], 53, &addr) != 0)
		report_fail("sent: expected SERVER LOW..HIGH");
	struct play_auto *server = find_auto(play, &addr);
	if (server == NULL)
		report_fail("sent: %s is played by the script", words.at[0]);
	const int numbers = sscanf(words.at[1], "%u..%u", &low, &high);
	if (numbers == 1)
		high = low;
	const bool of_probes = words.count == 3 && strcmp(words.at[2], "probes") == 0;
	if (numbers < 1 || (words.count == 3 && !of_probes))
		report_fail("sent: expected SERVER LOW..HIGH [probes]");
	unsigned *count = of_probes ? &server->probes : &server->sent;
	if ((*count < low || *count > high) && !play->mode.is_lenient)
		report_fail("%s was sent %u %s", words.at[0], *count,
			    of_probes ? "probes" : "messages");
	*count = 0;
	scn_words_free(&words);
}
