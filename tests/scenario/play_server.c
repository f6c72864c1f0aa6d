#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "play.h"
#include "report.h"
#include "wire/type.h"
#include "wire_build.h"

#define EDNS_DO 0x8000u

static struct addr read_server(const char *text)
{
	struct addr addr;

	if (addr_parse(text, 53, &addr) != 0)
		report_fail("\"%s\" is no address", text);
	return addr;
}

/* The list is the network's; whether a message was expected and answered is noted by us. */
static struct fake_sent *first_sent(const struct play *play)
{
	return (struct fake_sent *)(uintptr_t)fake_net_sent(play->loop);
}

/* server ADDRESS open | tcp=refused | tcp=silent | noroute, or played without a script */
void play_server(struct play *play, const struct scn_step *step)
{
	static const struct {
		const char *word;
		enum fake_manner manner;
	} manners[] = { { "open", FAKE_OPEN },
			{ "tcp=refused", FAKE_REFUSES_TCP },
			{ "tcp=silent", FAKE_IGNORES_TCP },
			{ "noroute", FAKE_NO_ROUTE } };
	struct scn_words words = scn_split(step->head.text);

	if (words.count < 2)
		report_fail("server: expected ADDRESS MANNER");
	const struct addr addr = read_server(words.at[0]);
	if (play_auto_set(play, &addr, &words)) {
		scn_words_free(&words);
		return;
	}
	play_auto_unset(play, &addr);
	for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++) {
		if (strcmp(words.at[1], manners[i].word) != 0 || words.count > 2)
			continue;
		fake_net_set_manner(play->loop, &addr, manners[i].manner);
		scn_words_free(&words);
		return;
	}
	report_fail("server: \"%s\" is not understood", words.at[1]);
}

/* --- expect -------------------------------------------------------------------------------- */

struct wanted {
	struct addr server;
	uint8_t name[NAME_MAX_LEN];
	uint16_t type, class, flags;
	bool via_stream, has_no_edns, is_signed, has_exact_case;
	struct wire_edns edns;
};

static void read_wanted_word(const char *word, struct wanted *wanted)
{
	uint8_t data[2048];
	const char *value;
	size_t len;

	if (strcmp(word, "tcp") == 0)
		wanted->via_stream = true;
	else if (strcmp(word, "noedns") == 0)
		wanted->has_no_edns = true;
	else if (strcmp(word, "signed") == 0)
		wanted->is_signed = true;
	else if (strcmp(word, "case") == 0)
		wanted->has_exact_case = true;
	else if (strcmp(word, "do") == 0)
		wanted->edns.flags |= EDNS_DO;
	else if (strcmp(word, "cd") == 0)
		wanted->flags |= FLAG_CD;
	else if (strcmp(word, "ad") == 0)
		wanted->flags |= FLAG_AD;
	else if (strcmp(word, "rd=0") == 0)
		wanted->flags &= (uint16_t)~FLAG_RD;
	else if ((value = play_value(word, "class")) != NULL)
		wanted->class = wire_build_class(value);
	else if ((value = play_value(word, "edns")) != NULL)
		wanted->edns.size = (uint16_t)wire_build_number(value, UINT16_MAX);
	else if ((value = play_value(word, "ecs")) != NULL)
		wire_build_option(&wanted->edns, OPTION_ECS, data, play_ecs(value, data));
	else if ((value = play_value(word, "opt")) != NULL) {
		const uint16_t code = play_option(value, data, sizeof(data), &len);
		wire_build_option(&wanted->edns, code, data, len);
	} else
		report_fail("expect: \"%s\" is not understood", word);
}

static struct fake_sent *find_unexpected(const struct play *play, const struct wanted *wanted)
{
	struct fake_sent *other = NULL;

