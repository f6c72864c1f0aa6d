#include "app/doctor_reach_check.h"

#include <string.h>

#include "app/doctor_reply.h"
#include "app/doctor_run.h"

static void say_try(struct doctor_finding *finding, const struct doctor_reach_try *try)
{
	struct addr_text to;

	addr_to_text(&try->to.addr, &to);
	switch (try->state) {
	case REACH_OPEN:
		doctor_finding_say(finding, "%s in %u ms", to.text, try->took_ms);
		break;
	case REACH_WAITING:
	case REACH_SILENT:
		doctor_finding_say(finding, "%s silent for %u s", to.text, DOCTOR_REACH_PATIENCE_S);
		break;
	case REACH_CLOSED:
		doctor_finding_say(finding, "%s refused", to.text);
		break;
	case REACH_FAILED:
		doctor_finding_say(finding, "%s: %s", to.text, err_text(try->err));
		break;
	}
}

static const struct doctor_reach_try *find_try(const struct doctor_finding *finding, size_t slot,
					       uint16_t port, bool is_tls)
{
	const struct doctor_ask *ask = &finding->server->asks[slot];

	if (!doctor_reply_leads_on(ask))
		return NULL;
	return doctor_reach_find(&finding->run->reach, &ask->address, port, is_tls);
}

/* --- couriers ------------------------------------------------------------------------------ */

struct couriers {
	unsigned tried, open;
	const struct doctor_reach_try *shown; /* one that failed, or else the first */
};

static void count_couriers(const struct doctor_finding *finding, uint16_t port,
			   struct couriers *couriers)
{
	const struct doctor_reach_try *last = NULL;

	*couriers = (struct couriers){ 0 };
	for (size_t i = 0; i < finding->run->options.variants; i++) {
		const struct doctor_reach_try *try =
			find_try(finding, SLOT_VARIANTS_A + i, port, false);
		if (try == NULL || try == last)
			continue;
		last = try;
		couriers->tried++;
		couriers->open += try->state == REACH_OPEN;
		if (couriers->shown == NULL || try->state != REACH_OPEN)
			couriers->shown = try;
	}
}

static bool judge_couriers(struct doctor_finding *finding, uint16_t port)
{
	struct couriers couriers;

	count_couriers(finding, port, &couriers);
	if (couriers.tried == 0) {
		finding->result = DOCTOR_INFO;
		doctor_finding_say(finding, "no address of a courier to connect to");
		return true;
	}
	doctor_finding_say(finding, "%u of %u connected, ", couriers.open, couriers.tried);
	say_try(finding, couriers.shown);
	return couriers.open == couriers.tried;
}

static void judge_5223(struct doctor_finding *finding)
{
	struct couriers other;

	if (judge_couriers(finding, doctor_run_courier_ports[0]))
		return;
	count_couriers(finding, doctor_run_courier_ports[1], &other);
	if (other.open > 0)
		doctor_finding_set(
			finding, DOCTOR_WARN,
			"Push takes this port first; devices fall back to 443 later, and "
			"not always.",
			"Open TCP 5223 to 17.0.0.0/8, and to Apple's IPv6 blocks.");
	else
		doctor_finding_set(
			finding, DOCTOR_FAIL,
			"Neither 5223 nor 443 gets through: no push, and no activation.",
			"Open TCP 5223 and 443 to 17.0.0.0/8, and to Apple's IPv6 blocks.");
}

static void judge_443(struct doctor_finding *finding)
{
	if (!judge_couriers(finding, doctor_run_courier_ports[1]))
		doctor_finding_set(
			finding, DOCTOR_FAIL,
			"Devices take this port while they are activated, and where 5223 is "
			"closed.",
			"Open TCP 443 to 17.0.0.0/8, without anything that decrypts in between.");
}

/* --- hosts --------------------------------------------------------------------------------- */

struct hosts {
	unsigned tried, open;
	bool devices_fail;
	struct doctor_finding list; /* what failed, in its `seen` */
};

static void judge_host_port(struct hosts *hosts, const struct doctor_host *host,
			    const struct doctor_reach_try *try, uint16_t port)
{
	hosts->tried++;
	if (try != NULL && try->state == REACH_OPEN) {
		hosts->open++;
		return;
	}
	hosts->devices_fail |= !host->is_besides;
	doctor_finding_say(&hosts->list, "; %s %u: ", host->name, port);
	if (try == NULL)
		doctor_finding_say(&hosts->list, "no address");
	else
		say_try(&hosts->list, try);
}

