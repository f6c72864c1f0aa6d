#include "app/doctor_check.h"

#include <stdio.h>
#include <string.h>

#include "app/doctor_advice.h"
#include "app/doctor_dnsmasq.h"
#include "app/doctor_reply.h"
#include "app/doctor_run.h"
#include "app/doctor_variants.h"

#define SLOW_US USEC_PER_SEC /* a device asks again then */

static const char *type_of(const struct doctor_ask *ask, struct type_text *into)
{
	return type_to_text(ask->view.type, into);
}

/* --- answers ------------------------------------------------------------------------------- */

static void tell_silence(const struct doctor_server *server, struct doctor_finding *finding)
{
	doctor_finding_say(finding, "none of the questions was answered: ");
	doctor_finding_describe(finding, &server->asks[SLOT_ALIAS_A]);
	doctor_finding_fail(finding, SQUASH_SILENT);
	finding->means = "Nobody answers there. Devices that are told to use this server stand "
			 "still.";
	finding->next =
		"See that the address and the port are right, that the server runs, that it "
		"lets this machine ask, and that no firewall is between (UDP and TCP).";
	if (server->asks[SLOT_ALIAS_A].state != DOCTOR_ASK_UNSENT)
		return;
	finding->means = "This machine has no way there, so nothing is known of the server.";
	finding->next = "Ask from a machine, or over a network, that devices use; or leave the "
			"server out where they do not use it.";
}

static void judge_answers(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct doctor_ask *slowest = NULL;
	size_t asked = 0, answered = 0;
	struct name_text name;
	struct type_text type;

	for (size_t slot = 0; slot < DOCTOR_SLOTS; slot++) {
		const struct doctor_ask *ask = &view->server->asks[slot];
		if (slot == SLOT_VERSION) /* which many do not say */
			continue;
		asked += ask->state != DOCTOR_ASK_NONE;
		if (ask->state != DOCTOR_ASK_REPLY)
			continue;
		answered++;
		if (slowest == NULL || ask->took_us > slowest->took_us)
			slowest = ask;
	}
	if (slowest == NULL) {
		tell_silence(view->server, finding);
		return;
	}
	doctor_finding_say(finding, "%zu of %zu questions, the slowest in %u ms", answered, asked,
			   (unsigned)(slowest->took_us / USEC_PER_MSEC));
	if (slowest->took_us < SLOW_US)
		return;
	doctor_finding_say(finding, ": %.80s %s", name_to_text(slowest->view.name, &name),
			   type_of(slowest, &type));
	doctor_finding_warn(
		finding, "Devices ask again after a second, and go to another server after three.",
		"A lossy line, or servers behind it that do not answer: a forwarder that asks others "
		"too, and keeps what it knows, helps.");
}

/* --- the alias and its target -------------------------------------------------------------- */

static void judge_alias(const struct doctor_ask *ask, struct doctor_finding *finding)
{
	const enum squash shape = doctor_reply_squash(ask);

	doctor_finding_describe(finding, ask);
	if (shape != SQUASH_NONE)
		doctor_finding_fail(finding, shape);
	else if (doctor_reply_verdict(ask) == VERDICT_ANSWERED) {
		finding->result = DOCTOR_INFO;
		doctor_finding_say(finding, ": behind the right alias, so Apple's own");
	}
}

static void judge_alias_a(const struct doctor_view *view, struct doctor_finding *finding)
{
	judge_alias(&view->server->asks[SLOT_ALIAS_A], finding);
	if (finding->result == DOCTOR_OK)
		doctor_finding_say(finding, ". This is right: the bare name has no address, and "
					    "needs none");
}

static void judge_alias_https(const struct doctor_view *view, struct doctor_finding *finding)
{
	judge_alias(&view->server->asks[SLOT_ALIAS_HTTPS], finding);
}

static void judge_alias_aaaa(const struct doctor_view *view, struct doctor_finding *finding)
{
	judge_alias(&view->server->asks[SLOT_ALIAS_AAAA], finding);
}

static void judge_alias_tcp(const struct doctor_view *view, struct doctor_finding *finding)
{
	judge_alias(&view->server->asks[SLOT_ALIAS_TCP], finding);
}

