#include "app/doctor_compare.h"

#include <string.h>

#include "app/doctor_reply.h"
#include "app/doctor_run.h"

#define SHOWN_MAX 3

/* What is compared of an answer. */
struct looks {
	enum doctor_ask_state state;
	unsigned rcode;
	enum verdict verdict;
	enum squash shape; /* of the alias */
};

static bool is_alias(size_t slot)
{
	return slot == SLOT_ALIAS_A || slot == SLOT_ALIAS_HTTPS || slot == SLOT_ALIAS_AAAA ||
	       slot == SLOT_ALIAS_TCP || slot == SLOT_ALIAS_AGAIN || slot == SLOT_CASE ||
	       slot == SLOT_EDNS;
}

static struct looks looks_of(const struct doctor_ask *ask, size_t slot)
{
	struct looks looks = { .state = ask->state };

	if (ask->state != DOCTOR_ASK_REPLY)
		return looks;
	looks.rcode = message_rcode(&ask->facts);
	looks.verdict = doctor_reply_verdict(ask);
	looks.shape =
		is_alias(slot) ? doctor_reply_squash(ask) : doctor_finding_shape_of(ask, false);
	return looks;
}

static bool are_equal(const struct looks *a, const struct looks *b)
{
	return a->state == b->state && a->rcode == b->rcode && a->verdict == b->verdict &&
	       a->shape == b->shape;
}

/* "SERVFAIL", "dangling", "no-cname", "no reply" */
static const char *looks_text(const struct looks *looks, struct type_text *into)
{
	if (looks->state != DOCTOR_ASK_REPLY)
		return "no reply";
	if (looks->verdict == VERDICT_FAILED)
		return type_rcode_to_text(looks->rcode, into);
	if (looks->shape != SQUASH_NONE)
		return squash_text(looks->shape);
	return classify_text(looks->verdict);
}

static void say_difference(struct doctor_finding *finding, const struct doctor_ask *ask,
			   const struct looks *here, const struct looks *there)
{
	struct name_text name;
	struct type_text type, rcode, other;

	doctor_finding_say(finding, "; %.80s %s%s: %s here, %s there",
			   name_to_text(ask->view.name, &name), type_to_text(ask->view.type, &type),
			   ask->is_tcp ? " (TCP)" : "", looks_text(here, &rcode),
			   looks_text(there, &other));
}

/* Something that fails of the one and not of the other. */
static bool is_worse(const struct doctor_view *one, const struct doctor_view *other)
{
	const struct doctor_check *check;

	for (size_t i = 0; (check = doctor_check_at(i)) != NULL; i++) {
		struct doctor_finding mine = { .result = DOCTOR_OK };
		struct doctor_finding others = { .result = DOCTOR_OK };
		check->judge(one, &mine);
		check->judge(other, &others);
		if (mine.result == DOCTOR_FAIL && others.result != DOCTOR_FAIL)
			return true;
	}
	return false;
}

static void judge_differences(const struct doctor_view *view, const struct doctor_view *reference,
			      struct doctor_finding *finding)
{
	if (is_worse(view, reference)) {
		finding->result = DOCTOR_FAIL;
		finding->means =
			"The reference is answered as Apple has it: whatever squashes is this "
			"server, or one that it asks.";
		finding->next =
			"Have courierdns ask the reference for push.apple.com and akadns.net, "
			"or mend this server.";
	} else if (is_worse(reference, view)) {
		doctor_finding_warn(finding, "It is the reference that fails, and not this server.",
				    "Take another reference; one that fails is no measure.");
	} else {
		doctor_finding_warn(
			finding, "Both are fit for devices, and do not say the same.",
			"Nothing to do, unless one of them filters what it should not.");
	}
}

static void judge(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct doctor_view there = { view->run, doctor_run_reference(view->run) };
	size_t compared = 0, different = 0;
	struct doctor_finding list = { .result = DOCTOR_OK };
	struct addr_text text;

	addr_to_text(&there.server->to.addr, &text);
	if (there.server->answered == 0) {
		doctor_finding_say(finding, "%s answered nothing", text.text);
		doctor_finding_warn(finding, "There is nothing to compare with.",
				    "Name a reference that this machine may ask.");
		return;
	}
	for (size_t slot = 0; slot < DOCTOR_SLOTS; slot++) {
		const struct doctor_ask *ask = &view->server->asks[slot];
		const struct doctor_ask *other = &there.server->asks[slot];
		if (ask->state == DOCTOR_ASK_NONE || other->state == DOCTOR_ASK_NONE ||
		    !doctor_run_is_compared(slot))
			continue;
		const struct looks here_looks = looks_of(ask, slot);
		const struct looks there_looks = looks_of(other, slot);
		compared++;
		if (!are_equal(&here_looks, &there_looks) && ++different <= SHOWN_MAX)
			say_difference(&list, ask, &here_looks, &there_looks);
	}
	if (different == 0) {
		doctor_finding_say(finding, "%s answers all %zu alike, by rcode and shape",
				   text.text, compared);
		return;
	}
	doctor_finding_say(finding, "%s answers %zu of %zu otherwise%s%s", text.text, different,
			   compared, list.seen, different > SHOWN_MAX ? "; ..." : "");
	judge_differences(view, &there, finding);
}

const struct doctor_check *doctor_compare_check(void)
{
	static const struct doctor_check check = { "reference", judge };

	return &check;
}
