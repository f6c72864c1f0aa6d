#include <stdlib.h>
#include <string.h>

#include "expected.h"
#include "play.h"
#include "report.h"
#include "wire/type.h"
#include "wire_build.h"

/* The oldest question of that client that something has become of; of that name, where one is
 * given. */
static struct play_asked *find_asked(struct play *play, const char *client, const uint8_t *name)
{
	for (struct play_asked *asked = play->asked; asked != NULL; asked = asked->next) {
		if (!asked->is_closed && (asked->got != NULL || asked->is_dropped) &&
		    strcmp(asked->client, client) == 0 &&
		    (name == NULL ||
		     (asked->seen.question_len > 0 && name_equal(asked->seen.qname, name))))
			return asked;
	}
	return NULL;
}

/* Of the replies to that question the one with the address that was told: its own is what a server
 * without a script answers with. */
static const struct play_said *find_said_any(const struct play *play,
					     const struct play_asked *asked)
{
	struct wire_seen got;

	if (!wire_see(asked->got, asked->got_len, &got))
		report_fail("what came to %s cannot be read", asked->client);
	const struct wire_record *first = got.records;
	const uint8_t *address = got.count > 0 && first->type == TYPE_A && first->rdata_len == 4
					 ? asked->got + first->rdata_at
					 : NULL;
	for (const struct play_said *said = play->said; said != NULL; said = said->next) {
		if (wire_see_same_question(&said->seen, &asked->seen) &&
		    said->bits == play_bits(&asked->seen) &&
		    (address == NULL || memcmp(said->server.bytes, address, 4) == 0)) {
			wire_see_done(&got);
			return said;
		}
	}
	wire_see_print(asked->client, asked->got, asked->got_len);
	report_fail("no server has said this");
}

static const struct play_said *find_said(const struct play *play, const struct play_asked *asked,
					 const char *server)
{
	struct addr addr;

	if (strcmp(server, "any") == 0)
		return find_said_any(play, asked);
	if (addr_parse(server, 53, &addr) != 0)
		report_fail("\"%s\" is no address", server);
	for (const struct play_said *said = play->said; said != NULL; said = said->next) {
		if (addr_equal(&said->server, &addr) && said->bits == play_bits(&asked->seen) &&
		    wire_see_same_question(&said->seen, &asked->seen))
			return said;
	}
	report_fail("%s has given no reply to what %s asked in line %d", server, asked->client,
		    asked->line);
}

void play_check_any(struct play *play, const struct play_asked *asked)
{
	const struct expected how = { .edns_size = worker_plan(play->worker)->conf->edns_size,
				      .ttl_max = UINT32_MAX };

	expected_as(&how, asked, find_said_any(play, asked));
}

static struct expected_option *new_option(struct expected *how)
{
	how->has_options = true;
	if (how->option_count == EXPECTED_OPTIONS_MAX)
		report_fail("too many options");
	return &how->options[how->option_count++];
}

/* "ede", CODE and perhaps its text in quotes; without, any text will do. Returns the words taken.
 */
static size_t read_ede(const struct scn_words *words, size_t at, struct expected *how)
{
	if (at + 1 >= words->count)
		report_fail("ede: expected a code");
	struct expected_option *option = new_option(how);
	const unsigned long code = wire_build_number(words->at[at + 1], UINT16_MAX);

	*option = (struct expected_option){ .code = OPTION_EDE, .len = 2, .has_any_rest = true };
	option->data[0] = (uint8_t)(code >> 8);
	option->data[1] = (uint8_t)code;
	if (at + 2 >= words->count || words->at[at + 2][0] != '"')
		return 2;
	const size_t len = strlen(words->at[at + 2]) - 2;
	if (len > sizeof(option->data) - 2)
		report_fail("ede: the text is too long");
	memcpy(option->data + 2, words->at[at + 2] + 1, len);
	option->len += len;
	option->has_any_rest = false;
	return 3;
}

static size_t read_as_word(const struct scn_words *words, size_t at, struct expected *how)
{
	const char *word = words->at[at];
	const char *value;

	if (strcmp(word, "ede") == 0)
		return read_ede(words, at, how);
	if (strcmp(word, "aged") == 0 && at + 1 < words->count) {
		how->age_s = (uint32_t)wire_build_number(words->at[at + 1], UINT32_MAX);
		return 2;
	}
	if (strcmp(word, "tc") == 0) {
		how->is_cut = true;
	} else if ((value = play_value(word, "within")) != NULL) {
		how->within_us = play_read_us(value);
	} else if (strcmp(word, "noopts") == 0) {
		how->has_options = true;
	} else if ((value = play_value(word, "ttl")) != NULL) {
		how->has_ttl = true;
		how->ttl = (uint32_t)wire_build_number(value, UINT32_MAX);
	} else if ((value = play_value(word, "ttl-min")) != NULL) {
		how->ttl_min = (uint32_t)wire_build_number(value, UINT32_MAX);
	} else if ((value = play_value(word, "ttl-max")) != NULL) {
		how->ttl_max = (uint32_t)wire_build_number(value, UINT32_MAX);
	} else if ((value = play_value(word, "opt")) != NULL) {
		struct expected_option *option = new_option(how);
		option->code = play_option(value, option->data, sizeof(option->data), &option->len);
	} else {
		return 0;
	}
	return 1;
}

