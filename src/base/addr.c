#include "base/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static unsigned family_len(uint8_t family)
{
	return family == ADDR_IPV4 ? 4 : 16;
}

static bool is_link_local(const uint8_t bytes[16])
{
	return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

static void set_ipv6(struct addr *addr, const uint8_t bytes[16])
{
	memset(addr->bytes, 0, sizeof(addr->bytes));
	if (memcmp(bytes, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		addr->family = ADDR_IPV4;
		memcpy(addr->bytes, bytes + 12, 4);
	} else {
		addr->family = ADDR_IPV6;
		memcpy(addr->bytes, bytes, 16);
	}
}

/* Digits only, at most `max`, nothing around them. */
static bool read_number(const char *text, uint32_t max, uint32_t *ret_number)
{
	uint64_t number = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		number = number * 10 + (uint64_t)(*text - '0');
		if (number > max)
			return false;
	}
	*ret_number = (uint32_t)number;
	return true;
}

/* Address alone: neither port nor scope. */
static int read_bytes(const char *text, struct addr *addr)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1) {
		addr->family = ADDR_IPV4;
		memcpy(addr->bytes, bytes, 4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, bytes) == 1) {
		set_ipv6(addr, bytes);
		return 0;
	}
	return ERR_MALFORMED;
}

static int read_scope(const char *text, struct addr *addr)
{
	if (addr->family != ADDR_IPV6 || !is_link_local(addr->bytes))
		return ERR_MALFORMED;
	if (*text == '\0')
		return ERR_MALFORMED;
	addr->scope = if_nametoindex(text);
	if (addr->scope != 0)
		return 0;
	return read_number(text, UINT32_MAX, &addr->scope) && addr->scope != 0 ? 0 : -ENODEV;
}

/* Cuts `text` at the first `separator`; the rest, or NULL where there is none. */
static char *cut(char *text, char separator)
{
	char *at = strchr(text, separator);
	if (at == NULL)
		return NULL;
	*at = '\0';
	return at + 1;
}

/* A copy to cut up; false where the text is longer than any address. */
static bool copy_text(struct addr_text *into, const char *text)
{
	size_t len = strlen(text);
	if (len >= sizeof(into->text))
		return false;
	memcpy(into->text, text, len + 1);
	return true;
}

int addr_parse(const char *text, uint16_t default_port, struct addr *ret_addr)
{
	struct addr addr = { .port = default_port };
	struct addr_text copy;
	int err;

	if (!copy_text(&copy, text))
		return ERR_MALFORMED;
	const char *port_text = cut(copy.text, '@');
	const char *scope_text = cut(copy.text, '%');
	if (port_text != NULL) {
		uint32_t port;
		if (!read_number(port_text, UINT16_MAX, &port) || port == 0)
			return ERR_MALFORMED;
		addr.port = (uint16_t)port;
	}
	if ((err = read_bytes(copy.text, &addr)) != 0)
		return err;
	if (scope_text != NULL && (err = read_scope(scope_text, &addr)) != 0)
		return err;
	*ret_addr = addr;
	return 0;
}

/* The address alone, for both texts. */
static size_t put_bytes(const struct addr *addr, struct addr_text *into)
{
	const int family = addr->family == ADDR_IPV4 ? AF_INET : AF_INET6;
	if (addr->family == ADDR_NONE ||
	    inet_ntop(family, addr->bytes, into->text, sizeof(into->text)) == NULL)
		snprintf(into->text, sizeof(into->text), "(no address)");
	return strlen(into->text);
}

const char *addr_to_text(const struct addr *addr, struct addr_text *into)
{
	size_t len = put_bytes(addr, into);

	if (addr->scope != 0) {
		char name[IF_NAMESIZE];
		if (if_indextoname(addr->scope, name) == NULL)
			snprintf(name, sizeof(name), "%u", addr->scope);
		snprintf(into->text + len, sizeof(into->text) - len, "%%%s", name);
		len = strlen(into->text);
	}
	if (addr->port != 0)
		snprintf(into->text + len, sizeof(into->text) - len, "@%u", addr->port);
	return into->text;
}

bool addr_same_host(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && a->scope == b->scope &&
	       memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->port == b->port && addr_same_host(a, b);
}

bool addr_is_wildcard(const struct addr *addr)
{
	static const uint8_t zero[16];
	return addr->family != ADDR_NONE && memcmp(addr->bytes, zero, sizeof(zero)) == 0;
}

bool addr_is_link_local(const struct addr *addr)
{
	return addr->family == ADDR_IPV6 && is_link_local(addr->bytes);
}

