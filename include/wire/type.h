/* wire/type.h: numbers that have names: record types, classes, rcodes, EDNS options, EDE codes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	TYPE_A = 1,
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_PTR = 12,
	TYPE_MX = 15,
	TYPE_TXT = 16,
	TYPE_SIG = 24,
	TYPE_AAAA = 28,
	TYPE_SRV = 33,
	TYPE_DNAME = 39,
	TYPE_OPT = 41,
	TYPE_DS = 43,
	TYPE_SVCB = 64,
	TYPE_HTTPS = 65,
	TYPE_TKEY = 249,
	TYPE_TSIG = 250,
	TYPE_IXFR = 251,
	TYPE_AXFR = 252,
	TYPE_MAILB = 253,
	TYPE_MAILA = 254,
	TYPE_ANY = 255,
};

enum { CLASS_IN = 1, CLASS_CH = 3, CLASS_NONE = 254, CLASS_ANY = 255 };

/* RFC 1035 section 4.1.1, RFC 2136, RFC 6891 section 9 */
enum rcode {
	RCODE_NOERROR = 0,
	RCODE_FORMERR = 1,
	RCODE_SERVFAIL = 2,
	RCODE_NXDOMAIN = 3,
	RCODE_NOTIMP = 4,
	RCODE_REFUSED = 5,
	RCODE_BADVERS = 16,
};

/* RFC 6891, 7871, 7873, 7828, 7830, 8914; and what forwarders tell hardware addresses by */
enum {
	OPTION_NSID = 3,
	OPTION_ECS = 8,
	OPTION_COOKIE = 10,
	OPTION_KEEPALIVE = 11,
	OPTION_PADDING = 12,
	OPTION_EDE = 15,
	OPTION_HARDWARE = 65001,
	OPTION_HARDWARE_TEXT = 65073,
	OPTION_CPE = 65074, /* the name of a forwarder itself */
};

/* RFC 8914 section 5.2 */
enum ede {
	EDE_OTHER = 0,
	EDE_STALE = 3,
	EDE_FORGED = 4,
	EDE_CACHED_ERROR = 13,
	EDE_NOT_READY = 14,
	EDE_BLOCKED = 15,
	EDE_PROHIBITED = 18,
	EDE_STALE_NXDOMAIN = 19,
	EDE_NO_REACHABLE = 22,
	EDE_NETWORK = 23,
	EDE_NONE = 65535, /* ours: no extended error */
};

struct type_text {
	char text[16];
};

/** "A", "https", "TYPE65". False for anything else. */
bool type_from_text(const char *text, uint16_t *ret_type);
/** The mnemonic, or TYPE65280 (RFC 3597 section 5). Returns into->text. */
const char *type_to_text(uint16_t type, struct type_text *into);
/** "NOERROR", or RCODE12. */
const char *type_rcode_to_text(unsigned rcode, struct type_text *into);