static void read_as(const struct scn_words *words, size_t at, struct expected *how)
{
	while (at < words->count) {
		const size_t taken = read_as_word(words, at, how);

		if (taken == 0)
			report_fail("answer: \"%s\" is not understood", words->at[at]);
		at += taken;
	}
}

static void read_own(const struct scn_words *words, size_t at, struct expected *how)
{
	how->rcode = wire_build_rcode(words->at[at++]);
	how->flags = FLAG_RA;
	while (at < words->count) {
		const char *word = words->at[at];
		const size_t taken = read_as_word(words, at, how);

		if (strcmp(word, "aa") == 0)
			how->flags |= FLAG_AA;
		else if (strcmp(word, "ad") == 0)
			how->flags |= FLAG_AD;
		else if (strcmp(word, "bare") == 0)
			how->is_bare = true;
		else if (taken == 0)
			report_fail("answer: \"%s\" is not understood", word);
		at += taken > 0 ? taken : 1;
	}
	if (how->is_bare)
		how->flags = 0;
}

static void read_records(const struct scn_step *step, const struct play_asked *asked,
			 struct expected *how)
{
	how->records = report_alloc(step->more_count * sizeof(*how->records));
	how->record_count = step->more_count;
	for (size_t i = 0; i < step->more_count; i++) {
		report_at_line(step->more[i].number);
		wire_build_read_record(step->more[i].text, asked->seen.qname, &how->records[i]);
	}
	report_at_line(step->head.number);
}

/* The oldest that waits; NULL only where nothing is compared. */
static struct play_asked *take_asked(struct play *play, const struct scn_words *words, size_t *at)
{
	uint8_t name[NAME_MAX_LEN];
	const bool has_name = words->count > 3 && strcmp(words->at[1], "for") == 0;

	if (words->count < 2)
		report_fail("%s: expected CLIENT and what it is told", "answer");
	if (has_name)
		wire_build_name(words->at[2], name);
	*at = has_name ? 3 : 1;
	struct play_asked *asked = find_asked(play, words->at[0], has_name ? name : NULL);
	if (asked == NULL && !play->mode.is_lenient)
		report_fail("no answer has come to %s", words->at[0]);
	return asked;
}

/* answer CLIENT [for NAME] as SERVER [WORDS], or RCODE [WORDS] with records below */
void play_answer(struct play *play, const struct scn_step *step)
{
	struct scn_words words = scn_split(step->head.text);
	size_t at;
	struct play_asked *asked = take_asked(play, &words, &at);
	struct expected how = { .edns_size = worker_plan(play->worker)->conf->edns_size,
				.ttl_max = UINT32_MAX };

	if (asked == NULL || play->mode.is_lenient)
		goto out;
	if (asked->is_dropped)
		report_fail("%s is met with silence (asked in line %d)", asked->client,
			    asked->line);
	if (strcmp(words.at[at], "as") == 0 && at + 1 < words.count) {
		read_as(&words, at + 2, &how);
		if (step->more_count > 0)
			report_fail("answer as: no records are expected below");
		expected_as(&how, asked, find_said(play, asked, words.at[at + 1]));
	} else {
		read_own(&words, at, &how);
		read_records(step, asked, &how);
		expected_own(&how, asked);
	}
	const uint64_t took_us = asked->got_us - asked->asked_us;
	if (how.within_us > 0 && took_us > how.within_us)
		report_fail("%s had to wait %.3f s (asked in line %d)", asked->client,
			    (double)took_us / USEC_PER_SEC, asked->line);
	for (size_t i = 0; i < how.record_count; i++)
		wire_build_record_done(&how.records[i]);
	free(how.records);
out:
	if (asked != NULL)
		asked->is_closed = true;
	scn_words_free(&words);
}

/* --- silence ------------------------------------------------------------------------------- */

/* noanswer CLIENT: not yet */
void play_noanswer(struct play *play, const struct scn_step *step)
{
	const struct play_asked *asked = find_asked(play, step->head.text, NULL);

	if (play_find_client(play, step->head.text) == NULL)
		report_fail("nobody is called \"%s\"", step->head.text);
	if (asked == NULL || play->mode.is_lenient)
		return;
	if (asked->got != NULL)
		wire_see_print("came", asked->got, asked->got_len);
	report_fail("%s has been told something already (asked in line %d)", asked->client,
		    asked->line);
}

/* dropped CLIENT: met with silence, on purpose */
void play_dropped(struct play *play, const struct scn_step *step)
{
	struct play_asked *asked = find_asked(play, step->head.text, NULL);

	if (play->mode.is_lenient)
		return;
	if (asked == NULL || !asked->is_dropped)
		report_fail("%s is not dropped", step->head.text);
	asked->is_closed = true;
}

/* ignored CLIENT: what it sent leads to nothing and never will */
void play_ignored(struct play *play, const struct scn_step *step)
{
	unsigned count = 0;

	for (struct play_asked *asked = play->asked; asked != NULL; asked = asked->next) {
		if (asked->is_closed || strcmp(asked->client, step->head.text) != 0)
			continue;
		if (!play->mode.is_lenient &&
		    (asked->got != NULL || asked->is_dropped || asked->holds > 0))
			report_fail("%s is not ignored (asked in line %d)", asked->client,
				    asked->line);
		asked->is_closed = true;
		count++;
	}
	if (count == 0)
		report_fail("nothing of \"%s\" is open", step->head.text);
}
