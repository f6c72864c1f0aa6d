#include "app/doctor_dnsmasq.h"

#include "app/doctor_reply.h"
#include "app/doctor_run.h"

static bool is_dnsmasq(const struct doctor_finding *finding)
{
	const struct doctor_server *server = finding->server;
	char text[32];

	if (server->answered == 0)
		return false;
	if (finding->run->options.with_dnsmasq && !server->is_reference)
		return true;
	return doctor_reply_txt(&server->asks[SLOT_VERSION], "dnsmasq-", text, sizeof(text));
}

#define BITS(shape) (1u << (shape))
#define ADDRESSES BITS(SQUASH_SINKHOLE) | BITS(SQUASH_FLATTENED) | BITS(SQUASH_REWRITTEN)
#define EMPTY BITS(SQUASH_NONE) | BITS(SQUASH_NO_CNAME)
#define OWN_ADDRESSES "address (address), host-record, cname, alias"
#define ANY_SLOT UINT8_MAX

/* Tried with 2.90, one by one: tests/functional/test_topology.py. The first that fits. */
static const struct row {
	enum doctor_result result : 8;
	uint8_t slot; /* of the check */
	uint16_t shapes;
	const char *options;
} rows[] = {
	{ DOCTOR_WARN, SLOT_COUNT_TXT, EMPTY, "filter-rr (filter_rr), txt-record" },
	{ DOCTOR_WARN, SLOT_VARIANTS_A, EMPTY, OWN_ADDRESSES },
	{ DOCTOR_FAIL, SLOT_ALIAS_AAAA, EMPTY | BITS(SQUASH_SOA_LOST),
	  "filter-AAAA (filter_aaaa)" },
	{ DOCTOR_FAIL, SLOT_ALIAS_HTTPS, EMPTY | BITS(SQUASH_SOA_LOST), "filter-rr (filter_rr)" },
	{ DOCTOR_FAIL, ANY_SLOT, EMPTY,
	  "filter-A (filter_a); stop-dns-rebind (rebind_protection) where the address is private" },
	{ DOCTOR_FAIL, ANY_SLOT, BITS(SQUASH_NXDOMAIN),
	  "bogus-nxdomain (bogusnxdomain), address (address), local (local), server without an "
	  "address (server)" },
	{ DOCTOR_FAIL, ANY_SLOT, ADDRESSES, OWN_ADDRESSES },
	{ DOCTOR_FAIL, ANY_SLOT, BITS(SQUASH_REFUSED),
	  "dns-forward-max (dnsforwardmax), or no server at all (noresolv, server)" },
	{ DOCTOR_FAIL, ANY_SLOT, BITS(SQUASH_SERVFAIL), "dnssec (dnssec)" },
	{ DOCTOR_FAIL, ANY_SLOT, BITS(SQUASH_SILENT), "ignore-address" },
};
_Static_assert(DOCTOR_SLOTS <= ANY_SLOT, "each has its number");

const char *doctor_dnsmasq_options(const struct doctor_finding *finding)
{
	if (!is_dnsmasq(finding))
		return NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].result == finding->result &&
		    (rows[i].shapes & BITS(finding->shape)) != 0 &&
		    (rows[i].slot == ANY_SLOT || rows[i].slot == finding->check->slot))
			return rows[i].options;
	}
	return NULL;
}
