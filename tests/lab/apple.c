/* A scripted upstream that answers as Apple's names are (records.h), from so far away and with so
 * much loss in each direction, and does to aliases that lead to no data what the command line says.
 * What comes over TCP is late, but not lost. At SIGUSR1 and at the end it prints what it was asked,
 * as JSON.
 *
 *	apple --listen 10.78.0.2@53 --delay-ms 150 --loss 2 --seed 7 --squash nxdomain
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../faults/delayed.h"
#include "../faults/packet.h"
#include "../faults/serve.h"
#include "records.h"

#define CHAIN_MAX 10u
#define NUMBER "{n}"

enum squash { NXDOMAIN, NO_CNAME, SOA_LOST, SERVFAIL, REFUSED, SILENT, SINKHOLE, SQUASH_NONE };

static const char *const squash_names[SQUASH_NONE] = {
	"nxdomain", "no-cname", "soa-lost", "servfail", "refused", "silent", "sinkhole",
};

static struct {
	double loss;
	uint64_t seed, delay_us;
	enum squash squash;
	bool is_aged; /* TTLs are what a cache that many share has left of them */
} script = { .seed = 1, .squash = SQUASH_NONE };

static struct {
	uint64_t udp, tcp, unheard, lost, squashed;
} counts;

static uint64_t random_state;

/* A name as text in lower case; its number, if it has one, stands as {n} in the text. */
struct name {
	char text[256];
	unsigned number;
};

/* What is to be said. */
struct plan {
	const struct record *chain[CHAIN_MAX], *data, *soa;
	unsigned chain_count, rcode;
};

/* --- names --------------------------------------------------------------------------------- */

/* Where the text begins with the number of a numbered name. */
static void find_number(struct name *name)
{
	char *end, rest[256];
	unsigned long number = strtoul(name->text, &end, 10);

	if (!isdigit((unsigned char)name->text[0]) || number > RECORD_NUMBER_MAX ||
	    (name->text[0] == '0' && end != name->text + 1))
		return;
	name->number = (unsigned)number;
	snprintf(rest, sizeof(rest), "%s", end);
	snprintf(name->text, sizeof(name->text), NUMBER "%.250s", rest);
}

static void read_name(const uint8_t *wire, struct name *name)
{
	size_t len = 0;

	for (; *wire != 0; wire += *wire + 1u) {
		if (len > 0)
			name->text[len++] = '.';
		for (size_t at = 1; at <= *wire; at++)
			name->text[len++] = (char)tolower(wire[at]);
	}
	name->text[len] = '\0';
	find_number(name);
}

static void set_name(struct name *name, const char *text)
{
	size_t len = 0;

	for (; text[len] != '\0'; len++)
		name->text[len] = (char)tolower((unsigned char)text[len]);
	name->text[len] = '\0';
}

/* The first one; others like it stand behind it. */
static const struct record *find(const char *owner, unsigned type)
{
	for (size_t at = 0; at < record_count; at++)
		if (records[at].type == type && strcmp(records[at].owner, owner) == 0)
			return &records[at];
	return NULL;
}

/* A name is there too if there is one below it (RFC 8020). */
static bool exists(const char *text)
{
	size_t len = strlen(text);

	for (size_t at = 0; at < record_count; at++) {
		size_t owner = strlen(records[at].owner);

		if (owner >= len && strcmp(records[at].owner + owner - len, text) == 0 &&
		    (owner == len || len == 0 || records[at].owner[owner - len - 1] == '.'))
			return true;
	}
	return false;
}

static const struct record *zone_of(const char *text)
{
	for (;;) {
		const struct record *soa = find(text, RECORD_SOA);
		const char *dot = strchr(text, '.');

		if (soa != NULL)
			return soa;
		text = dot == NULL ? "" : dot + 1;
	}
}

/* --- what to say --------------------------------------------------------------------------- */