/* The family and the port lie at the same place in both kinds. */
#define PORT_AT offsetof(struct sockaddr_in, sin_port)
#define IPV4_AT offsetof(struct sockaddr_in, sin_addr)
static_assert(PORT_AT == offsetof(struct sockaddr_in6, sin6_port), "the port of both kinds");

socklen_t addr_to_sockaddr(const struct addr *addr, struct sockaddr_storage *ret_sockaddr)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET, .sin6_port = htons(addr->port) };
	socklen_t len = sizeof(struct sockaddr_in);

	if (addr->family == ADDR_IPV4) {
		memcpy((uint8_t *)&to + IPV4_AT, addr->bytes, 4);
	} else {
		to.sin6_family = AF_INET6;
		to.sin6_scope_id = addr->scope;
		memcpy(&to.sin6_addr, addr->bytes, 16);
		len = sizeof(to);
	}
	memcpy(ret_sockaddr, &to, sizeof(to));
	return len;
}

int addr_from_sockaddr(const struct sockaddr *from, struct addr *ret_addr)
{
	const uint8_t *bytes = (const uint8_t *)from;
	uint16_t port;

	if (from->sa_family != AF_INET && from->sa_family != AF_INET6)
		return ERR_MALFORMED;
	*ret_addr = (struct addr){ .family = ADDR_IPV4 };
	memcpy(&port, bytes + PORT_AT, sizeof(port));
	ret_addr->port = ntohs(port);
	if (from->sa_family == AF_INET) {
		memcpy(ret_addr->bytes, bytes + IPV4_AT, 4);
		return 0;
	}
	set_ipv6(ret_addr, bytes + offsetof(struct sockaddr_in6, sin6_addr));
	if (addr_is_link_local(ret_addr))
		memcpy(&ret_addr->scope, bytes + offsetof(struct sockaddr_in6, sin6_scope_id),
		       sizeof(ret_addr->scope));
	return 0;
}

/* The first `bits` bits of both are the same. */
static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	if (bits % 8 == 0)
		return true;
	return (a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8) == 0;
}

static bool has_host_bits(const struct addr_prefix *prefix)
{
	struct addr net = { 0 };
	const unsigned whole = prefix->bits / 8;

	memcpy(net.bytes, prefix->net.bytes, whole);
	if (prefix->bits % 8 != 0)
		net.bytes[whole] =
			(uint8_t)(prefix->net.bytes[whole] & 0xff00u >> prefix->bits % 8);
	return memcmp(net.bytes, prefix->net.bytes, sizeof(net.bytes)) != 0;
}

int addr_prefix_parse(const char *text, struct addr_prefix *ret_prefix)
{
	struct addr_prefix prefix = { 0 };
	struct addr_text copy;
	int err;

	if (!copy_text(&copy, text))
		return ERR_MALFORMED;
	const char *bits_text = cut(copy.text, '/');
	if ((err = read_bytes(copy.text, &prefix.net)) != 0)
		return err;

	const unsigned max_bits = family_len(prefix.net.family) * 8;
	uint32_t bits = max_bits;
	if (bits_text != NULL) {
		/* A mapped address is written with an IPv6 length. */
		const bool is_mapped =
			prefix.net.family == ADDR_IPV4 && strchr(copy.text, ':') != NULL;
		const uint32_t skipped = is_mapped ? 96 : 0;
		if (!read_number(bits_text, max_bits + skipped, &bits) || bits < skipped)
			return ERR_MALFORMED;
		bits -= skipped;
	}
	prefix.bits = (uint8_t)bits;
	if (has_host_bits(&prefix))
		return ERR_MALFORMED;
	*ret_prefix = prefix;
	return 0;
}

const char *addr_prefix_to_text(const struct addr_prefix *prefix, struct addr_text *into)
{
	size_t len = put_bytes(&prefix->net, into);
	snprintf(into->text + len, sizeof(into->text) - len, "/%u", prefix->bits);
	return into->text;
}

struct addr_prefix addr_client(const struct addr *addr)
{
	struct addr_prefix client = { .net = *addr,
				      .bits = (uint8_t)(family_len(addr->family) * 8) };

	client.net.port = 0;
	if (addr->family == ADDR_IPV6 && !is_link_local(addr->bytes)) {
		client.bits = 64;
		memset(client.net.bytes + 8, 0, 8);
	}
	return client;
}

const char *addr_client_to_text(const struct addr *addr, struct addr_text *into)
{
	const struct addr_prefix client = addr_client(addr);

	return client.bits == 64 ? addr_prefix_to_text(&client, into)
				 : addr_to_text(&client.net, into);
}

bool addr_prefix_covers(const struct addr_prefix *prefix, const struct addr *addr)
{
	return prefix->net.family == addr->family &&
	       same_bits(prefix->net.bytes, addr->bytes, prefix->bits);
}
