#include "wire/option.h"

#include <string.h>

#include "wire/type.h"

#define HEX_LEN 17    /* 02:00:5e:10:00:01 */
#define BASE64_LEN 8u /* of six bytes: no padding */

/* A packet may have a thousand of them, all empty. */
bool option_next(struct cursor *cursor, struct edns_option *ret_option)
{
	const uint8_t *at = cursor->at;
	const size_t left = cursor_left(cursor);

	if (cursor->failed || left == 0)
		return false;
	if (left >= OPTION_HEAD_LEN) {
		ret_option->code = (uint16_t)(at[0] << 8 | at[1]);
		ret_option->len = (uint16_t)(at[2] << 8 | at[3]);
		ret_option->data = at + OPTION_HEAD_LEN;
	}
	if (left < OPTION_HEAD_LEN || left - OPTION_HEAD_LEN < ret_option->len) {
		cursor->failed = true;
		return false;
	}
	cursor->at = ret_option->data + ret_option->len;
	return true;
}

bool option_is_of_one_hop(uint16_t code)
{
	return code == OPTION_COOKIE || code == OPTION_KEEPALIVE || code == OPTION_PADDING ||
	       code == OPTION_HARDWARE || code == OPTION_HARDWARE_TEXT || code == OPTION_CPE;
}

static int hex_digit(uint8_t letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	letter |= 0x20;
	return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

static bool read_hex(const uint8_t *text, uint8_t ret_address[OPTION_HARDWARE_LEN])
{
	for (size_t i = 0; i < OPTION_HARDWARE_LEN; i++) {
		const int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		if (i + 1 < OPTION_HARDWARE_LEN && text[3 * i + 2] != ':')
			return false;
		ret_address[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int base64_digit(uint8_t letter)
{
	if (letter >= 'A' && letter <= 'Z')
		return letter - 'A';
	if (letter >= 'a' && letter <= 'z')
		return letter - 'a' + 26;
	if (letter >= '0' && letter <= '9')
		return letter - '0' + 52;
	return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

static bool read_base64(const uint8_t *text, uint8_t ret_address[OPTION_HARDWARE_LEN])
{
	/* of four digits each time, three bytes */
	for (uint8_t *to = ret_address; to < ret_address + OPTION_HARDWARE_LEN; to += 3) {
		uint32_t bits = 0;

		for (size_t i = 0; i < 4; i++) {
			const int digit = base64_digit(*text++);

			if (digit < 0)
				return false;
			bits = bits << 6 | (uint32_t)digit;
		}
		to[0] = (uint8_t)(bits >> 16);
		to[1] = (uint8_t)(bits >> 8);
		to[2] = (uint8_t)bits;
	}
	return true;
}

static bool read_hardware(const struct edns_option *option,
			  uint8_t ret_address[OPTION_HARDWARE_LEN])
{
	if (option->code == OPTION_HARDWARE) {
		if (option->len != OPTION_HARDWARE_LEN)
			return false;
		memcpy(ret_address, option->data, OPTION_HARDWARE_LEN);
		return true;
	}
	if (option->code != OPTION_HARDWARE_TEXT)
		return false;
	if (option->len == HEX_LEN)
		return read_hex(option->data, ret_address);
	return option->len == BASE64_LEN && read_base64(option->data, ret_address);
}

bool option_read_hardware(const struct edns_option *option,
			  uint8_t ret_address[OPTION_HARDWARE_LEN])
{
	static const uint8_t nobody[OPTION_HARDWARE_LEN];

	return read_hardware(option, ret_address) &&
	       memcmp(ret_address, nobody, OPTION_HARDWARE_LEN) != 0;
}

/* RFC 4291 section 2.5.5.2; an IPv4 address has a way of its own to be told. */
static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

bool option_read_host(const struct edns_option *option, struct addr *ret_host)
{
	const uint8_t *data = option->data;

	if (option->code != OPTION_ECS || option->len < 4 || data[0] != 0 || data[3] != 0)
		return false;
	const bool is_v4 = data[1] == 1; /* RFC 7871 section 6: as IANA numbers address families */
	const uint8_t len = is_v4 ? 4 : 16;
	if ((!is_v4 && data[1] != 2) || data[2] != 8 * len || option->len != 4 + len)
		return false;
	if (!is_v4 && memcmp(data + 4, mapped, sizeof(mapped)) == 0)
		return false;
	*ret_host = (struct addr){ .family = is_v4 ? ADDR_IPV4 : ADDR_IPV6 };
	memcpy(ret_host->bytes, data + 4, len);
	return !addr_is_wildcard(ret_host);
}

static bool goes_on(uint16_t code, bool is_private)
{
	return code == OPTION_EDE || (is_private && !option_is_of_one_hop(code));
}

size_t option_relay(const uint8_t *options, size_t len, bool is_private, uint8_t *out,
		    size_t out_max)
{
	struct cursor cursor = cursor_over(options, len);
	struct cursor_out copy = cursor_into(out, out_max);
	struct edns_option option;

	while (option_next(&cursor, &option)) {
		const size_t room = out_max - cursor_written(&copy);
		const size_t whole_len = OPTION_HEAD_LEN + (size_t)option.len;

		if (goes_on(option.code, is_private) && room >= whole_len)
			cursor_put(&copy, option.data - OPTION_HEAD_LEN, whole_len);
	}
	return cursor_written(&copy);
}
