#include "devices/diagnosis.h"

#include <stdarg.h>
#include <stdio.h>

#include "device_internal.h"
#include "wire/type.h"

/* What diagnosis.h says, in tenths of a second. */
#define PATIENCE (30u * TENTHS_PER_SEC)
#define QUIET (10u * TENTHS_PER_SEC)
#define KEPT (75u * 60 * TENTHS_PER_SEC)
#define TRIES_WINDOW (300u * TENTHS_PER_SEC)
#define TRIES_HOLD (900u * TENTHS_PER_SEC)
#define TRIES_MANY 3u
#define BAD_RUN 3u

const char *diagnosis_text(enum device_verdict verdict)
{
	static const char *const texts[DEVICE_VERDICTS] = { "ready", "progressing", "stalled",
							    "not DNS", "seen" };

	return texts[verdict];
}

const char *diagnosis_key(enum device_verdict verdict)
{
	return verdict == DEVICE_NOT_DNS ? "not_dns" : diagnosis_text(verdict);
}

const char *diagnosis_to_line(const struct diagnosis *diagnosis, struct diagnosis_line *into)
{
	if (diagnosis->verdict == DEVICE_STALLED)
		snprintf(into->text, sizeof(into->text), "stalled at %s for %u s",
			 stage_text(diagnosis->stage), (unsigned)diagnosis->seconds);
	else
		snprintf(into->text, sizeof(into->text), "%s", diagnosis_text(diagnosis->verdict));
	return into->text;
}

/* --- advice ----------------------------------------------------------------------------------- */

PRINTF_LIKE(2, 3) static void advise(struct diagnosis *diagnosis, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(diagnosis->advice, sizeof(diagnosis->advice), format, args);
	va_end(args);
}

static const char *remedy_for(enum told_by by)
{
	switch (by) {
	case TOLD_BY_UPSTREAM:
	case TOLD_BY_CACHE:
	case TOLD_BY_STALE:
		return "run courierdns doctor to see which server says so";
	case TOLD_BY_RULE:
		return "a zone rule here says so; courierdns explain names it";
	case TOLD_BY_US:
		return "no server gave a good answer; see courierdns status and the log";
	}
	UNREACHABLE();
}

static const char *badness_of(const struct saying *saying, struct type_text *into)
{
	switch ((enum told)saying->told) {
	case TOLD_FAILED:
		return type_rcode_to_text(saying->rcode, into);
	case TOLD_NXDOMAIN:
	case TOLD_DANGLING_NXDOMAIN:
		return "NXDOMAIN";
	case TOLD_SINKHOLE:
		return "an address that leads nowhere";
	case TOLD_SILENCE:
		return "nothing at all";
	case TOLD_NODATA:
	case TOLD_DANGLING:
	case TOLD_BARE:
		return "that there is no data";
	case TOLD_ANSWERED:
		return "something else";
	}
	UNREACHABLE();
}

static void advise_on_bad(struct diagnosis *diagnosis, const struct slot *slot)
{
	struct type_text type, rcode;
	struct name_text name;

	device_name(slot, &name);
	advise(diagnosis, "%.64s %s was told %s: %s", name.text,
	       type_to_text(slot->saying.type, &type), badness_of(&slot->saying, &rcode),
	       remedy_for((enum told_by)slot->saying.by));
}

static const char *advice_on_good(enum stage stage)
{
	switch (stage) {
	case STAGE_ACTIVATION:
		return "its names resolve: look at TCP 443 to albert.apple.com, at TLS inspection, "
		       "a captive portal, the device's clock";
	case STAGE_BAG:
		return "its name resolves: look at TCP 443 to init.push.apple.com and at TLS "
		       "inspection, which that host does not bear";
	case STAGE_TXT:
		return "the count was told, and no numbered courier asked for: does the device use "
		       "another resolver as well?";
	case STAGE_COURIER:
		return "that this name has no address is right; a device asks for a numbered one, "
		       "and this one did not: is it behind a proxy?";
	case STAGE_VARIANT:
		return "has not been told the address of a courier yet, nor that there is none";
	case STAGE_ENROLMENT:
		return "has not asked for a courier: look at TCP 443 to init.push.apple.com and at "
		       "TLS inspection";
	case STAGE_CAPTIVE:
	case STAGE_TIME:
	case STAGE_CERTIFICATES:
	case STAGE_NONE:
		return "";
	}
	UNREACHABLE();
}

/* --- verdicts --------------------------------------------------------------------------------- */

static void decide(struct diagnosis *diagnosis, enum device_verdict verdict, enum stage stage,
		   uint32_t for_tenths)
{
	diagnosis->verdict = verdict;
	diagnosis->stage = stage;
	diagnosis->seconds = for_tenths / TENTHS_PER_SEC;
}

