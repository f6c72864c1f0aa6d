#include "app/doctor_reach_check.h"

#include <string.h>

#include "app/doctor_reply.h"
#include "app/doctor_run.h"

#define COURIER_PORT 5223
#define COURIER_PORT_ELSE 443
#define NTP_PORT 123

static void say_try(struct doctor_finding *finding, const struct doctor_reach_try *try)
{
	struct addr_text to;

	addr_to_text(&try->to.addr, &to);
	switch (try->state) {
	case REACH_OPEN:
		doctor_finding_say(finding, "%s in %u ms", to.text,
				   (unsigned)(try->took_us / USEC_PER_MSEC));
		break;
	case REACH_WAITING:
	case REACH_SILENT:
		doctor_finding_say(finding, "%s silent for %u s", to.text,
				   DOCTOR_REACH_PATIENCE_US / USEC_PER_SEC);
		break;
	case REACH_CLOSED:
		doctor_finding_say(finding, "%s refused", to.text);
		break;
	case REACH_FAILED:
		doctor_finding_say(finding, "%s: %s", to.text, err_text(try->err));
		break;
	}
}

static void fail(struct doctor_finding *finding, const char *means, const char *next)
{
	finding->result = DOCTOR_FAIL;
	finding->means = means;
	finding->next = next;
}

/* The one that is gone to. */
static bool has_address(const struct doctor_ask *ask, struct addr *ret_addr)
{
	return doctor_reply_addresses(ask, ret_addr, 1) == 1 &&
	       !doctor_reply_leads_nowhere(ret_addr);
}

static const struct doctor_reach_try *find_try(const struct doctor_view *view, size_t slot,
					       uint16_t port, enum doctor_reach_kind kind)
{
	struct addr addr;

	if (!has_address(&view->server->asks[slot], &addr))
		return NULL;
	return doctor_reach_find(doctor_run_reach(view->run), &addr, port, kind);
}

/* --- couriers ------------------------------------------------------------------------------ */

struct couriers {
	size_t tried, open;
	const struct doctor_reach_try *shown; /* one that failed, or else the first */
};

static struct couriers count_couriers(const struct doctor_view *view, uint16_t port)
{
	struct couriers couriers = { 0 };
	const struct doctor_reach_try *last = NULL;

	for (size_t i = 0; i < doctor_run_options(view->run)->variants; i++) {
		const struct doctor_reach_try *try =
			find_try(view, SLOT_VARIANTS_A + i, port, REACH_TCP);
		if (try == NULL || try == last)
			continue;
		last = try;
		couriers.tried++;
		couriers.open += try->state == REACH_OPEN;
		if (couriers.shown == NULL || try->state != REACH_OPEN)
			couriers.shown = try;
	}
	return couriers;
}

static bool judge_couriers(const struct doctor_view *view, uint16_t port,
			   struct doctor_finding *finding)
{
	const struct couriers couriers = count_couriers(view, port);

	if (couriers.tried == 0) {
		finding->result = DOCTOR_INFO;
		doctor_finding_say(finding, "no address of a courier to connect to");
		return true;
	}
	doctor_finding_say(finding, "%zu of %zu connected, ", couriers.open, couriers.tried);
	say_try(finding, couriers.shown);
	return couriers.open == couriers.tried;
}

static void judge_5223(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct couriers other = count_couriers(view, COURIER_PORT_ELSE);

	if (judge_couriers(view, COURIER_PORT, finding))
		return;
	if (other.open > 0)
		doctor_finding_warn(finding,
				    "Push takes this port first. Devices have 443 to fall "
				    "back to, later and not always.",
				    "Open TCP 5223 to 17.0.0.0/8, and to Apple's IPv6 blocks.");
	else
		fail(finding, "Neither 5223 nor 443 gets through: no push, and no activation.",
		     "Open TCP 5223 and 443 to 17.0.0.0/8, and to Apple's IPv6 blocks.");
}

static void judge_443(const struct doctor_view *view, struct doctor_finding *finding)
{
	if (!judge_couriers(view, COURIER_PORT_ELSE, finding))
		fail(finding,
		     "Devices take this port while they are activated, and where 5223 is "
		     "closed.",
		     "Open TCP 443 to 17.0.0.0/8, without anything that decrypts in between.");
}

/* --- hosts --------------------------------------------------------------------------------- */

struct hosts {
	const struct doctor_view *view;
	size_t tried, open;
	bool devices_fail;
	struct doctor_finding list; /* what failed, in its `seen` */
};

