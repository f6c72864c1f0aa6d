#include "app/doctor_finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/doctor_advice.h"
#include "app/doctor_reply.h"

#define ADDRESSES_MAX 16

const char *doctor_finding_result_text(enum doctor_result result)
{
	switch (result) {
	case DOCTOR_OK:
		return "ok";
	case DOCTOR_FAIL:
		return "FAIL";
	case DOCTOR_WARN:
		return "warn";
	case DOCTOR_INFO:
		return "info";
	}
	UNREACHABLE();
}

/* --- words --------------------------------------------------------------------------------- */

void doctor_finding_say(struct doctor_finding *finding, const char *format, ...)
{
	const size_t len = strlen(finding->seen);
	va_list args;

	va_start(args, format);
	vsnprintf(finding->seen + len, sizeof(finding->seen) - len, format, args);
	va_end(args);
}

void doctor_finding_fail(struct doctor_finding *finding, enum squash shape)
{
	const struct doctor_advice *advice = doctor_advice_for(shape);

	finding->result = DOCTOR_FAIL;
	finding->shape = shape;
	finding->means = advice->means;
	finding->next = advice->next;
}

void doctor_finding_warn(struct doctor_finding *finding, const char *means, const char *next)
{
	if (finding->result == DOCTOR_FAIL)
		return;
	finding->result = DOCTOR_WARN;
	finding->means = means;
	finding->next = next;
}

static void describe_reply(struct doctor_finding *finding, const struct doctor_ask *ask)
{
	struct addr addrs[ADDRESSES_MAX];
	const size_t count = doctor_reply_addresses(ask, addrs, ADDRESSES_MAX);
	struct type_text rcode;
	struct name_text name;
	struct addr_text text;

	doctor_finding_say(finding, "%s", type_rcode_to_text(message_rcode(&ask->facts), &rcode));
	if (doctor_reply_last_cname(ask, &name))
		doctor_finding_say(finding, ", CNAME to %.80s", name.text);
	if (count > 0)
		doctor_finding_say(finding, ", address %s%s", addr_to_text(&addrs[0], &text),
				   count > 1 ? " and others" : "");
	else if (doctor_reply_verdict(ask) == VERDICT_ANSWERED)
		doctor_finding_say(finding, ", data");
	else if (message_rcode(&ask->facts) == RCODE_NOERROR)
		doctor_finding_say(finding, ", no %s",
				   ask->view.type == TYPE_A || ask->view.type == TYPE_AAAA
					   ? "address"
					   : "data");
	if (doctor_reply_soa(ask, &name))
		doctor_finding_say(finding, ", SOA of %.80s", name.text);
	else if (count == 0 && doctor_reply_verdict(ask) == VERDICT_BARE)
		doctor_finding_say(finding, ", no SOA");
}

void doctor_finding_describe(struct doctor_finding *finding, const struct doctor_ask *ask)
{
	if (ask->was_truncated)
		doctor_finding_say(finding, "truncated over UDP, then over TCP: ");
	switch (ask->state) {
	case DOCTOR_ASK_REPLY:
		describe_reply(finding, ask);
		break;
	case DOCTOR_ASK_NONE:
		doctor_finding_say(finding, "not asked");
		break;
	case DOCTOR_ASK_WAITING:
	case DOCTOR_ASK_SILENT:
		doctor_finding_say(finding, "no reply in %.0f s",
				   (double)DOCTOR_ASK_PATIENCE_US / USEC_PER_SEC);
		break;
	case DOCTOR_ASK_CLOSED:
		doctor_finding_say(finding, "refused by the host: nothing listens on that port");
		break;
	case DOCTOR_ASK_BROKEN:
		doctor_finding_say(finding, "the connection ended without a reply");
		break;
	case DOCTOR_ASK_UNSENT:
		doctor_finding_say(finding, "could not be sent: %s", err_text(ask->err));
		break;
	}
	if (ask->strangers > 0 && ask->state != DOCTOR_ASK_REPLY)
		doctor_finding_say(
			finding,
			", but %u packet%s that w%s no reply to it (not DNS, or another's "
			"ID or question)",
			ask->strangers, ask->strangers == 1 ? "" : "s",
			ask->strangers == 1 ? "as" : "ere");
}

/* --- shapes of what is no alias ------------------------------------------------------------ */

enum squash doctor_finding_shape_of(const struct doctor_ask *ask, bool wants_data)
{
	struct addr addr;

	if (ask->state != DOCTOR_ASK_REPLY)
		return SQUASH_SILENT;
	switch (message_rcode(&ask->facts)) {
	case RCODE_NOERROR:
		break;
	case RCODE_NXDOMAIN:
		return SQUASH_NXDOMAIN;
	case RCODE_REFUSED:
	case RCODE_NOTIMP:
		return SQUASH_REFUSED;
	default:
		return SQUASH_SERVFAIL;
	}
	if (doctor_reply_private(ask, &addr))
		return SQUASH_SINKHOLE;
	return wants_data && doctor_reply_verdict(ask) != VERDICT_ANSWERED ? SQUASH_NO_CNAME
									   : SQUASH_NONE;
}

void doctor_finding_fail_name(struct doctor_finding *finding, enum squash shape)
{
	doctor_finding_fail(finding, shape);
	if (shape != SQUASH_NO_CNAME)
		return;
	finding->shape = SQUASH_NONE;
	finding->means = "The name has no address here, and a device goes no further without it.";
	finding->next = "Look for filters of this server; see with --reference whether others know "
			"it.";
}
