#include "app/doctor_finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/doctor_advice.h"
#include "app/doctor_run.h"
#include "wire/name.h"

void doctor_finding_make(struct doctor_finding *ret_finding, const struct doctor_check *check,
			 const struct doctor_run *run, const struct doctor_server *server)
{
	*ret_finding = (struct doctor_finding){
		.check = check, .run = run, .server = server, .ask = &server->asks[check->slot]
	};
	if (check->of != NULL)
		doctor_finding_describe(ret_finding, check->of, ret_finding->ask);
	check->judge(ret_finding);
}

void doctor_finding_set(struct doctor_finding *finding, enum doctor_result result,
			const char *means, const char *next)
{
	finding->result = result;
	finding->means = means;
	finding->next = next;
}

void doctor_finding_fail(struct doctor_finding *finding, enum squash shape)
{
	const struct doctor_advice *advice = doctor_advice_for(shape);

	finding->shape = shape;
	doctor_finding_set(finding, DOCTOR_FAIL, advice->means, advice->next);
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

/* The name at that place of the reply, if any. */
static void say_name(struct doctor_finding *finding, const char *what, const struct doctor_ask *ask,
		     size_t at)
{
	uint8_t name[NAME_MAX_LEN];
	struct name_text text;
	size_t len, next;

	if (at != 0 && name_read(ask->wire, ask->facts.wire_len, at, name, &len, &next) == 0)
		doctor_finding_say(finding, ", %s %.80s", what, name_to_text(name, &text));
}

static void describe_reply(struct doctor_finding *finding, const struct doctor_ask *ask)
{
	struct type_text rcode;
	struct addr_text text;

	doctor_finding_say(finding, "%s", type_rcode_to_text(ask->rcode, &rcode));
	say_name(finding, "CNAME to", ask, ask->cname_at);
	if (ask->addresses > 0)
		doctor_finding_say(finding, ", address %s%s", addr_to_text(&ask->address, &text),
				   ask->addresses > 1 ? " and others" : "");
	else if (ask->verdict == VERDICT_ANSWERED)
		doctor_finding_say(finding, ", data");
	else if (ask->rcode == RCODE_NOERROR)
		doctor_finding_say(finding, ", no %s",
				   ask->view.type == TYPE_A || ask->view.type == TYPE_AAAA
					   ? "address"
					   : "data");
	if (ask->verdict == VERDICT_BARE && ask->addresses == 0)
		doctor_finding_say(finding, ", no SOA");
	say_name(finding, "SOA of", ask, ask->soa_at);
}

void doctor_finding_describe(struct doctor_finding *finding, const char *of,
			     const struct doctor_ask *ask)
{
	_Static_assert(DOCTOR_ASK_PATIENCE_S == 3, "as is said below");
	static const char *const wants[] = {
		[DOCTOR_ASK_NONE] = "not asked",
		[DOCTOR_ASK_SILENT] = "no reply in 3 s",
		[DOCTOR_ASK_CLOSED] = "refused by the host: nothing listens on that port",
		[DOCTOR_ASK_BROKEN] = "the connection ended without a reply",
		[DOCTOR_ASK_UNSENT] = "could not be sent: ",
	};

	if (of[0] != '\0')
		doctor_finding_say(finding, "%s%s: ", finding->seen[0] == '\0' ? "" : "; ", of);
	if (ask->was_truncated)
		doctor_finding_say(finding, "truncated over UDP, then over TCP: ");
	if (ask->state == DOCTOR_ASK_REPLY) {
		describe_reply(finding, ask);
		return;
	}
	doctor_finding_say(finding, "%s%s", wants[ask->state],
			   ask->state == DOCTOR_ASK_UNSENT ? err_text(ask->err) : "");
	if (ask->strangers > 0)
		doctor_finding_say(finding,
				   ", but packets that were no reply to it (not DNS, or another's "
				   "ID or question): %u",
				   ask->strangers);
}
