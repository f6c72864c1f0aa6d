#include "app/doctor_dnsmasq.h"

#include <string.h>

#include "app/doctor_reply.h"
#include "app/doctor_run.h"

bool doctor_dnsmasq_is_one(const struct doctor_view *view)
{
	char text[32];

	if (view->server->answered == 0)
		return false;
	if (doctor_run_options(view->run)->with_dnsmasq && !view->server->is_reference)
		return true;
	return doctor_reply_txt(&view->server->asks[SLOT_VERSION], "dnsmasq-", text, sizeof(text));
}

#define BITS(shape) (1u << (shape))
#define ADDRESSES BITS(SQUASH_SINKHOLE) | BITS(SQUASH_FLATTENED) | BITS(SQUASH_REWRITTEN)
#define EMPTY BITS(SQUASH_NONE) | BITS(SQUASH_NO_CNAME)
#define OWN_ADDRESSES "address (address), host-record, cname, alias"

/* Tried with 2.90, one by one: tests/functional/test_topology.py. The first that fits. */
static const struct row {
	enum doctor_result result;
	unsigned shapes;
	const char *check; /* NULL: all */
	const char *options;
} rows[] = {
	{ DOCTOR_WARN, EMPTY, "count-txt", "filter-rr (filter_rr), txt-record" },
	{ DOCTOR_WARN, EMPTY, "variants-a", OWN_ADDRESSES },
	{ DOCTOR_FAIL, EMPTY | BITS(SQUASH_SOA_LOST), "alias-aaaa", "filter-AAAA (filter_aaaa)" },
	{ DOCTOR_FAIL, EMPTY | BITS(SQUASH_SOA_LOST), "alias-https", "filter-rr (filter_rr)" },
	{ DOCTOR_FAIL, EMPTY, NULL,
	  "filter-A (filter_a); stop-dns-rebind (rebind_protection) where the address is private" },
	{ DOCTOR_FAIL, BITS(SQUASH_NXDOMAIN), NULL,
	  "bogus-nxdomain (bogusnxdomain), address (address), local (local), server without an "
	  "address (server)" },
	{ DOCTOR_FAIL, ADDRESSES, NULL, OWN_ADDRESSES },
	{ DOCTOR_FAIL, BITS(SQUASH_REFUSED), NULL,
	  "dns-forward-max (dnsforwardmax), or no server at all (noresolv, server)" },
	{ DOCTOR_FAIL, BITS(SQUASH_SERVFAIL), NULL, "dnssec (dnssec)" },
	{ DOCTOR_FAIL, BITS(SQUASH_SILENT), NULL, "ignore-address" },
};

const char *doctor_dnsmasq_options(const struct doctor_check *check,
				   const struct doctor_finding *finding)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].result == finding->result &&
		    (rows[i].shapes & BITS(finding->shape)) != 0 &&
		    (rows[i].check == NULL || strcmp(rows[i].check, check->name) == 0))
			return rows[i].options;
	}
	return NULL;
}
