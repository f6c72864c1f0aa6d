#include "app/doctor_check.h"

#include <stdio.h>

#include "app/doctor_advice.h"
#include "app/doctor_dnsmasq.h"
#include "app/doctor_reply.h"
#include "app/doctor_run.h"
#include "app/doctor_variants.h"

#define SLOW_MS 1000u /* a device asks again then */

/* --- answers ------------------------------------------------------------------------------- */

static void tell_silence(struct doctor_finding *finding)
{
	doctor_finding_describe(finding, "none of the questions was answered", finding->ask);
	finding->shape = SQUASH_SILENT;
	if (finding->ask->state == DOCTOR_ASK_UNSENT)
		doctor_finding_set(
			finding, DOCTOR_FAIL,
			"This machine has no way there, so nothing is known of the server.",
			"Ask over a network that devices use; leave the server out where they do not "
			"use it.");
	else
		doctor_finding_set(
			finding, DOCTOR_FAIL,
			"Nobody answers there: devices that are told to use it stand still.",
			"See that address and port are right, that the server runs and lets this "
			"machine ask, and that no firewall is between (UDP and TCP).");
}

static void judge_answers(struct doctor_finding *finding)
{
	const struct doctor_ask *slowest = finding->ask; /* any will do to begin with */
	unsigned asked = 0, answered = 0;
	struct name_text name;
	struct type_text type;

	for (size_t slot = 0; slot < DOCTOR_SLOTS; slot++) {
		const struct doctor_ask *ask = &finding->server->asks[slot];
		if (slot == SLOT_VERSION) /* which many do not say */
			continue;
		asked += ask->state != DOCTOR_ASK_NONE;
		if (ask->state != DOCTOR_ASK_REPLY)
			continue;
		if (answered++ == 0 || ask->took_ms > slowest->took_ms)
			slowest = ask;
	}
	if (answered == 0) {
		tell_silence(finding);
		return;
	}
	doctor_finding_say(finding, "%u of %u questions, the slowest in %u ms", answered, asked,
			   slowest->took_ms);
	if (slowest->took_ms < SLOW_MS)
		return;
	doctor_finding_say(finding, ": %.80s %s", name_to_text(slowest->view.name, &name),
			   type_to_text(slowest->view.type, &type));
	doctor_finding_set(
		finding, DOCTOR_WARN,
		"Devices ask again after a second, and go to another server after three.",
		"A lossy line, or silent servers behind it: a forwarder that "
		"asks others too, and keeps what it knows, helps.");
}

/* --- the alias and its target -------------------------------------------------------------- */

static void judge_alias(struct doctor_finding *finding)
{
	if (finding->ask->shape != SQUASH_NONE) {
		doctor_finding_fail(finding, finding->ask->shape);
	} else if (finding->ask->verdict == VERDICT_ANSWERED) {
		finding->result = DOCTOR_INFO;
		doctor_finding_say(finding, ": behind the right alias, so Apple's own");
	}
}

static void judge_alias_a(struct doctor_finding *finding)
{
	judge_alias(finding);
	if (finding->result == DOCTOR_OK)
		doctor_finding_say(finding, ". This is right: the bare name has no address, and "
					    "needs none");
}

static void judge_alias_again(struct doctor_finding *finding)
{
	judge_alias(finding);
	if (finding->result == DOCTOR_OK)
		doctor_finding_say(finding, ": the same after a question for HTTPS");
	if (finding->result == DOCTOR_FAIL &&
	    finding->server->asks[SLOT_ALIAS_A].shape == SQUASH_NONE)
		finding->means = "The first answer was right, and after a question for HTTPS it "
				 "is not: the server's cache does that.";
}

static void judge_target(struct doctor_finding *finding)
{
	const struct doctor_ask *ask = finding->ask;

	if (ask->shape != SQUASH_NONE)
		doctor_finding_fail(finding, ask->shape);
	else if (ask->verdict == VERDICT_ANSWERED)
		finding->result = DOCTOR_INFO;
	else if (!ask->facts.has_soa)
		doctor_finding_fail(finding, SQUASH_SOA_LOST);
}

/* --- what a device asks besides ------------------------------------------------------------ */

static void judge_count(struct doctor_finding *finding)
{
	const struct doctor_ask *ask = finding->ask;
	const unsigned count = doctor_run_read_count(ask);
	char text[64];

	if (count != 0) {
		doctor_finding_say(finding, "push.apple.com TXT \"count=%u\"", count);
		return;
	}
	doctor_finding_describe(finding, "push.apple.com TXT", ask);
	if (doctor_reply_txt(ask, "", text, sizeof(text)))
		doctor_finding_say(finding, " \"%s\"", text);
	if (ask->shape != SQUASH_NONE)
		doctor_finding_fail(finding, ask->shape);
	else
		doctor_finding_set(finding, DOCTOR_WARN,
				   "Devices that cannot load Apple's list of servers find none "
				   "without this number.",
				   "Where others have the record (--reference), something filters "
				   "TXT.");
}