static void tell_truth(struct plan *plan, struct name name, unsigned type)
{
	const struct record *alias;

	while (type != RECORD_CNAME && plan->chain_count < CHAIN_MAX &&
	       (alias = find(name.text, RECORD_CNAME)) != NULL) {
		plan->chain[plan->chain_count++] = alias;
		set_name(&name, alias->data);
	}
	plan->data = find(name.text, type);
	if (plan->data == NULL)
		plan->soa = zone_of(name.text);
	if (!exists(name.text))
		plan->rcode = 3;
}

/* False: say nothing. */
static bool squash(struct plan *plan, unsigned type)
{
	if (plan->chain_count == 0 || plan->data != NULL || plan->rcode != 0 ||
	    script.squash == SQUASH_NONE)
		return true;
	counts.squashed++;
	if (script.squash != SOA_LOST)
		plan->chain_count = 0;
	switch (script.squash) {
	case NXDOMAIN:
		plan->rcode = 3;
		break;
	case SOA_LOST:
		plan->soa = NULL;
		break;
	case SERVFAIL:
	case REFUSED:
		plan->rcode = script.squash == SERVFAIL ? 2 : 5;
		plan->soa = NULL;
		break;
	case SINKHOLE:
		if (type == RECORD_A) {
			plan->data = find(RECORD_SINKHOLE, RECORD_A);
			plan->soa = NULL;
		}
		break;
	case SILENT:
		return false;
	case NO_CNAME:
	case SQUASH_NONE:
		break;
	}
	return true;
}

/* --- writing it ---------------------------------------------------------------------------- */

static uint8_t *put_name(uint8_t *at, const char *text, unsigned number)
{
	char whole[300];
	const char *place = strstr(text, NUMBER);

	if (*text == '\0') {
		*at = 0;
		return at + 1;
	}
	if (place != NULL) {
		snprintf(whole, sizeof(whole), "%.*s%u%s", (int)(place - text), text, number,
			 place + strlen(NUMBER));
		text = whole;
	}
	return at + packet_name(at, 256, text);
}

static uint8_t *put_soa(uint8_t *at, const char *data)
{
	char copy[256], *rest = copy;

	snprintf(copy, sizeof(copy), "%s", data);
	at = put_name(at, strsep(&rest, " "), 0);
	at = put_name(at, strsep(&rest, " "), 0);
	while (rest != NULL)
		at = packet_put32(at, (uint32_t)strtoul(strsep(&rest, " "), NULL, 10));
	return at;
}

static uint8_t *put_data(uint8_t *at, const struct record *record, unsigned number)
{
	size_t len = strlen(record->data);

	switch (record->type) {
	case RECORD_A:
		inet_pton(AF_INET, record->data, at);
		return at + 4;
	case RECORD_SOA:
		return put_soa(at, record->data);
	case RECORD_TXT:
		*at = (uint8_t)len;
		memcpy(at + 1, record->data, len);
		return at + 1 + len;
	default:
		return put_name(at, record->data, number);
	}
}

static uint32_t ttl_of(const struct record *record)
{
	uint32_t start = (uint32_t)strlen(record->owner) * 7919u + record->type;

	if (!script.is_aged)
		return record->ttl;
	return record->ttl - (uint32_t)(now_us() / 1000000 + start) % record->ttl;
}

/* The owner has been written. */
static uint8_t *put_record(uint8_t *at, const struct record *record, unsigned number)
{
	at = packet_put16(packet_put16(at, record->type), 1);
	at = packet_put32(at, ttl_of(record));
	uint8_t *end = put_data(at + 2, record, number);

	packet_put16(at, (unsigned)(end - at - 2));
	return end;
}

/* All that are like it, the first one another time another. Returns how many. */
static unsigned put_alike(uint8_t **at, const struct record *first, unsigned owner_at)
{
	static unsigned turn;
	unsigned count = 1;

	while (first + count < records + record_count && first[count].type == first->type &&
	       strcmp(first[count].owner, first->owner) == 0)
		count++;
	turn++;
	for (unsigned which = 0; which < count; which++)
		*at = put_record(packet_put16(*at, 0xc000 | owner_at),
				 &first[(which + turn) % count], 0);
	return count;
}