	for (struct fake_sent *sent = first_sent(play); sent != NULL; sent = sent->next) {
		struct wire_seen seen;

		if (sent->is_expected)
			continue;
		const bool fits = wire_see(sent->wire, sent->wire_len, &seen) &&
				  addr_equal(&sent->to, &wanted->server) && seen.question_len > 0 &&
				  seen.qtype == wanted->type &&
				  name_equal(seen.qname, wanted->name);
		wire_see_done(&seen);
		if (fits)
			return sent;
		if (other == NULL)
			other = sent;
	}
	if (play->mode.is_lenient)
		return NULL;
	if (other != NULL) {
		struct addr_text text;
		wire_see_print(addr_to_text(&other->to, &text), other->wire, other->wire_len);
		report_fail("no such question was sent; the first of what was is the above");
	}
	report_fail("nothing was sent");
}

static void fail_wanted(const struct fake_sent *sent, const uint8_t *wire, size_t wire_len,
			const char *what)
{
	wire_see_print("expected", wire, wire_len);
	wire_see_print("sent", sent->wire, sent->wire_len);
	report_fail("the question sent in line %d %s", sent->line, what);
}

/* Every byte of a question is known but its ID and, where the script does not care, its case. */
static void check_wanted(const struct wanted *wanted, const struct fake_sent *sent)
{
	struct wire_build *build = report_alloc(sizeof(*build));
	uint8_t *came = report_dup(sent->wire, sent->wire_len);
	const size_t len = name_len(wanted->name);

	wire_build_start(build, message_id(sent->wire), wanted->flags);
	wire_build_question(build, wanted->name, wanted->type, wanted->class);
	if (!wanted->has_no_edns)
		wire_build_opt(build, &wanted->edns);
	wire_build_end(build);
	if (!wanted->has_exact_case && sent->wire_len >= MESSAGE_HEADER_LEN + len)
		memcpy(came + MESSAGE_HEADER_LEN, wanted->name, len);
	if (sent->via_stream != wanted->via_stream)
		fail_wanted(sent, build->wire, build->len,
			    sent->via_stream ? "went over TCP" : "went over UDP");
	if (sent->wire_len != build->len || memcmp(came, build->wire, build->len) != 0)
		fail_wanted(sent, build->wire, build->len, "is another");
	free(came);
	free(build);
}

/* A signed question is somebody's, unchanged but for the ID. */
static void check_signed(const struct play *play, const struct fake_sent *sent)
{
	for (const struct play_asked *asked = play->asked; asked != NULL; asked = asked->next) {
		if (asked->is_opaque && asked->wire_len == sent->wire_len &&
		    memcmp(asked->wire + 2, sent->wire + 2, sent->wire_len - 2) == 0)
			return;
	}
	wire_see_print("sent", sent->wire, sent->wire_len);
	report_fail("the question sent in line %d is not a client's unchanged", sent->line);
}

/* expect SERVER NAME TYPE [WORDS]: all that is not said is not there */
void play_expect(struct play *play, const struct scn_step *step)
{
	struct scn_words words = scn_split(step->head.text);
	struct wanted wanted = { .class = CLASS_IN, .flags = FLAG_RD };

	if (words.count < 3)
		report_fail("expect: expected SERVER NAME TYPE");
	wanted.edns.size = worker_plan(play->worker)->conf->edns_size;
	wanted.server = read_server(words.at[0]);
	wire_build_name(words.at[1], wanted.name);
	wanted.type = wire_build_type(words.at[2]);
	for (size_t i = 3; i < words.count; i++)
		read_wanted_word(words.at[i], &wanted);
	struct fake_sent *sent = find_unexpected(play, &wanted);
	if (sent != NULL)
		sent->is_expected = true;
	if (sent != NULL && !play->mode.is_lenient && wanted.is_signed)
		check_signed(play, sent);
	else if (sent != NULL && !play->mode.is_lenient)
		check_wanted(&wanted, sent);
	scn_words_free(&words);
}

/* silence: nothing was sent that has not been looked at */
void play_silence(struct play *play, const struct scn_step *step)
{
	if (*step->head.text != '\0')
		report_fail("silence: \"%s\" is not understood", step->head.text);
	play_expect_no_sent(play);
}

