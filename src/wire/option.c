#include "wire/option.h"

#include "wire/type.h"

bool option_next(struct cursor *cursor, struct edns_option *ret_option)
{
	if (cursor->failed || cursor_left(cursor) == 0)
		return false;
	ret_option->code = cursor_u16(cursor);
	ret_option->len = cursor_u16(cursor);
	ret_option->data = cursor_bytes(cursor, ret_option->len);
	return !cursor->failed;
}

bool option_is_of_one_hop(uint16_t code)
{
	return code == OPTION_COOKIE || code == OPTION_KEEPALIVE || code == OPTION_PADDING;
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

		if (!goes_on(option.code, is_private) || room < 4u + option.len)
			continue;
		cursor_put_u16(&copy, option.code);
		cursor_put_u16(&copy, option.len);
		cursor_put(&copy, option.data, option.len);
	}
	return cursor_written(&copy);
}