static void judge_alias_again(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct doctor_ask *asks = view->server->asks;

	judge_alias(&asks[SLOT_ALIAS_AGAIN], finding);
	if (finding->result == DOCTOR_OK)
		doctor_finding_say(finding, ": the same after a question for HTTPS");
	if (finding->result == DOCTOR_FAIL &&
	    doctor_reply_squash(&asks[SLOT_ALIAS_A]) == SQUASH_NONE)
		finding->means = "The first answer was right, and this one, after a question for "
				 "HTTPS, is not: that is what the server's cache makes of it.";
}

static void judge_target(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct doctor_ask *ask = &view->server->asks[SLOT_TARGET];
	const enum squash shape = doctor_finding_shape_of(ask, false);

	doctor_finding_describe(finding, ask);
	if (shape != SQUASH_NONE)
		doctor_finding_fail(finding, shape);
	else if (doctor_reply_verdict(ask) == VERDICT_ANSWERED)
		finding->result = DOCTOR_INFO;
	else if (!ask->facts.has_soa)
		doctor_finding_fail(finding, SQUASH_SOA_LOST);
}

/* --- what a device asks besides ------------------------------------------------------------ */

static void judge_count(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct doctor_ask *ask = &view->server->asks[SLOT_COUNT_TXT];
	const enum squash shape = doctor_finding_shape_of(ask, false);
	char text[64];
	unsigned count;

	if (doctor_run_read_count(ask, &count)) {
		doctor_finding_say(finding, "push.apple.com TXT \"count=%u\"", count);
		return;
	}
	doctor_finding_say(finding, "push.apple.com TXT: ");
	doctor_finding_describe(finding, ask);
	if (doctor_reply_txt(ask, "", text, sizeof(text)))
		doctor_finding_say(finding, " \"%s\"", text);
	if (shape != SQUASH_NONE)
		doctor_finding_fail(finding, shape);
	else
		doctor_finding_warn(
			finding,
			"Devices that cannot load Apple's list of servers take the number of couriers "
			"from here; without it they find none.",
			"See with --reference whether others have the record: if so, something "
			"filters TXT.");
}

static void judge_bag(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct doctor_ask *asks = view->server->asks;
	const enum squash shape = doctor_finding_shape_of(&asks[SLOT_BAG_A], true);
	const enum squash https = doctor_finding_shape_of(&asks[SLOT_BAG_HTTPS], false);

	doctor_finding_say(finding, "init.push.apple.com: ");
	doctor_finding_describe(finding, &asks[SLOT_BAG_A]);
	if (shape != SQUASH_NONE) {
		doctor_finding_fail_name(finding, shape);
		return;
	}
	if (https == SQUASH_NONE)
		return;
	doctor_finding_say(finding, "; HTTPS: ");
	doctor_finding_describe(finding, &asks[SLOT_BAG_HTTPS]);
	doctor_finding_fail(finding, https);
}

static void judge_liveness(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct doctor_ask *ask = &view->server->asks[SLOT_LIVENESS];
	const enum squash shape = doctor_finding_shape_of(ask, true);

	doctor_finding_say(finding, "apple.com NS: ");
	doctor_finding_describe(finding, ask);
	if (shape == SQUASH_SILENT)
		doctor_finding_fail(finding, shape);
	else if (shape != SQUASH_NONE)
		doctor_finding_warn(
			finding, "By this question devices find out whether a server lives.",
			"Any answer will do, so this one does; yet something filters NS, or breaks it.");
	if (finding->result == DOCTOR_FAIL)
		finding->means = "By this question devices find out whether a server lives: they "
				 "hold this one for dead.";
}

static void judge_case(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct doctor_ask *ask = &view->server->asks[SLOT_CASE];

	judge_alias(ask, finding);
	if (finding->result == DOCTOR_FAIL || doctor_reply_same_case(ask))
		return;
	doctor_finding_say(finding, "; the question came back in other letter case");
	doctor_finding_warn(
		finding, "Who mixes the case against forgers (0x20) takes this for a forgery.",
		"Apple's devices do not mind. Forwarders behind this server may: leave 0x20 off there.");
}