/* --- which question is meant --------------------------------------------------------------- */

static bool asks_the_same(const struct fake_sent *a, const struct fake_sent *b)
{
	struct wire_seen seen_a, seen_b;

	const bool is_same = wire_see(a->wire, a->wire_len, &seen_a) &&
			     wire_see(b->wire, b->wire_len, &seen_b) &&
			     wire_see_same_question(&seen_a, &seen_b);
	wire_see_done(&seen_a);
	wire_see_done(&seen_b);
	return is_same;
}

/* Of the questions to a server that the script has expected and that have a reply, or have none:
 * the newest, or, where `like` is given, the oldest that asks the same. */
static struct fake_sent *find_open(const struct play *play, const struct addr *server,
				   const uint8_t *name, bool is_replied,
				   const struct fake_sent *like)
{
	struct fake_sent *found = NULL;

	for (struct fake_sent *sent = first_sent(play); sent != NULL; sent = sent->next) {
		if (!sent->is_expected || sent->is_replied != is_replied ||
		    !addr_equal(&sent->to, server) ||
		    (name != NULL && !name_equal(sent->wire + MESSAGE_HEADER_LEN, name)))
			continue;
		if (like == NULL)
			found = sent;
		else if (asks_the_same(sent, like))
			return sent;
	}
	return found;
}

/* SERVER [for NAME] [first|again]: the newest question that has no reply yet; with `first` the
 * oldest like it; with `again` one that has a reply. Moves *at behind these. */
struct fake_sent *play_find_meant(const struct play *play, const struct scn_words *words,
				  size_t *at)
{
	uint8_t name[NAME_MAX_LEN];
	const uint8_t *wanted = NULL;
	bool takes_first = false, is_again = false;

	if (words->count == 0)
		report_fail("expected a server");
	const struct addr server = read_server(words->at[0]);
	for (*at = 1; *at < words->count; ++*at) {
		if (strcmp(words->at[*at], "for") == 0 && *at + 1 < words->count) {
			wire_build_name(words->at[++*at], name);
			wanted = name;
		} else if (strcmp(words->at[*at], "first") == 0) {
			takes_first = true;
		} else if (strcmp(words->at[*at], "again") == 0) {
			is_again = true;
		} else {
			break;
		}
	}
	struct fake_sent *meant = find_open(play, &server, wanted, is_again, NULL);
	if (meant != NULL && takes_first)
		meant = find_open(play, &server, wanted, is_again, meant);
	if (meant == NULL && !play->mode.is_lenient)
		report_fail("no question to %s waits for this", words->at[0]);
	return meant;
}

static struct fake_sent *find_meant_alone(const struct play *play, const struct scn_step *step)
{
	struct scn_words words = scn_split(step->head.text);
	size_t at;
	struct fake_sent *sent = play_find_meant(play, &words, &at);

	if (at < words.count)
		report_fail("\"%s\" is not understood", words.at[at]);
	scn_words_free(&words);
	return sent;
}

/* unreachable SERVER: ICMP says so, or the connection is reset */
void play_unreachable(struct play *play, const struct scn_step *step)
{
	struct fake_sent *sent = find_meant_alone(play, step);

	if (sent == NULL)
		return;
	sent->is_replied = true;
	fake_net_break(play->loop, sent, sent->via_stream ? -ECONNRESET : -ECONNREFUSED);
}

/* fin SERVER: it closes the connection */
void play_fin(struct play *play, const struct scn_step *step)
{
	struct fake_sent *sent = find_meant_alone(play, step);

	if (sent == NULL)
		return;
	if (!sent->via_stream)
		report_fail("fin: the question went over UDP");
	sent->is_replied = true;
	fake_net_end(play->loop, sent);
}

void play_server_free(struct play *play)
{
	for (struct play_said *said = play->said, *next; said != NULL; said = next) {
		next = said->next;
		wire_see_done(&said->seen);
		free(said->wire);
		free(said);
	}
}
