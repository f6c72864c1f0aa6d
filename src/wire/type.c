#include "wire/type.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct named {
	uint16_t number;
	char name[12]; /* in place of a pointer, which is more than most names are */
};

/* clang-format off */
/* The registry of record types; ascending. */
static const struct named types[] = {
	{ 1, "A" }, { 2, "NS" }, { 3, "MD" }, { 4, "MF" }, { 5, "CNAME" }, { 6, "SOA" },
	{ 7, "MB" }, { 8, "MG" }, { 9, "MR" }, { 10, "NULL" }, { 11, "WKS" }, { 12, "PTR" },
	{ 13, "HINFO" }, { 14, "MINFO" }, { 15, "MX" }, { 16, "TXT" }, { 17, "RP" },
	{ 18, "AFSDB" }, { 19, "X25" }, { 20, "ISDN" }, { 21, "RT" }, { 22, "NSAP" },
	{ 23, "NSAP-PTR" }, { 24, "SIG" }, { 25, "KEY" }, { 26, "PX" }, { 27, "GPOS" },
	{ 28, "AAAA" }, { 29, "LOC" }, { 30, "NXT" }, { 31, "EID" }, { 32, "NIMLOC" },
	{ 33, "SRV" }, { 34, "ATMA" }, { 35, "NAPTR" }, { 36, "KX" }, { 37, "CERT" },
	{ 38, "A6" }, { 39, "DNAME" }, { 40, "SINK" }, { 41, "OPT" }, { 42, "APL" },
	{ 43, "DS" }, { 44, "SSHFP" }, { 45, "IPSECKEY" }, { 46, "RRSIG" }, { 47, "NSEC" },
	{ 48, "DNSKEY" }, { 49, "DHCID" }, { 50, "NSEC3" }, { 51, "NSEC3PARAM" },
	{ 52, "TLSA" }, { 53, "SMIMEA" }, { 55, "HIP" }, { 56, "NINFO" }, { 57, "RKEY" },
	{ 58, "TALINK" }, { 59, "CDS" }, { 60, "CDNSKEY" }, { 61, "OPENPGPKEY" },
	{ 62, "CSYNC" }, { 63, "ZONEMD" }, { 64, "SVCB" }, { 65, "HTTPS" }, { 66, "DSYNC" },
	{ 67, "HHIT" }, { 68, "BRID" }, { 99, "SPF" }, { 100, "UINFO" }, { 101, "UID" },
	{ 102, "GID" }, { 103, "UNSPEC" }, { 104, "NID" }, { 105, "L32" }, { 106, "L64" },
	{ 107, "LP" }, { 108, "EUI48" }, { 109, "EUI64" }, { 128, "NXNAME" }, { 249, "TKEY" },
	{ 250, "TSIG" }, { 251, "IXFR" }, { 252, "AXFR" }, { 253, "MAILB" }, { 254, "MAILA" },
	{ 255, "ANY" }, { 256, "URI" }, { 257, "CAA" }, { 258, "AVC" }, { 259, "DOA" },
	{ 260, "AMTRELAY" }, { 261, "RESINFO" }, { 262, "WALLET" }, { 263, "CLA" },
	{ 264, "IPN" }, { 32768, "TA" }, { 32769, "DLV" },
};

static const struct named rcodes[] = {
	{ 0, "NOERROR" }, { 1, "FORMERR" }, { 2, "SERVFAIL" }, { 3, "NXDOMAIN" },
	{ 4, "NOTIMP" }, { 5, "REFUSED" }, { 6, "YXDOMAIN" }, { 7, "YXRRSET" },
	{ 8, "NXRRSET" }, { 9, "NOTAUTH" }, { 10, "NOTZONE" }, { 11, "DSOTYPENI" },
	{ 16, "BADVERS" }, { 17, "BADKEY" }, { 18, "BADTIME" }, { 19, "BADMODE" },
	{ 20, "BADNAME" }, { 21, "BADALG" }, { 22, "BADTRUNC" }, { 23, "BADCOOKIE" },
};
/* clang-format on */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *find_name(const struct named *table, size_t count, unsigned number)
{
	for (size_t i = 0; i < count && table[i].number <= number; i++)
		if (table[i].number == number)
			return table[i].name;
	return NULL;
}

bool type_from_text(const char *text, uint16_t *ret_type)
{
	for (size_t i = 0; i < COUNT(types); i++) {
		if (strcasecmp(text, types[i].name) == 0) {
			*ret_type = types[i].number;
			return true;
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
	const char *name = find_name(types, COUNT(types), type);
	if (name != NULL)
		snprintf(into->text, sizeof(into->text), "%s", name);
	else
		snprintf(into->text, sizeof(into->text), "TYPE%u", type);
	return into->text;
}

const char *type_rcode_to_text(unsigned rcode, struct type_text *into)
{
	const char *name = find_name(rcodes, COUNT(rcodes), rcode);
	if (name != NULL)
		snprintf(into->text, sizeof(into->text), "%s", name);
	else
		snprintf(into->text, sizeof(into->text), "RCODE%u", rcode);
	return into->text;
}