static void judge_bag(struct doctor_finding *finding)
{
	const struct doctor_ask *https = &finding->server->asks[SLOT_BAG_HTTPS];

	if (!doctor_reply_is_good(finding->ask)) {
		doctor_finding_fail(finding, finding->ask->shape);
	} else if (https->shape != SQUASH_NONE) {
		doctor_finding_describe(finding, "HTTPS", https);
		doctor_finding_fail(finding, https->shape);
	}
}

static void judge_liveness(struct doctor_finding *finding)
{
	if (finding->ask->shape == SQUASH_SILENT) {
		doctor_finding_fail(finding, SQUASH_SILENT);
		finding->means = "By this question devices find out whether a server lives: they "
				 "hold this one for dead.";
	} else if (!doctor_reply_is_good(finding->ask)) {
		doctor_finding_set(
			finding, DOCTOR_WARN,
			"By this question devices find out whether a server lives.",
			"Any answer will do, so this one does; yet something filters NS, or breaks it.");
	}
}

static void judge_case(struct doctor_finding *finding)
{
	judge_alias(finding);
	if (finding->result == DOCTOR_FAIL || doctor_reply_same_case(finding->ask))
		return;
	doctor_finding_say(finding, "; the question came back in other letter case");
	doctor_finding_set(
		finding, DOCTOR_WARN,
		"Who mixes the case against forgers (0x20) takes this for a forgery.",
		"Apple's devices do not mind. Forwarders behind this server may: leave 0x20 off there.");
}

static void judge_edns(struct doctor_finding *finding)
{
	judge_alias(finding);
	if (finding->result != DOCTOR_FAIL) {
		doctor_finding_say(finding, finding->ask->facts.has_opt
						    ? ", with EDNS"
						    : ", and no EDNS in the reply, which "
						      "devices do without");
	} else if (finding->shape == finding->server->asks[SLOT_ALIAS_A].shape) {
		doctor_finding_set(finding, DOCTOR_INFO, NULL, NULL);
		doctor_finding_say(finding, ", as without EDNS");
	} else {
		doctor_finding_set(
			finding, DOCTOR_WARN,
			"Questions with EDNS fare badly here. Devices send none; forwarders do.",
			"Where a forwarder sits behind this server, have it ask without EDNS.");
	}
}

static void judge_tcp(struct doctor_finding *finding)
{
	if (finding->ask->state == DOCTOR_ASK_REPLY)
		return;
	finding->shape = SQUASH_SILENT;
	doctor_finding_set(
		finding, DOCTOR_FAIL,
		"Devices come over TCP when an answer is too long or looked forged: then "
		"they stand still here.",
		"Open TCP on this port, on the server and in firewalls before it.");
}

static void judge_ddr(struct doctor_finding *finding)
{
	const struct doctor_ask *ask = finding->ask;

	if (ask->state != DOCTOR_ASK_REPLY)
		doctor_finding_fail(finding, SQUASH_SILENT);
	else if (ask->verdict == VERDICT_ANSWERED)
		doctor_finding_set(
			finding, DOCTOR_WARN,
			"The server names another for encrypted DNS: devices may go there, and past "
			"this one.",
			"Where that is not this server itself, have resolver.arpa answered here, with "
			"NODATA (courierdns does).");
	else if (ask->shape != SQUASH_NONE && ask->shape != SQUASH_NXDOMAIN)
		doctor_finding_set(
			finding, DOCTOR_WARN,
			"Devices ask for this half-hourly, and mark servers that refuse.",
			"Have resolver.arpa answered with NODATA or NXDOMAIN.");
}

/* --- private relay ------------------------------------------------------------------------- */

/* Refused as Apple asks for it: a negative answer. */
static bool is_negative(const struct doctor_ask *ask)
{
	return ask->state == DOCTOR_ASK_REPLY && ask->addresses == 0 &&
	       (ask->rcode == RCODE_NOERROR || ask->rcode == RCODE_NXDOMAIN);
}

/* False, and it has failed, where it is neither that nor an address of Apple's. */
static bool is_clear(struct doctor_finding *finding, const char *name, const struct doctor_ask *ask)
{
	if (ask->shape == SQUASH_NONE || is_negative(ask))
		return true;
	doctor_finding_describe(finding, name, ask);
	doctor_finding_fail(finding, ask->shape);
	finding->means = "This is no way to say no to Private Relay: devices wait for it to come.";
	return false;
}

