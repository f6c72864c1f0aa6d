#include "wire/rdata.h"

#include <stdbool.h>

#include "wire/cursor.h"
#include "wire/name.h"
#include "wire/type.h"

/* What RDATA is made of, one letter a field, or several where each is of a known length:
 *   1 2 4 8 5 6 that many bytes (5: five times four; 6: sixteen)
 *   N           name that may be compressed
 *   n           name that may not
 *   s           character string (RFC 1035 section 3.3)
 *   S           one or more of them, to the end
 *   t           character string that is not empty
 *   b           bitmap of types, to the end (RFC 4034 section 4.1.2)
 *   p           service parameters, to the end (RFC 9460 section 2.2)
 *   l           the rest of a location whose version is known (RFC 1876)
 *   x           any bytes, to the end
 *   X           at least one byte, to the end */
struct shape {
	uint16_t type;
	bool is_internet; /* says something about class IN only */
	char fields[6];
};

/* clang-format off */
static const struct shape shapes[] = { /* ascending */
	{ 1, true, "4" },              /* A */
	{ 2, false, "N" },             /* NS */
	{ 3, false, "N" },             /* MD */
	{ 4, false, "N" },             /* MF */
	{ 5, false, "N" },             /* CNAME */
	{ 6, false, "NN5" },           /* SOA */
	{ 7, false, "N" },             /* MB */
	{ 8, false, "N" },             /* MG */
	{ 9, false, "N" },             /* MR */
	{ 11, true, "41x" },           /* WKS */
	{ 12, false, "N" },            /* PTR */
	{ 13, false, "ss" },           /* HINFO */
	{ 14, false, "NN" },           /* MINFO */
	{ 15, false, "2N" },           /* MX */
	{ 16, false, "S" },            /* TXT */
	{ 17, false, "NN" },           /* RP */
	{ 18, false, "2N" },           /* AFSDB */
	{ 19, false, "s" },            /* X25 */
	{ 20, false, "S" },            /* ISDN */
	{ 21, false, "2N" },           /* RT */
	{ 24, false, "882NX" },        /* SIG */
	{ 25, false, "4x" },           /* KEY */
	{ 26, true, "2NN" },           /* PX */
	{ 27, false, "sss" },          /* GPOS */
	{ 28, true, "6" },             /* AAAA */
	{ 29, false, "1l" },           /* LOC */
	{ 30, false, "NX" },           /* NXT */
	{ 33, true, "42N" },           /* SRV */
	{ 35, true, "4sssN" },         /* NAPTR */
	{ 36, true, "2n" },            /* KX */
	{ 37, false, "41x" },          /* CERT */
	{ 39, false, "N" },            /* DNAME */
	{ 43, false, "4X" },           /* DS */
	{ 44, false, "2X" },           /* SSHFP */
	{ 45, true, "21x" },           /* IPSECKEY */
	{ 46, false, "882nX" },        /* RRSIG */
	{ 47, false, "nb" },           /* NSEC */
	{ 48, false, "4x" },           /* DNSKEY */
	{ 50, false, "4stb" },         /* NSEC3 */
	{ 51, false, "4s" },           /* NSEC3PARAM */
	{ 52, false, "21X" },          /* TLSA */
	{ 53, false, "21X" },          /* SMIMEA */
	{ 59, false, "4X" },           /* CDS */
	{ 60, false, "4x" },           /* CDNSKEY */
	{ 62, false, "42b" },          /* CSYNC */
	{ 63, false, "42X" },          /* ZONEMD */
	{ 64, true, "2np" },           /* SVCB */
	{ 65, true, "2np" },           /* HTTPS */
	{ 99, false, "S" },            /* SPF */
	{ 104, true, "82" },           /* NID */
	{ 105, true, "42" },           /* L32 */
	{ 106, true, "82" },           /* L64 */
	{ 107, true, "2n" },           /* LP */
	{ 108, false, "42" },          /* EUI48 */
	{ 109, false, "8" },           /* EUI64 */
	{ 256, false, "4x" },          /* URI */
	{ 257, false, "1tx" },         /* CAA */
};
/* clang-format on */

/* NULL where the type is opaque. */
static const char *fields_of(uint16_t type, uint16_t class)
{
	size_t low = 0, high = sizeof(shapes) / sizeof(shapes[0]);

	while (low < high) {
		const size_t middle = (low + high) / 2;
		if (shapes[middle].type < type)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == sizeof(shapes) / sizeof(shapes[0]) || shapes[low].type != type ||
	    (shapes[low].is_internet && class != CLASS_IN))
		return NULL;
	return shapes[low].fields;
}

/* Just behind the name as it stands at the cursor, pointers not followed; fails where a label is
 * not finished or of a reserved kind. */
static bool skip_name(struct cursor *cursor, bool *ret_has_pointer)
{
	for (;;) {
		const uint8_t len = cursor_u8(cursor);
		if (cursor->failed)
			return false;
		*ret_has_pointer = len >= 0xc0;
		if (len >= 0xc0)
			return cursor_bytes(cursor, 1) != NULL;
		if (len > 63) {
			cursor->failed = true;
			return false;
		}
		if (len == 0)
			return true;
		cursor_bytes(cursor, len);
	}
}

static enum rdata_quality check_bad_name(const struct rdata *rdata, struct cursor *cursor,
					 bool may_have_pointer)
{
	const size_t at = (size_t)(cursor->at - rdata->wire);
	bool has_pointer;

	if (!skip_name(cursor, &has_pointer) || (has_pointer && !may_have_pointer))
		return RDATA_ODD;
	if (name_check(rdata->wire, rdata->wire_len, at) == 0)
		return has_pointer ? RDATA_BAD : RDATA_ODD;
	return RDATA_OK;
}