static void judge_host_port(struct hosts *hosts, const struct doctor_host *host, size_t slot,
			    uint16_t port)
{
	const struct doctor_reach_try *try = find_try(hosts->view, slot, port, REACH_TCP);

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

static void judge_reach_hosts(const struct doctor_view *view, struct doctor_finding *finding)
{
	static const struct doctor_host bag = { .name = "init.push.apple.com" };
	struct hosts hosts = { .view = view };

	judge_host_port(&hosts, &bag, SLOT_BAG_A, COURIER_PORT_ELSE);
	for (size_t i = 0; i < DOCTOR_HOSTS; i++) {
		const struct doctor_host *host = doctor_run_host(i);
		for (size_t j = 0; j < 2 && host->ports[j] != 0; j++)
			judge_host_port(&hosts, host, SLOT_HOSTS + i, host->ports[j]);
	}
	doctor_finding_say(finding, "%zu of %zu connected%s", hosts.open, hosts.tried,
			   hosts.list.seen);
	if (hosts.devices_fail)
		fail(finding, "Activation, enrolment or the check of certificates stops there.",
		     "Let these hosts through, by name where the firewall can, and decrypt none of "
		     "them.");
	else if (hosts.open < hosts.tried)
		doctor_finding_warn(finding,
				    "No device stops there: an MDM server goes there, or devices "
				    "that have another way.",
				    "Fine, unless your MDM server stands in this network.");
}

/* --- time, and TLS ------------------------------------------------------------------------- */

static void judge_ntp(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct doctor_reach_try *shown = NULL;

	for (size_t i = 0; i < DOCTOR_HOSTS; i++) {
		const struct doctor_reach_try *try =
			find_try(view, SLOT_HOSTS + i, NTP_PORT, REACH_NTP);
		if (try != NULL && (shown == NULL || try->state == REACH_OPEN))
			shown = try;
	}
	if (shown == NULL) {
		doctor_finding_say(finding, "no address for time.apple.com");
		doctor_finding_warn(finding, "Devices set their clock there.",
				    "See the check named activation.");
		return;
	}
	say_try(finding, shown);
	if (shown->state == REACH_OPEN)
		doctor_finding_say(finding, ", a reply of stratum %u", shown->stratum);
	else
		fail(finding,
		     "Without the time a device holds certificates for expired, and waits.",
		     "Open UDP 123 to time.apple.com, or hand out a time server by DHCP.");
}

static bool is_apples(const char *issuer)
{
	return strncmp(issuer, "Apple", strlen("Apple")) == 0;
}

/* One of the two ports is enough to tell; where both do, the one that is not Apple's. */
static const struct doctor_reach_try *choose_tls(const struct doctor_view *view)
{
	static const uint16_t ports[] = { COURIER_PORT, COURIER_PORT_ELSE };
	const struct doctor_reach_try *chosen = NULL;

	for (size_t i = 0; i < 2; i++) {
		const struct doctor_reach_try *try =
			find_try(view, SLOT_VARIANTS_A, ports[i], REACH_TLS);
		if (try == NULL)
			continue;
		if (chosen == NULL || (try->state == REACH_OPEN &&
				       (chosen->state != REACH_OPEN || !is_apples(try->issuer))))
			chosen = try;
	}
	return chosen;
}

static void judge_tls(const struct doctor_view *view, struct doctor_finding *finding)
{
	const struct doctor_reach_try *try = choose_tls(view);

	if (try == NULL) {
		finding->result = DOCTOR_INFO;
		doctor_finding_say(
			finding,
			tls_look_is_built()
				? "no address of a courier to look at"
				: "not looked at, for this program is built without TLS. "
				  "Whether something decrypts on the way, this shows: openssl "
				  "s_client -connect 1-courier.push.apple.com:5223 "
				  "-servername courier.push.apple.com -alpn "
				  "apns-security-v3; the issuer must be Apple's");
		return;
	}
	say_try(finding, try);
	if (try->err == ERR_MALFORMED)
		doctor_finding_say(finding, ", it does not speak TLS");
	if (try->state != REACH_OPEN) {
		doctor_finding_warn(finding,
				    "No certificate was shown in TLS, so nothing is known of "
				    "who answers there.",
				    "See reach-5223 and reach-443 first; where they are open, "
				    "something other than a courier listens.");
		return;
	}
	doctor_finding_say(finding, ", certificate issued by \"%s\"", try->issuer);
	if (!is_apples(try->issuer))
		fail(finding,
		     "Something on the way decrypts TLS. Devices take nobody's certificate "
		     "but Apple's, so neither push nor activation works.",
		     "Exempt *.push.apple.com and 17.0.0.0/8 from TLS inspection, by name and by "
		     "address.");
}

/* --- the table ----------------------------------------------------------------------------- */

static const struct doctor_check checks[] = {
	{ "reach-5223", judge_5223 },
	{ "reach-443", judge_443 },
	{ "reach-hosts", judge_reach_hosts },
	{ "ntp", judge_ntp },
	{ "tls", judge_tls },
};

const struct doctor_check *doctor_reach_check_at(size_t at)
{
	return at < sizeof(checks) / sizeof(checks[0]) ? &checks[at] : NULL;
}

/* Nowhere, too. */
static bool goes_to_same(const struct doctor_ask *one, const struct doctor_ask *other)
{
	struct addr one_addr, other_addr;
	const bool goes = has_address(one, &one_addr);

	return goes == has_address(other, &other_addr) &&
	       (!goes || addr_equal(&one_addr, &other_addr));
}

bool doctor_reach_check_alike(const struct doctor_server *one, const struct doctor_server *other)
{
	bool are_alike = goes_to_same(&one->asks[SLOT_BAG_A], &other->asks[SLOT_BAG_A]);

	for (size_t i = 0; i < DOCTOR_HOSTS; i++)
		are_alike = are_alike &&
			    goes_to_same(&one->asks[SLOT_HOSTS + i], &other->asks[SLOT_HOSTS + i]);
	for (size_t i = 0; i < DOCTOR_VARIANTS_MAX; i++)
		are_alike = are_alike && goes_to_same(&one->asks[SLOT_VARIANTS_A + i],
						      &other->asks[SLOT_VARIANTS_A + i]);
	return are_alike;
}
