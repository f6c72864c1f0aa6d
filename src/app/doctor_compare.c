#include "app/doctor_compare.h"

#include "app/doctor_check.h"
#include "app/doctor_run.h"

#define SHOWN_MAX 3

static bool are_alike(const struct doctor_ask *here, const struct doctor_ask *there)
{
	return here->state == there->state && here->rcode == there->rcode &&
	       here->verdict == there->verdict && here->shape == there->shape;
}

/* "SERVFAIL", "dangling", "no-cname", "no reply" */
static const char *looks_text(const struct doctor_ask *ask, struct type_text *into)
{
	if (ask->state != DOCTOR_ASK_REPLY)
		return "no reply";
	if (ask->verdict == VERDICT_FAILED)
		return type_rcode_to_text(ask->rcode, into);
	if (ask->shape != SQUASH_NONE)
		return squash_text(ask->shape);
	return classify_text(ask->verdict);
}

static void say_difference(struct doctor_finding *finding, const struct doctor_ask *here,
			   const struct doctor_ask *there)
{
	struct name_text name;
	struct type_text type, rcode, other;

	doctor_finding_say(finding, "; %.80s %s%s: %s here, %s there",
			   name_to_text(here->view.name, &name),
			   type_to_text(here->view.type, &type), here->is_tcp ? " (TCP)" : "",
			   looks_text(here, &rcode), looks_text(there, &other));
}

static void judge_differences(struct doctor_finding *finding, const struct doctor_server *reference)
{
	bool is_worse = false, is_better = false;

	for (const struct doctor_check *check = doctor_check_rows; check->name != NULL; check++) {
		struct doctor_finding one;
		doctor_finding_make(&one, check, finding->run, finding->server);
		const bool fails_here = one.result == DOCTOR_FAIL;
		doctor_finding_make(&one, check, finding->run, reference);
		const bool fails_there = one.result == DOCTOR_FAIL;
		is_worse |= fails_here && !fails_there;
		is_better |= fails_there && !fails_here;
	}
	if (is_worse) {
		finding->result = DOCTOR_FAIL;
		finding->means =
			"The reference is answered as Apple has it: whatever squashes is this "
			"server, or one that it asks.";
		finding->next =
			"Have courierdns ask the reference for push.apple.com and akadns.net, "
			"or mend this server.";
	} else if (is_better) {
		doctor_finding_set(finding, DOCTOR_WARN,
				   "It is the reference that fails, and not this server.",
				   "Take another reference; one that fails is no measure.");
	} else {
		doctor_finding_set(finding, DOCTOR_WARN,
				   "Both are fit for devices, and do not say the same.",
				   "Nothing to do, unless one of them filters what it should not.");
	}
}

static void judge(struct doctor_finding *finding)
{
	const struct doctor_server *reference = finding->run->reference;
	unsigned compared = 0, different = 0;
	struct doctor_finding list = { .result = DOCTOR_OK };
	struct addr_text text;

	addr_to_text(&reference->to.addr, &text);
	if (reference->answered == 0) {
		doctor_finding_say(finding, "%s answered nothing", text.text);
		doctor_finding_set(finding, DOCTOR_WARN, "There is nothing to compare with.",
				   "Name a reference that this machine may ask.");
		return;
	}
	for (size_t slot = 0; slot < DOCTOR_SLOTS; slot++) {
		const struct doctor_ask *here = finding->server->asks + slot;
		const struct doctor_ask *there = reference->asks + slot;
		if (here->state == DOCTOR_ASK_NONE || there->state == DOCTOR_ASK_NONE ||
		    !doctor_run_is_compared(slot))
			continue;
		compared++;
		if (!are_alike(here, there) && ++different <= SHOWN_MAX)
			say_difference(&list, here, there);
	}
	if (different == 0) {
		doctor_finding_say(finding, "%s answers all %u alike, by rcode and shape",
				   text.text, compared);
		return;
	}
	doctor_finding_say(finding, "%s answers %u of %u otherwise%s%s", text.text, different,
			   compared, list.seen, different > SHOWN_MAX ? "; ..." : "");
	judge_differences(finding, reference);
}

const struct doctor_check doctor_compare_check = { .name = "reference", .judge = judge };
