#include "side/web_request.h"

#include <string.h>
#include <strings.h>

#include "base/addr.h"

#define PORT_DIGITS_MAX 5u

/* --- the target ---------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at =
		c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* One byte of a path, and how many it was written with; 0: none that a path has. */
static size_t read_byte(const char *at, char *ret_byte)
{
	size_t len = 1;

	*ret_byte = *at;
	if (*at == '%') {
		const int high = hex_digit(at[1]);
		const int low = high < 0 ? -1 : hex_digit(at[2]);

		if (low < 0)
			return 0;
		*ret_byte = (char)(high * 16 + low);
		len = 3;
	}
	return *ret_byte > ' ' && *ret_byte <= '~' ? len : 0;
}

static bool read_path(const char *text, char ret_path[WEB_REQUEST_PATH_MAX])
{
	size_t at = 0;

	while (text[0] != '\0' && text[0] != '?' && text[0] != '#') {
		const size_t len = read_byte(text, &ret_path[at]);

		if (len == 0 || ++at == WEB_REQUEST_PATH_MAX)
			return false;
		text += len;
	}
	ret_path[at] = '\0';
	return true;
}

bool web_request_read_target(const char *text, struct web_request_target *ret_target)
{
	static const char scheme[] = "http://";

	*ret_target = (struct web_request_target){ .path = "/" };
	if (strncasecmp(text, scheme, sizeof(scheme) - 1) == 0) {
		text += sizeof(scheme) - 1;
		ret_target->authority = text;
		ret_target->authority_len = strcspn(text, "/?#");
		text += ret_target->authority_len;
		if (text[0] != '/')
			return true;
	}
	return text[0] == '/' && read_path(text, ret_target->path);
}

/* --- the host ------------------------------------------------------------------------------ */

static bool is_port(const char *text, size_t len)
{
	if (len > PORT_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
	}
	return true;
}

/* Of an address, its interface would be looked up and its port is another's: neither stands in a
 * host. */
static bool is_address(const char *text, enum addr_family family)
{
	struct addr addr;

	return text[strcspn(text, "%@")] == '\0' && addr_parse(text, 1, &addr) == 0 &&
	       (strchr(text, ':') != NULL) == (family == ADDR_IPV6);
}

static bool is_own_name(const char *text, const struct conf_name *names, size_t count)
{
	static const uint8_t localhost[] = "\11localhost";
	uint8_t wire[NAME_MAX_LEN];
	size_t len;

	if (strchr(text, '\\') != NULL || name_from_text(text, wire, &len) != 0)
		return false;
	if (name_equal(wire, localhost))
		return true;
	for (size_t i = 0; i < count; i++) {
		if (name_equal(wire, names[i].wire))
			return true;
	}
	return false;
}

bool web_request_is_own_host(const char *host, size_t len, const struct conf_name *names,
			     size_t count)
{
	char text[NAME_MAX_LEN + 1];
	const bool has_brackets = len > 0 && host[0] == '[';
	const char *end = memchr(host, has_brackets ? ']' : ':', len);
	const size_t host_len = end == NULL ? len : (size_t)(end - host);
	size_t rest = len - host_len;

	if (host_len >= sizeof(text) || memchr(host, '\0', len) != NULL)
		return false;
	if (has_brackets && (end == NULL || (rest > 1 && end[1] != ':')))
		return false;
	rest -= has_brackets ? 1 : 0;
	if (rest > 0 && !is_port(host + len - rest + 1, rest - 1))
		return false;
	memcpy(text, host + has_brackets, host_len - has_brackets);
	text[host_len - has_brackets] = '\0';
	if (has_brackets)
		return is_address(text, ADDR_IPV6);
	return is_address(text, ADDR_IPV4) || is_own_name(text, names, count);
}
