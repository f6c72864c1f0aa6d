#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "play.h"
#include "policy/classify.h"
#include "query/look.h"
#include "report.h"
#include "upstream/exchange.h"
#include "wire/cursor.h"
#include "wire/query_view.h"
#include "wire/type.h"

/* " entries=1 verdict=dangling ... ": all that is known, in words. */
struct known {
	char words[1024];
	size_t len;
};

static void add(struct known *known, const char *name, const char *value)
{
	const int len = snprintf(known->words + known->len, sizeof(known->words) - known->len,
				 "%s=%s ", name, value);

	known->len += (size_t)len;
}

static void add_number(struct known *known, const char *name, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	add(known, name, text);
}

/* Of the first that is used, of the first where none is. */
static void add_entry(struct known *known, const struct look *look)
{
	const struct look_entry *entry = &look->entries[0];
	struct type_text rcode;

	for (size_t i = look->entry_count; i-- > 0;) {
		if (look->entries[i].is_used)
			entry = &look->entries[i];
	}
	add(known, "verdict", classify_text((enum verdict)entry->hit.note.verdict));
	add(known, "rcode", type_rcode_to_text(entry->rcode, &rcode));
	add(known, "used", entry->is_used ? "yes" : "no");
	add(known, "stale", entry->hit.is_stale ? "yes" : "no");
	add(known, "failing", entry->hit.is_failing ? "yes" : "no");
	add(known, "do", (entry->flags & CACHE_KEY_DO) != 0 ? "yes" : "no");
	add_number(known, "age", entry->hit.age_s);
	add_number(known, "left", entry->hit.remaining_s);
	add_number(known, "stale-left", entry->hit.stale_left_s);
}

static void add_exchange(struct known *known, const struct look *look, uint64_t now_us)
{
	const struct recall_entry *exchange = &look->exchange;
	struct addr server = exchange->server;
	struct addr_text addr;

	if (!look->has_exchange) {
		add(known, "server", "none");
		return;
	}
	server.port = 0;
	add(known, "server",
	    exchange->outcome == EXCHANGE_REPLIED ? addr_to_text(&server, &addr) : "nobody");
	add(known, "said", classify_text((enum verdict)exchange->verdict));
	add_number(known, "ago", (now_us - exchange->at_us) / USEC_PER_SEC);
	add_number(known, "took-ms", exchange->took_us / USEC_PER_MSEC);
	add(known, "on-failure", exchange->is_on_failure ? "yes" : "no");
}

static void look_at_name(struct play *play, const char *name_text, const char *type_text,
			 struct known *known)
{
	static const uint8_t header[MESSAGE_HEADER_LEN] = { 0, 0, 1, 0, 0, 1 };
	const struct addr client = { .family = ADDR_IPV4, .bytes = { 10, 0, 0, 1 } };
	uint8_t name[NAME_MAX_LEN], wire[NAME_MAX_LEN + 64];
	struct cursor_out query = cursor_into(wire, sizeof(wire));
	size_t name_len = 0;
	uint16_t type = 0;
	struct query_view view;
	struct look look;

	if (name_from_text(name_text, name, &name_len) != 0 || !type_from_text(type_text, &type))
		report_fail("known: expected NAME TYPE");
	cursor_put(&query, header, sizeof(header));
	cursor_put(&query, name, name_len);
	cursor_put_u16(&query, type);
	cursor_put_u16(&query, CLASS_IN);
	if (query_view_parse(&view, wire, cursor_written(&query)) != QUERY_OK)
		report_fail("known: nobody can ask that");
	look_at(play->worker, &view, &client, &look);
	add_number(known, "entries", look.entry_count);
	add(known, "role", courier_role_text(look.courier.role));
	add(known, "guarded", look.is_guarded ? "yes" : "no");
	if (look.entry_count > 0)
		add_entry(known, &look);
	add_exchange(known, &look, loop_clock(play->loop)->now_us);
}

/* known NAME TYPE WORD=VALUE...: what is known of the question is all that, among other things */
void play_known(struct play *play, const struct scn_step *step)
{
	struct scn_words words = scn_split(step->head.text);
	struct known known = { .words = " ", .len = 1 };

	if (words.count < 3)
		report_fail("known: expected NAME TYPE WORD=VALUE...");
	look_at_name(play, words.at[0], words.at[1], &known);
	for (size_t i = 2; i < words.count && !play->mode.is_lenient; i++) {
		char wanted[128];

		snprintf(wanted, sizeof(wanted), " %s ", words.at[i]);
		if (strstr(known.words, wanted) == NULL)
			report_fail("known: not %s, but%s", words.at[i], known.words);
	}
	scn_words_free(&words);
}
