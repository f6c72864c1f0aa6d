#include "policy/rebinding.h"

#include <string.h>

#include "base/mem.h"
#include "policy/zone_tree.h"
#include "rr/synth.h"
#include "wire/cursor.h"
#include "wire/name.h"

struct rebinding {
	bool protect;
	struct zone_tree *allowed;
};

struct rebinding *rebinding_new(const struct conf *conf)
{
	struct rebinding *rebinding = mem_zalloc(sizeof(*rebinding));

	if (rebinding == NULL)
		return NULL;
	rebinding->protect = conf->rebinding_protect;
	rebinding->allowed = zone_tree_new();
	if (rebinding->allowed == NULL)
		goto out;
	for (size_t i = 0; i < conf->rebinding_allow_count; i++) {
		if (zone_tree_add(rebinding->allowed, conf->rebinding_allow[i].wire, false, 0) != 0)
			goto out;
	}
	return rebinding;
out:
	rebinding_free(rebinding);
	return NULL;
}

void rebinding_free(struct rebinding *rebinding)
{
	if (rebinding == NULL)
		return;
	zone_tree_free(rebinding->allowed);
	mem_free(rebinding);
}

bool rebinding_guards(const struct rebinding *rebinding, const struct decision *decision,
		      const uint8_t *name, size_t len)
{
	if (!rebinding->protect)
		return false;
	if (decision->group != 0 && decision->apex[0] != 0)
		return false;
	return !zone_tree_covers(rebinding->allowed, name, len);
}

/* --- addresses ----------------------------------------------------------------------------- */

struct range {
	uint32_t prefix, mask;
};

#define RANGE(bits, a, b, c, d)                                                               \
	{                                                                                     \
		(uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d), UINT32_MAX << (32 - (bits)) \
	}
static const struct range ranges_v4[] = {
	RANGE(8, 0, 0, 0, 0),	   RANGE(8, 10, 0, 0, 0),	  RANGE(10, 100, 64, 0, 0),
	RANGE(8, 127, 0, 0, 0),	   RANGE(16, 169, 254, 0, 0),	  RANGE(12, 172, 16, 0, 0),
	RANGE(16, 192, 168, 0, 0), RANGE(32, 255, 255, 255, 255),
};
/* by their first four bytes */
static const struct range ranges_v6[] = {
	RANGE(10, 0xfe, 0x80, 0, 0),
	RANGE(10, 0xfe, 0xc0, 0, 0),
	RANGE(7, 0xfc, 0, 0, 0),
};

static bool is_within(const uint8_t *address, const struct range *ranges, size_t count)
{
	struct cursor in = cursor_over(address, 4);
	const uint32_t start = cursor_u32(&in);

	for (size_t i = 0; i < count; i++)
		if ((start & ranges[i].mask) == ranges[i].prefix)
			return true;
	return false;
}

static bool is_private_v4(const uint8_t *address)
{
	return is_within(address, ranges_v4, sizeof(ranges_v4) / sizeof(ranges_v4[0]));
}

static bool is_private_v6(const uint8_t *address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t compatible[12] = { 0 }; /* :: and ::1 are among these */
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	static const uint8_t sixtofour[2] = { 0x20, 0x02 };

	if (is_within(address, ranges_v6, sizeof(ranges_v6) / sizeof(ranges_v6[0])))
		return true;
	if (memcmp(address, mapped, 12) == 0)
		return true;
	if (memcmp(address, compatible, 12) == 0 || memcmp(address, nat64, 12) == 0)
		return is_private_v4(address + 12);
	return memcmp(address, sixtofour, 2) == 0 && is_private_v4(address + 2);
}

static bool check_address(const uint8_t *address, size_t len, struct addr *ret_addr)
{
	if (!(len == 4 ? is_private_v4(address) : is_private_v6(address)))
		return false;
	*ret_addr = (struct addr){ .family = len == 4 ? ADDR_IPV4 : ADDR_IPV6 };
	memcpy(ret_addr->bytes, address, len);
	return true;
}

/* --- records ------------------------------------------------------------------------------- */

/* A list of addresses of `each` bytes; what is left over is none. */
static bool check_addresses(const uint8_t *list, size_t len, size_t each, struct addr *ret_addr)
{
	for (; len >= each; list += each, len -= each)
		if (check_address(list, each, ret_addr))
			return true;
	return false;
}

/* RFC 9460 section 2.2: priority, target (never compressed), parameters. */
static bool check_svcb(const uint8_t *rdata, size_t len, struct addr *ret_addr)
{
	enum { IPV4HINT = 4, IPV6HINT = 6 };
	struct cursor in = cursor_over(rdata, len);

	(void)cursor_u16(&in);
	for (uint8_t label; (label = cursor_u8(&in)) != 0;) {
		(void)cursor_bytes(&in, label < 0xc0 ? label : 1u);
		if (label >= 0xc0) /* a pointer, though it must not be one */
			break;
	}
	while (!in.failed && cursor_left(&in) > 0) {
		const uint16_t code = cursor_u16(&in), value_len = cursor_u16(&in);
		const uint8_t *value = cursor_bytes(&in, value_len);

		if (in.failed)
			break;
		if (code == IPV4HINT && check_addresses(value, value_len, 4, ret_addr))
			return true;
		if (code == IPV6HINT && check_addresses(value, value_len, 16, ret_addr))
			return true;
	}
	return false;
}

bool rebinding_find_in_record(uint16_t type, const uint8_t *rdata, size_t len,
			      struct addr *ret_addr)
{
	switch (type) {
	case TYPE_A:
		return len == 4 && check_address(rdata, 4, ret_addr);
	case TYPE_AAAA:
		return len == 16 && check_address(rdata, 16, ret_addr);
	case TYPE_SVCB:
	case TYPE_HTTPS:
		return check_svcb(rdata, len, ret_addr);
	default:
		return false;
	}
}

bool rebinding_find(const uint8_t *wire, size_t wire_len, struct addr *ret_addr)
{
	struct message_walk walk = message_walk_from(wire, wire_len);
	struct message_record record;

	while (message_walk_next(&walk, &record)) {
		if (record.class == CLASS_IN &&
		    rebinding_find_in_record(record.type, wire + record.rdata_at, record.rdata_len,
					     ret_addr))
			return true;
	}
	return false;
}

int rebinding_reply(const struct query_view *view, uint8_t *out, size_t out_max, size_t *ret_len)
{
	return synth_negative(view, RCODE_NOERROR, view->name, SYNTH_SOA_TTL, out, out_max,
			      ret_len);
}