static void judge_relay(struct doctor_finding *finding)
{
	const struct doctor_ask *mask = finding->ask;
	const struct doctor_ask *mask_h2 = &finding->server->asks[SLOT_MASK_H2];
	const bool is_refused = is_negative(mask);

	if (is_clear(finding, "mask.icloud.com", mask) &&
	    is_clear(finding, "mask-h2.icloud.com", mask_h2)) {
		if (is_refused == is_negative(mask_h2)) {
			finding->result = is_refused ? DOCTOR_INFO : DOCTOR_OK;
			doctor_finding_say(
				finding,
				is_refused ? "refused by a negative answer, as Apple asks for it"
					   : "allowed: both names have addresses");
			return;
		}
		doctor_finding_say(finding,
				   "one of the two names has addresses, the other has none");
		doctor_finding_set(finding, DOCTOR_WARN, "Private Relay is refused half-way.",
				   NULL);
	}
	finding->next = "Answer both mask.icloud.com and mask-h2.icloud.com with NXDOMAIN or "
			"NODATA, or leave both alone.";
}

/* --- hosts --------------------------------------------------------------------------------- */

/* Those that are used as the first one is. */
static void judge_hosts(struct doctor_finding *finding)
{
	const struct doctor_host *hosts = &doctor_run_hosts[finding->check->slot - SLOT_HOSTS];
	unsigned count = 0;

	for (; hosts[count].use == hosts->use; count++) {
		const struct doctor_ask *ask = &finding->ask[count];
		if (doctor_reply_is_good(ask))
			continue;
		doctor_finding_describe(finding, hosts[count].name, ask);
		doctor_finding_fail(finding, ask->shape);
	}
	if (finding->result == DOCTOR_OK)
		doctor_finding_say(finding, "%u of %u names have addresses", count, count);
}

/* --- the table ----------------------------------------------------------------------------- */

const struct doctor_check doctor_check_rows[] = {
	{ "answers", judge_answers, SLOT_ALIAS_A, NULL },
	{ "alias-a", judge_alias_a, SLOT_ALIAS_A, "" },
	{ "alias-https", judge_alias, SLOT_ALIAS_HTTPS, "" },
	{ "alias-aaaa", judge_alias, SLOT_ALIAS_AAAA, "" },
	{ "alias-tcp", judge_alias, SLOT_ALIAS_TCP, "" },
	{ "alias-again", judge_alias_again, SLOT_ALIAS_AGAIN, "" },
	{ "target", judge_target, SLOT_TARGET, "" },
	{ "variants-a", doctor_variants_judge_a, SLOT_VARIANTS_A, NULL },
	{ "variants-https", doctor_variants_judge_https, SLOT_VARIANTS_HTTPS, NULL },
	{ "count-txt", judge_count, SLOT_COUNT_TXT, NULL },
	{ "bag", judge_bag, SLOT_BAG_A, "init.push.apple.com" },
	{ "liveness", judge_liveness, SLOT_LIVENESS, "apple.com NS" },
	{ "case", judge_case, SLOT_CASE, "" },
	{ "edns", judge_edns, SLOT_EDNS, "" },
	{ "tcp", judge_tcp, SLOT_TCP, "apple.com NS" },
	{ "ddr", judge_ddr, SLOT_DDR, "_dns.resolver.arpa" },
	{ "private-relay", judge_relay, SLOT_MASK, NULL },
	{ "activation", judge_hosts, SLOT_ACTIVATION, NULL },
	{ "enrolment", judge_hosts, SLOT_ENROLMENT, NULL },
	{ 0 },
};

/* Whose doing it is, by what the reference says. False where it is not this server's. */
static bool tell_where(struct doctor_finding *finding)
{
	const struct doctor_server *reference = finding->run->reference;
	struct doctor_finding other;
	struct addr_text here_text, there_text;

	if (reference == NULL || reference == finding->server || reference->answered == 0)
		return true;
	doctor_finding_make(&other, finding->check, finding->run, reference);
	if (finding->result != DOCTOR_FAIL)
		return other.result != finding->result;
	addr_to_text(&finding->server->to.addr, &here_text);
	addr_to_text(&reference->to.addr, &there_text);
	if (other.result != DOCTOR_FAIL)
		snprintf(finding->where, sizeof(finding->where),
			 "%s answers rightly, so it is %s, or a server that it asks.",
			 there_text.text, here_text.text);
	else
		snprintf(
			finding->where, sizeof(finding->where),
			"%s fails %s, so it is further up, or on the way: something that takes port "
			"53 for itself.",
			there_text.text, other.shape == finding->shape ? "alike" : "too");
	return other.result != DOCTOR_FAIL;
}

void doctor_check_judge(struct doctor_finding *ret_finding, const struct doctor_check *check,
			const struct doctor_run *run, const struct doctor_server *server)
{
	doctor_finding_make(ret_finding, check, run, server);
	if ((ret_finding->result == DOCTOR_FAIL || ret_finding->result == DOCTOR_WARN) &&
	    tell_where(ret_finding))
		ret_finding->options = doctor_dnsmasq_options(ret_finding);
}