static size_t put_answer(uint8_t *out, const struct question *question, const struct plan *plan,
			 unsigned number)
{
	size_t end = PACKET_HEADER + question->name_len + 4;
	unsigned owner_at = PACKET_HEADER, count = plan->chain_count;
	uint8_t *at = out + end;

	memcpy(out, question->wire, end);
	for (unsigned hop = 0; hop < plan->chain_count; hop++) {
		unsigned start = (unsigned)(at - out);

		at = put_record(packet_put16(at, 0xc000 | owner_at), plan->chain[hop], number);
		owner_at = start + 12;
	}
	if (plan->data != NULL)
		count += put_alike(&at, plan->data, owner_at);
	if (plan->soa != NULL)
		at = put_record(put_name(at, plan->soa->owner, 0), plan->soa, 0);
	if (question->has_opt)
		at = packet_put_opt(at);
	packet_put16(out + 2, 0x8080 | (packet_get16(out + 2) & 0x0110) | plan->rcode);
	packet_put16(out + 6, count);
	packet_put16(out + 8, plan->soa != NULL);
	packet_put16(out + 10, question->has_opt);
	return (size_t)(at - out);
}

static bool is_lost(void)
{
	bool lost = (double)(serve_random(&random_state) % 1000000) < script.loss * 10000;

	counts.lost += lost;
	return lost;
}

static void on_message(const struct serve_asker *asker, const uint8_t *wire, size_t len)
{
	uint8_t reply[2 * PACKET_MAX];
	struct question question;
	struct plan plan = { .rcode = 0 };
	struct name name = { .number = 0 };
	bool is_stream = asker->connection >= 0;

	*(is_stream ? &counts.tcp : &counts.udp) += 1;
	if (!packet_read(wire, len, &question)) {
		counts.unheard++;
		return;
	}
	if (!is_stream && is_lost())
		return;
	read_name(question.name, &name);
	tell_truth(&plan, name, question.type);
	if (!squash(&plan, question.type))
		return;
	len = put_answer(reply, &question, &plan, name.number);
	if (len > PACKET_MAX)
		errx(1, "the answer for %s is too long", name.text);
	if (is_stream || !is_lost())
		serve_reply(asker, reply, len, script.delay_us);
}

/* --- and the rest -------------------------------------------------------------------------- */

static void report(int number)
{
	(void)number;
	printf("{\"udp\": %llu, \"tcp\": %llu, \"unheard\": %llu, \"lost\": %llu, \"squashed\": %llu}\n",
	       (unsigned long long)counts.udp, (unsigned long long)counts.tcp,
	       (unsigned long long)counts.unheard, (unsigned long long)counts.lost,
	       (unsigned long long)counts.squashed);
	fflush(stdout);
}

static enum squash read_squash(const char *text)
{
	for (int shape = 0; shape < SQUASH_NONE; shape++)
		if (strcmp(squash_names[shape], text) == 0)
			return (enum squash)shape;
	errx(64, "%s is no way to squash", text);
}

int main(int argc, char **argv)
{
	enum { LISTEN, SEED, DELAY, LOSS, SHAPE, AGED };
	static const struct option options[] = {
		{ "listen", required_argument, NULL, LISTEN },
		{ "seed", required_argument, NULL, SEED },
		{ "delay-ms", required_argument, NULL, DELAY },
		{ "loss", required_argument, NULL, LOSS },
		{ "squash", required_argument, NULL, SHAPE },
		{ "aged", no_argument, NULL, AGED },
		{ NULL, 0, NULL, 0 },
	};
	struct serve_script server = { .has_tcp = true,
				       .on_message = on_message,
				       .on_signal = report };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == LISTEN)
			server.listen = serve_address(optarg, 53);
		else if (option == SEED)
			script.seed = strtoull(optarg, NULL, 10);
		else if (option == DELAY)
			script.delay_us = 1000 * strtoull(optarg, NULL, 10);
		else if (option == LOSS)
			script.loss = strtod(optarg, NULL);
		else if (option == SHAPE)
			script.squash = read_squash(optarg);
		else if (option == AGED)
			script.is_aged = true;
		else
			exit(64);
	}
	random_state = script.seed;
	serve(&server);
	report(0);
	return 0;
}