static void stall(struct diagnosis *diagnosis, const struct device *device, enum stage stage,
		  uint32_t for_tenths)
{
	const struct slot *slot = device->slots + stage;

	decide(diagnosis, DEVICE_STALLED, stage, for_tenths);
	if (slot->saying.worth == WORTH_BAD || device_is_failure((enum told)slot->saying.told))
		advise_on_bad(diagnosis, slot);
	else
		advise(diagnosis, "%s", advice_on_good(stage));
}

/* DNS itself fails it there, again and again. */
static bool is_failing(const struct slot *slot, uint32_t now)
{
	return slot->bad_run >= BAD_RUN && now - slot->bad_since > PATIENCE;
}

static void diagnose_onlooker(const struct device *device, uint32_t now,
			      struct diagnosis *diagnosis)
{
	for (enum stage stage = STAGE_CAPTIVE; stage <= STAGE_ACTIVATION; stage++) {
		const struct slot *slot = device->slots + stage;

		if (is_failing(slot, now)) {
			stall(diagnosis, device, stage, now - slot->bad_since);
			return;
		}
	}
	decide(diagnosis, DEVICE_SEEN, STAGE_NONE, 0);
	advise(diagnosis, "has not begun to activate, nor to look for couriers");
}

static const struct try *last_try(const struct device *device)
{
	const struct try *last = device->tries;

	for (unsigned i = 1; i < DEVICE_TRIES; i++) {
		if (device->tries[i].last > last->last)
			last = device->tries + i;
	}
	return last;
}

/* How many numbers of the last one's pool it tried within the five minutes before that one; 0 where
 * one of them was not answered. */
static unsigned count_tries(const struct device *device, const struct try *last)
{
	unsigned count = 0;

	for (unsigned i = 0; i < DEVICE_TRIES; i++) {
		const struct try *try = device->tries + i;

		if (try->last == 0 || try->pool != last->pool ||
		    last->last - try->last > TRIES_WINDOW)
			continue;
		if (!try->is_answered)
			return 0;
		count++;
	}
	return count;
}

static bool is_connecting_in_vain(const struct device *device, uint32_t now,
				  struct diagnosis *diagnosis)
{
	const struct try *last = last_try(device);
	const unsigned tries = count_tries(device, last);

	if (tries < TRIES_MANY || now - last->last > TRIES_HOLD ||
	    device->slots[STAGE_ENROLMENT].last >= last->last)
		return false;
	decide(diagnosis, DEVICE_NOT_DNS, STAGE_VARIANT, now - device->since);
	advise(diagnosis,
	       "%u couriers or more in five minutes, all answered: it resolves but does not "
	       "connect; look at TCP 5223 and 443 to 17.0.0.0/8 and at TLS inspection, unless "
	       "devices share this address",
	       tries);
	return true;
}

/* It knows a courier. */
static void diagnose_connected(const struct device *device, uint32_t now,
			       struct diagnosis *diagnosis)
{
	const struct slot *slots = device->slots;
	const uint32_t courier_at = device->courier_at;
	/* what comes within the same tenth of a second comes after it, most likely */
	const bool went_on = slots[STAGE_ENROLMENT].last >= courier_at ||
			     slots[STAGE_CERTIFICATES].last >= courier_at;

	if (is_connecting_in_vain(device, now, diagnosis))
		return;
	for (enum stage stage = STAGE_ACTIVATION; stage <= STAGE_ENROLMENT; stage++) {
		if (slots[stage].last > courier_at && is_failing(&slots[stage], now)) {
			stall(diagnosis, device, stage, now - slots[stage].bad_since);
			return;
		}
	}
	if (!went_on && now - device->asked < QUIET) {
		decide(diagnosis, DEVICE_PROGRESSING, device->furthest, now - device->since);
		advise(diagnosis, "has a courier's address; ready if it asks for no other now");
		return;
	}
	decide(diagnosis, DEVICE_READY, device->furthest, now - device->since);
	advise(diagnosis, "has a courier's address and asks for no other: nothing is left to DNS");
}

static void diagnose_attempt(const struct device *device, uint32_t now, struct diagnosis *diagnosis)
{
	const struct slot *variant = &device->slots[STAGE_VARIANT];
	enum stage stage = device->furthest;
	uint32_t since = device->since;

	if (variant->bad_run == 0 && device->has_courier &&
	    device->asked <= device->courier_at + KEPT) {
		diagnose_connected(device, now, diagnosis);
		return;
	}
	if (variant->bad_run > 0) {
		stage = STAGE_VARIANT;
		since = variant->bad_since;
	}
	if (now - since > PATIENCE) {
		stall(diagnosis, device, stage, now - since);
		return;
	}
	decide(diagnosis, DEVICE_PROGRESSING, stage, now - since);
	advise(diagnosis, "on its way: 30 s without a next stage would be a stall");
}

void diagnosis_make(const struct device *device, uint32_t now, struct diagnosis *ret_diagnosis)
{
	if (device->has_attempt)
		diagnose_attempt(device, now, ret_diagnosis);
	else
		diagnose_onlooker(device, now, ret_diagnosis);
}
