#include "app/doctor_variants.h"

#include <string.h>

#include "app/doctor_advice.h"
#include "app/doctor_reply.h"
#include "app/doctor_run.h"

/* 17.0.0.0/8, 2620:149:a44::/48, 2403:300:a42::/48, 2403:300:a51::/48, 2a01:b740:a42::/48 */
static bool is_apples(const struct addr *addr)
{
	static const uint8_t blocks[][6] = { { 0x26, 0x20, 0x01, 0x49, 0x0a, 0x44 },
					     { 0x24, 0x03, 0x03, 0x00, 0x0a, 0x42 },
					     { 0x24, 0x03, 0x03, 0x00, 0x0a, 0x51 },
					     { 0x2a, 0x01, 0xb7, 0x40, 0x0a, 0x42 } };

	if (addr->family == ADDR_IPV4)
		return addr->bytes[0] == 17;
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		if (memcmp(addr->bytes, blocks[i], sizeof(blocks[i])) == 0)
			return true;
	}
	return false;
}

static bool is_relay(const struct doctor_ask *ask)
{
	return ask->shape == SQUASH_SINKHOLE && !doctor_reply_leads_nowhere(&ask->inner);
}

void doctor_variants_judge_a(struct doctor_finding *finding)
{
	const unsigned count = finding->run->options.variants;
	size_t first = 0; /* that is good */
	unsigned good = 0, relays = 0, elsewhere = 0;

	for (size_t i = 0; i < count; i++) {
		const struct doctor_ask *ask = &finding->ask[i];
		if (is_relay(ask)) {
			relays++;
		} else if (!doctor_reply_is_good(ask)) {
			doctor_finding_describe(finding, finding->run->variants[i].name, ask);
			doctor_finding_fail(finding, ask->shape);
		} else {
			if (good++ == 0)
				first = i;
			elsewhere += ask->addresses > 0 && !is_apples(&ask->address);
		}
	}
	if (finding->result == DOCTOR_FAIL)
		return;
	doctor_finding_say(finding, "%u of %u numbered names have addresses", good, count);
	if (good > 0) {
		doctor_finding_say(finding, ", as %s: ", finding->run->variants[first].name);
		doctor_finding_describe(finding, "", &finding->ask[first]);
	}
	if (relays > 0) {
		doctor_finding_say(finding, "; %u with a private address", relays);
		doctor_finding_set(
			finding, DOCTOR_WARN,
			"Somebody in your network stands in for Apple's couriers.",
			"Fine where that is a relay of your own; else find who answers so.");
	} else if (elsewhere > 0) {
		doctor_finding_say(finding, "; %u outside the blocks that Apple publishes",
				   elsewhere);
		doctor_finding_set(
			finding, DOCTOR_WARN, "Apple's couriers are in 17.0.0.0/8.",
			"Compare with --reference: a stranger's addresses are a portal's or a "
			"filter's.");
	}
}

void doctor_variants_judge_https(struct doctor_finding *finding)
{
	const unsigned count = finding->run->options.variants;
	unsigned bare = 0;

	for (size_t i = 0; i < count; i++) {
		const struct doctor_ask *ask = &finding->ask[i];
		if (ask->shape == SQUASH_NONE) {
			bare += ask->verdict == VERDICT_BARE;
			continue;
		}
		doctor_finding_describe(finding, finding->run->variants[i].name, ask);
		doctor_finding_fail(finding, ask->shape);
	}
	if (finding->result == DOCTOR_FAIL)
		return;
	doctor_finding_say(finding, "%u of %u without data, as is right, or with", count, count);
	if (bare == 0)
		return;
	doctor_finding_say(finding, "; %u without SOA", bare);
	doctor_finding_set(finding, DOCTOR_WARN, doctor_advice_for(SQUASH_SOA_LOST)->means,
			   doctor_advice_for(SQUASH_SOA_LOST)->next);
}
