#include "app/doctor_variants.h"

#include "app/doctor_advice.h"
#include "app/doctor_reply.h"
#include "app/doctor_run.h"

static bool is_apples(const struct addr *addr)
{
	static const char *const blocks[] = { "17.0.0.0/8", "2620:149:a44::/48",
					      "2403:300:a42::/48", "2403:300:a51::/48",
					      "2a01:b740:a42::/48" };
	struct addr_prefix block;

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		if (addr_prefix_parse(blocks[i], &block) == 0 && addr_prefix_covers(&block, addr))
			return true;
	}
	return false;
}

static bool is_relay(const struct doctor_ask *ask)
{
	struct addr addr;

	return doctor_reply_private(ask, &addr) && !doctor_reply_leads_nowhere(&addr);
}

struct variants_seen {
	size_t good, relays, elsewhere;
	const struct doctor_ask *first; /* that is good */
};

static void judge_variant(const struct doctor_variant *variant, const struct doctor_ask *ask,
			  struct variants_seen *seen, struct doctor_finding *finding)
{
	const enum squash shape = doctor_finding_shape_of(ask, true);
	struct addr addr;

	if (shape == SQUASH_SINKHOLE && is_relay(ask)) {
		seen->relays++;
	} else if (shape != SQUASH_NONE) {
		doctor_finding_say(finding, "%s%s: ", finding->seen[0] == '\0' ? "" : "; ",
				   variant->name);
		doctor_finding_describe(finding, ask);
		doctor_finding_fail_name(finding, shape);
	} else {
		seen->good++;
		if (seen->first == NULL)
			seen->first = ask;
		if (doctor_reply_addresses(ask, &addr, 1) == 1 && !is_apples(&addr))
			seen->elsewhere++;
	}
}

void doctor_variants_judge_a(const struct doctor_view *view, struct doctor_finding *finding)
{
	const size_t count = doctor_run_options(view->run)->variants;
	struct variants_seen seen = { 0 };
	struct name_text name;

	for (size_t i = 0; i < count; i++)
		judge_variant(doctor_run_variant(view->run, i),
			      &view->server->asks[SLOT_VARIANTS_A + i], &seen, finding);
	if (finding->result == DOCTOR_FAIL)
		return;
	doctor_finding_say(finding, "%zu of %zu numbered names have addresses", seen.good, count);
	if (seen.first != NULL) {
		doctor_finding_say(finding,
				   ", as %.40s: ", name_to_text(seen.first->view.name, &name));
		doctor_finding_describe(finding, seen.first);
	}
	if (seen.relays > 0) {
		doctor_finding_say(finding, "; %zu with a private address", seen.relays);
		doctor_finding_warn(
			finding, "Somebody in your network stands in for Apple's couriers.",
			"Fine where that is a relay of your own; else find who answers so.");
	} else if (seen.elsewhere > 0) {
		doctor_finding_say(finding, "; %zu outside the blocks that Apple publishes",
				   seen.elsewhere);
		doctor_finding_warn(
			finding, "Apple's couriers are in 17.0.0.0/8.",
			"Compare with --reference: a stranger's addresses are a portal's or a "
			"filter's.");
	}
}

void doctor_variants_judge_https(const struct doctor_view *view, struct doctor_finding *finding)
{
	const size_t count = doctor_run_options(view->run)->variants;
	size_t bare = 0;

	for (size_t i = 0; i < count; i++) {
		const struct doctor_ask *ask = &view->server->asks[SLOT_VARIANTS_HTTPS + i];
		const enum squash shape = doctor_finding_shape_of(ask, false);
		if (shape == SQUASH_NONE) {
			bare += doctor_reply_verdict(ask) == VERDICT_BARE;
			continue;
		}
		doctor_finding_say(finding, "%s%s: ", finding->seen[0] == '\0' ? "" : "; ",
				   doctor_run_variant(view->run, i)->name);
		doctor_finding_describe(finding, ask);
		doctor_finding_fail(finding, shape);
	}
	if (finding->result == DOCTOR_FAIL)
		return;
	doctor_finding_say(finding, "%zu of %zu without data, as is right, or with", count, count);
	if (bare == 0)
		return;
	doctor_finding_say(finding, "; %zu without SOA", bare);
	doctor_finding_warn(finding, doctor_advice_for(SQUASH_SOA_LOST)->means,
			    doctor_advice_for(SQUASH_SOA_LOST)->next);
}
