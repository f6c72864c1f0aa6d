#include "wire/type.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Names of numbers that follow one another, in fewer bytes than a row each. */
struct run {
	uint16_t first;
	const char *names;
};

/* The registry of record types. */
static const struct run types[] = {
	{ 1, "A NS MD MF CNAME SOA MB MG MR NULL WKS PTR HINFO MINFO MX TXT RP AFSDB X25 ISDN RT "
	     "NSAP NSAP-PTR SIG KEY PX GPOS AAAA LOC NXT EID NIMLOC SRV ATMA NAPTR KX CERT A6 "
	     "DNAME SINK OPT APL DS SSHFP IPSECKEY RRSIG NSEC DNSKEY DHCID NSEC3 NSEC3PARAM TLSA "
	     "SMIMEA" },
	{ 55, "HIP NINFO RKEY TALINK CDS CDNSKEY OPENPGPKEY CSYNC ZONEMD SVCB HTTPS DSYNC HHIT "
	      "BRID" },
	{ 99, "SPF UINFO UID GID UNSPEC NID L32 L64 LP EUI48 EUI64" },
	{ 128, "NXNAME" },
	{ 249, "TKEY TSIG IXFR AXFR MAILB MAILA ANY URI CAA AVC DOA AMTRELAY RESINFO WALLET CLA "
	       "IPN" },
	{ 32768, "TA DLV" },
};

static const struct run rcodes[] = {
	{ 0, "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH "
	     "NOTZONE DSOTYPENI" },
	{ 16, "BADVERS BADKEY BADTIME BADMODE BADNAME BADALG BADTRUNC BADCOOKIE" },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static size_t name_len(const char *name)
{
	return strcspn(name, " ");
}

/* NULL behind the last of a run. */
static const char *next_name(const char *name)
{
	name += name_len(name);
	return *name == '\0' ? NULL : name + 1;
}

/* The name, or `unnamed` and the number. */
static const char *to_text(const struct run *runs, size_t count, unsigned number,
			   const char *unnamed, struct type_text *into)
{
	for (size_t i = 0; i < count; i++) {
		unsigned at = runs[i].first;
		for (const char *name = runs[i].names; name != NULL; name = next_name(name)) {
			if (at++ == number) {
				snprintf(into->text, name_len(name) + 1, "%s", name);
				return into->text;
			}
		}
	}
	snprintf(into->text, sizeof(into->text), "%s%u", unnamed, number);
	return into->text;
}

bool type_from_text(const char *text, uint16_t *ret_type)
{
	const size_t len = strlen(text);

	for (size_t i = 0; i < COUNT(types); i++) {
		uint16_t number = types[i].first;
		for (const char *name = types[i].names; name != NULL; name = next_name(name)) {
			if (name_len(name) == len && strncasecmp(text, name, len) == 0) {
				*ret_type = number;
				return true;
			}
			number++;
		}
	}
	if (strncasecmp(text, "TYPE", 4) != 0 || text[4] == '\0')
		return false;
	unsigned number = 0;
	for (const char *at = text + 4; *at != '\0'; at++) {
		if (*at < '0' || *at > '9')
			return false;
		number = number * 10 + (unsigned)(*at - '0');
		if (number > UINT16_MAX)
			return false;
	}
	*ret_type = (uint16_t)number;
	return true;
}

const char *type_to_text(uint16_t type, struct type_text *into)
{
	return to_text(types, COUNT(types), type, "TYPE", into);
}

const char *type_rcode_to_text(unsigned rcode, struct type_text *into)
{
	return to_text(rcodes, COUNT(rcodes), rcode, "RCODE", into);
}