static void judge_edns(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct doctor_ask *ask = &view->server->asks[SLOT_EDNS];

	judge_alias(ask, finding);
	if (finding->result != DOCTOR_FAIL) {
		doctor_finding_say(finding, ask->facts.has_opt
						    ? ", with EDNS"
						    : ", and no EDNS in the reply, which "
						      "devices do without");
		return;
	}
	if (finding->shape == doctor_reply_squash(&view->server->asks[SLOT_ALIAS_A])) {
		finding->result = DOCTOR_INFO;
		finding->means = finding->next = NULL;
		doctor_finding_say(finding, ", as without EDNS");
		return;
	}
	finding->result = DOCTOR_OK;
	doctor_finding_warn(
		finding, "Questions with EDNS fare badly here. Devices send none; forwarders do.",
		"Where a forwarder sits behind this server, have it ask without EDNS.");
}

static void judge_tcp(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct doctor_ask *ask = &view->server->asks[SLOT_TCP];

	doctor_finding_say(finding, "apple.com NS: ");
	doctor_finding_describe(finding, ask);
	if (ask->state == DOCTOR_ASK_REPLY)
		return;
	doctor_finding_fail(finding, SQUASH_SILENT);
	finding->means = "Devices come over TCP when an answer is too long, and when a packet "
			 "looked forged: then they stand still here.";
	finding->next = "Open TCP on this port, on the server and in firewalls before it.";
}

static void judge_ddr(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct doctor_ask *ask = &view->server->asks[SLOT_DDR];

	doctor_finding_say(finding, "_dns.resolver.arpa: ");
	doctor_finding_describe(finding, ask);
	if (ask->state != DOCTOR_ASK_REPLY)
		doctor_finding_fail(finding, SQUASH_SILENT);
	else if (doctor_reply_verdict(ask) == VERDICT_ANSWERED)
		doctor_finding_warn(
			finding,
			"The server names another for encrypted DNS: devices may go there, and past "
			"this one.",
			"Where that is not this server itself, have resolver.arpa answered here, with "
			"NODATA (courierdns does).");
	else if (doctor_finding_shape_of(ask, false) != SQUASH_NONE &&
		 doctor_finding_shape_of(ask, false) != SQUASH_NXDOMAIN)
		doctor_finding_warn(
			finding, "Devices ask for this half-hourly, and mark servers that refuse.",
			"Have resolver.arpa answered with NODATA or NXDOMAIN.");
}

/* --- private relay ------------------------------------------------------------------------- */

static bool has_address(const struct doctor_ask *ask)
{
	struct addr addr;

	return doctor_reply_addresses(ask, &addr, 1) == 1;
}

/* Refused as Apple asks for it: a negative answer. */
static bool is_negative(const struct doctor_ask *ask)
{
	return ask->state == DOCTOR_ASK_REPLY &&
	       (message_rcode(&ask->facts) == RCODE_NOERROR ||
		message_rcode(&ask->facts) == RCODE_NXDOMAIN) &&
	       !has_address(ask);
}

static void judge_relay(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct doctor_ask *mask = &view->server->asks[SLOT_MASK];
	const struct doctor_ask *mask_h2 = &view->server->asks[SLOT_MASK_H2];
	const enum squash shapes[] = { doctor_finding_shape_of(mask, false),
				       doctor_finding_shape_of(mask_h2, false) };

	for (size_t i = 0; i < 2; i++) {
		const struct doctor_ask *ask = i == 0 ? mask : mask_h2;
		if (shapes[i] == SQUASH_NONE || is_negative(ask))
			continue;
		doctor_finding_say(finding,
				   "%s: ", i == 0 ? "mask.icloud.com" : "mask-h2.icloud.com");
		doctor_finding_describe(finding, ask);
		doctor_finding_fail(finding, shapes[i]);
		finding->means =
			"This is no way to say no to Private Relay: devices wait for it to "
			"come.";
		finding->next =
			"Answer both mask.icloud.com and mask-h2.icloud.com with NXDOMAIN or "
			"NODATA, or leave both alone.";
		return;
	}
	if (is_negative(mask) != is_negative(mask_h2)) {
		doctor_finding_say(finding,
				   "one of the two names has addresses, the other has none");
		doctor_finding_warn(
			finding, "Private Relay is refused half-way.",
			"Answer both mask.icloud.com and mask-h2.icloud.com with NXDOMAIN or NODATA, "
			"or leave both alone.");
	} else if (is_negative(mask)) {
		finding->result = DOCTOR_INFO;
		doctor_finding_say(finding, "refused by a negative answer, as Apple asks for it");
	} else {
		doctor_finding_say(finding, "allowed: both names have addresses");
	}
}