static void judge_reach_hosts(struct doctor_finding *finding)
{
	struct hosts hosts = { 0 };

	for (size_t i = 0; i < DOCTOR_HOSTS; i++) {
		const struct doctor_host *host = &doctor_run_hosts[i];
		for (size_t j = 0; j < DOCTOR_PORTS; j++) {
			const uint16_t port = host->ports[j];
			if (port != 0 && port != DOCTOR_REACH_NTP)
				judge_host_port(&hosts, host,
						find_try(finding, SLOT_HOSTS + i, port, false),
						port);
		}
	}
	doctor_finding_say(finding, "%u of %u connected%s", hosts.open, hosts.tried,
			   hosts.list.seen);
	if (hosts.devices_fail)
		doctor_finding_set(
			finding, DOCTOR_FAIL,
			"Activation, enrolment or the check of certificates stops there.",
			"Let these hosts through, by name where the firewall can, and decrypt none of "
			"them.");
	else if (hosts.open < hosts.tried)
		doctor_finding_set(finding, DOCTOR_WARN,
				   "No device stops there: an MDM server goes there, or devices "
				   "that have another way.",
				   "Fine, unless your MDM server stands in this network.");
}

/* --- time, and TLS ------------------------------------------------------------------------- */

static void judge_ntp(struct doctor_finding *finding)
{
	const struct doctor_reach_try *shown = NULL;

	for (size_t i = 0; i < DOCTOR_HOSTS; i++) {
		const struct doctor_reach_try *try =
			find_try(finding, SLOT_HOSTS + i, DOCTOR_REACH_NTP, false);
		if (try != NULL && (shown == NULL || try->state == REACH_OPEN))
			shown = try;
	}
	if (shown == NULL) {
		doctor_finding_say(finding, "no address for time.apple.com");
		doctor_finding_set(finding, DOCTOR_WARN, "Devices set their clock there.",
				   "See the check named activation.");
		return;
	}
	say_try(finding, shown);
	if (shown->state == REACH_OPEN)
		doctor_finding_say(finding, ", a reply of stratum %u", shown->stratum);
	else
		doctor_finding_set(
			finding, DOCTOR_FAIL,
			"Without the time a device holds certificates for expired, and waits.",
			"Open UDP 123 to time.apple.com, or hand out a time server by DHCP.");
}

static bool is_apples(const char *issuer)
{
	return strncmp(issuer, "Apple", strlen("Apple")) == 0;
}

/* One of the two ports is enough to tell; where both do, the one that is not Apple's. */
static const struct doctor_reach_try *choose_tls(const struct doctor_finding *finding)
{
	const struct doctor_reach_try *chosen = NULL;

	for (size_t i = 0; i < DOCTOR_PORTS; i++) {
		const struct doctor_reach_try *try =
			find_try(finding, SLOT_VARIANTS_A, doctor_run_courier_ports[i], true);
		if (try == NULL)
			continue;
		if (chosen == NULL || (try->state == REACH_OPEN &&
				       (chosen->state != REACH_OPEN || !is_apples(try->issuer))))
			chosen = try;
	}
	return chosen;
}

static void judge_tls(struct doctor_finding *finding)
{
	const struct doctor_reach_try *try = choose_tls(finding);

	if (try == NULL) {
		finding->result = DOCTOR_INFO;
		doctor_finding_say(
			finding,
			tls_look_is_built()
				? "no address of a courier to look at"
				: "not looked at: built without TLS. Whether something decrypts on "
				  "the way, this shows: openssl s_client -connect "
				  "1-courier.push.apple.com:5223 -servername "
				  "courier.push.apple.com -alpn apns-security-v3; the issuer must "
				  "be Apple's");
		return;
	}
	say_try(finding, try);
	if (try->err == ERR_MALFORMED)
		doctor_finding_say(finding, ", it does not speak TLS");
	if (try->state != REACH_OPEN) {
		doctor_finding_set(finding, DOCTOR_WARN,
				   "No certificate was shown in TLS, so nothing is known of "
				   "who answers there.",
				   "See reach-5223 and reach-443 first; where they are open, "
				   "something other than a courier listens.");
		return;
	}
	doctor_finding_say(finding, ", certificate issued by \"%s\"", try->issuer);
	if (!is_apples(try->issuer))
		doctor_finding_set(
			finding, DOCTOR_FAIL,
			"Something on the way decrypts TLS. Devices take only Apple's "
			"certificates: neither push nor activation works.",
			"Exempt *.push.apple.com and 17.0.0.0/8 from TLS inspection, by name and by "
			"address.");
}

/* --- the table ----------------------------------------------------------------------------- */

const struct doctor_check doctor_reach_check_rows[] = {
	{ .name = "reach-5223", .judge = judge_5223 },
	{ .name = "reach-443", .judge = judge_443 },
	{ .name = "reach-hosts", .judge = judge_reach_hosts },
	{ .name = "ntp", .judge = judge_ntp },
	{ .name = "tls", .judge = judge_tls },
	{ 0 },
};

/* Nowhere, too. */
static bool goes_to_same(const struct doctor_ask *one, const struct doctor_ask *other)
{
	const bool leads_on = doctor_reply_leads_on(one);

	return leads_on == doctor_reply_leads_on(other) &&
	       (!leads_on || addr_equal(&one->address, &other->address));
}

bool doctor_reach_check_alike(const struct doctor_server *one, const struct doctor_server *other)
{
	size_t slot = SLOT_REACH_FIRST;

	while (slot < SLOT_REACH_END && goes_to_same(&one->asks[slot], &other->asks[slot]))
		slot++;
	return slot == SLOT_REACH_END;
}