static enum rdata_quality check_name(const struct rdata *rdata, struct cursor *cursor,
				     bool may_have_pointer)
{
	const size_t at = (size_t)(cursor->at - rdata->wire);
	const size_t next = may_have_pointer ? name_check(rdata->wire, rdata->wire_len, at) : 0;

	if (next == 0 || next > rdata->at + rdata->len)
		return check_bad_name(rdata, cursor, may_have_pointer);
	cursor->at = rdata->wire + next;
	return RDATA_OK;
}

static bool skip_string(struct cursor *cursor, uint8_t min_len)
{
	const uint8_t len = cursor_u8(cursor);
	return cursor_bytes(cursor, len) != NULL && len >= min_len;
}

static bool skip_strings(struct cursor *cursor)
{
	do {
		if (!skip_string(cursor, 0))
			return false;
	} while (cursor_left(cursor) > 0);
	return true;
}

static bool skip_bitmap(struct cursor *cursor)
{
	int last_window = -1;

	while (cursor_left(cursor) > 0) {
		const int window = cursor_u8(cursor);
		const uint8_t len = cursor_u8(cursor);
		if (len == 0 || len > 32 || window <= last_window ||
		    cursor_bytes(cursor, len) == NULL)
			return false;
		last_window = window;
	}
	return true;
}

/* RFC 9460 section 14.3.2: what the value of a registered key must look like. */
static bool is_good_parameter(uint16_t key, const uint8_t *value, uint16_t len)
{
	struct cursor cursor = cursor_over(value, len);

	switch (key) {
	case 0: /* mandatory */
		return len >= 2 && len % 2 == 0;
	case 1: /* alpn */
		do {
			if (!skip_string(&cursor, 1))
				return false;
		} while (cursor_left(&cursor) > 0);
		return true;
	case 2: /* no-default-alpn */
		return len == 0;
	case 3: /* port */
		return len == 2;
	case 4: /* ipv4hint */
		return len >= 4 && len % 4 == 0;
	case 6: /* ipv6hint */
		return len >= 16 && len % 16 == 0;
	default: /* keys are numbers of others, not an enum of ours */
		return true;
	}
}

static bool skip_parameters(struct cursor *cursor)
{
	int32_t last_key = -1;

	while (cursor_left(cursor) > 0) {
		const uint16_t key = cursor_u16(cursor);
		const uint16_t len = cursor_u16(cursor);
		const uint8_t *value = cursor_bytes(cursor, len);
		if (value == NULL || key <= last_key || !is_good_parameter(key, value, len))
			return false;
		last_key = key;
	}
	return true;
}

/* The version has just been read; only version 0 has a known length. */
static bool skip_location(struct cursor *cursor)
{
	const uint8_t version = cursor->at[-1];
	return version == 0 ? cursor_bytes(cursor, 15) != NULL
			    : cursor_bytes(cursor, cursor_left(cursor)) != NULL;
}

static bool skip_rest(struct cursor *cursor, size_t min_len)
{
	const size_t left = cursor_left(cursor);
	return cursor_bytes(cursor, left) != NULL && left >= min_len;
}

/* Any field but a name. */
static bool skip_field(struct cursor *cursor, char field)
{
	switch (field) {
	case '1':
	case '2':
	case '4':
	case '8':
		return cursor_bytes(cursor, (size_t)(field - '0')) != NULL;
	case '5':
		return cursor_bytes(cursor, 20) != NULL;
	case '6':
		return cursor_bytes(cursor, 16) != NULL;
	case 's':
		return skip_string(cursor, 0);
	case 't':
		return skip_string(cursor, 1);
	case 'S':
		return skip_strings(cursor);
	case 'b':
		return skip_bitmap(cursor);
	case 'p':
		return skip_parameters(cursor);
	case 'l':
		return skip_location(cursor);
	case 'x':
		return skip_rest(cursor, 0);
	default: /* 'X' */
		return skip_rest(cursor, 1);
	}
}

enum rdata_quality rdata_check(const struct rdata *rdata)
{
	const char *field = fields_of(rdata->type, rdata->class);
	struct cursor cursor = cursor_over(rdata->wire + rdata->at, rdata->len);

	if (field == NULL)
		return RDATA_OK;
	for (; *field != '\0'; field++) {
		if (*field == 'N' || *field == 'n') {
			enum rdata_quality quality = check_name(rdata, &cursor, *field == 'N');
			if (quality != RDATA_OK)
				return quality;
		} else if (!skip_field(&cursor, *field)) {
			return RDATA_ODD;
		}
	}
	return cursor_left(&cursor) == 0 ? RDATA_OK : RDATA_ODD;
}

void rdata_each_name(const struct rdata *rdata, rdata_name_fn on_name, void *ctx)
{
	const char *field = fields_of(rdata->type, rdata->class);
	struct cursor cursor = cursor_over(rdata->wire + rdata->at, rdata->len);

	for (; field != NULL && *field != '\0'; field++) {
		const size_t at = (size_t)(cursor.at - rdata->wire);
		bool has_pointer;
		if (*field != 'N' && *field != 'n') {
			if (!skip_field(&cursor, *field))
				return;
			continue;
		}
		if (!skip_name(&cursor, &has_pointer))
			return;
		if (*field == 'N')
			on_name(ctx, at);
	}
}