/* --- hosts --------------------------------------------------------------------------------- */

static void judge_hosts(const struct doctor_view *view, enum doctor_host_use use,
			struct doctor_finding *finding)
{
	size_t count = 0, good = 0;

	for (size_t i = 0; i < DOCTOR_HOSTS; i++) {
		const struct doctor_host *host = doctor_run_host(i);
		const struct doctor_ask *ask = &view->server->asks[SLOT_HOSTS + i];
		if (host->use != use)
			continue;
		const enum squash shape = doctor_finding_shape_of(ask, true);
		count++;
		good += shape == SQUASH_NONE;
		if (shape == SQUASH_NONE)
			continue;
		doctor_finding_say(finding, "%s%s: ", finding->seen[0] == '\0' ? "" : "; ",
				   host->name);
		doctor_finding_describe(finding, ask);
		doctor_finding_fail_name(finding, shape);
	}
	if (finding->result == DOCTOR_OK)
		doctor_finding_say(finding, "%zu of %zu names have addresses", good, count);
}

static void judge_activation(const struct doctor_view *view, struct doctor_finding *finding)
{
	judge_hosts(view, HOST_ACTIVATION, finding);
}

static void judge_enrolment(const struct doctor_view *view, struct doctor_finding *finding)
{
	judge_hosts(view, HOST_ENROLMENT, finding);
}

/* --- the table ----------------------------------------------------------------------------- */

static const struct doctor_check checks[] = {
	{ "answers", judge_answers },
	{ "alias-a", judge_alias_a },
	{ "alias-https", judge_alias_https },
	{ "alias-aaaa", judge_alias_aaaa },
	{ "alias-tcp", judge_alias_tcp },
	{ "alias-again", judge_alias_again },
	{ "target", judge_target },
	{ "variants-a", doctor_variants_judge_a },
	{ "variants-https", doctor_variants_judge_https },
	{ "count-txt", judge_count },
	{ "bag", judge_bag },
	{ "liveness", judge_liveness },
	{ "case", judge_case },
	{ "edns", judge_edns },
	{ "tcp", judge_tcp },
	{ "ddr", judge_ddr },
	{ "private-relay", judge_relay },
	{ "activation", judge_activation },
	{ "enrolment", judge_enrolment },
};

#define CHECK_COUNT (sizeof(checks) / sizeof(checks[0]))

const struct doctor_check *doctor_check_at(size_t at)
{
	return at < CHECK_COUNT ? &checks[at] : NULL;
}

/* Whose doing it is, by what the reference says. False where it is not this server's. */
static bool tell_where(const struct doctor_check *check, const struct doctor_view *view,
		       struct doctor_finding *finding)
{
	const struct doctor_server *reference = doctor_run_reference(view->run);
	const struct doctor_view there = { view->run, reference };
	struct doctor_finding other = { .result = DOCTOR_OK };
	struct addr_text here_text, there_text;

	if (reference == NULL || reference == view->server || reference->answered == 0)
		return true;
	check->judge(&there, &other);
	if (finding->result != DOCTOR_FAIL)
		return other.result != finding->result;
	addr_to_text(&view->server->to.addr, &here_text);
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

/* Not the comparison itself, nor those of reach, which no other server has. */
static bool is_ours(const struct doctor_check *check)
{
	bool is_found = false;

	for (size_t i = 0; i < CHECK_COUNT; i++)
		is_found |= check == &checks[i];
	return is_found;
}

void doctor_check_judge(const struct doctor_check *check, const struct doctor_view *view,
			struct doctor_finding *ret_finding)
{
	*ret_finding = (struct doctor_finding){ .result = DOCTOR_OK };
	check->judge(view, ret_finding);
	if ((ret_finding->result == DOCTOR_FAIL || ret_finding->result == DOCTOR_WARN) &&
	    is_ours(check) && tell_where(check, view, ret_finding) && doctor_dnsmasq_is_one(view))
		ret_finding->options = doctor_dnsmasq_options(check, ret_finding);
}
