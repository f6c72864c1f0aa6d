#include "wire/name.h"

#include <string.h>

#define HEADER_LEN 12 /* of a message: no name can start in it */
#define LABEL_MAX_LEN 63
#define POINTER_BITS 0xc0

static uint8_t lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One byte of a label, escaped or not; moves *text behind it. */
static int read_byte(const char **text, uint8_t *ret_byte)
{
	const char *at = *text;

	if (*at != '\\') {
		*ret_byte = (uint8_t)*at;
		*text = at + 1;
		return 0;
	}
	at++;
	if (*at == '\0')
		return ERR_MALFORMED;
	if (!is_digit(*at)) {
		*ret_byte = (uint8_t)*at;
		*text = at + 1;
		return 0;
	}
	if (!is_digit(at[1]) || !is_digit(at[2]))
		return ERR_MALFORMED;
	int value = (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0');
	if (value > 255)
		return ERR_MALFORMED;
	*ret_byte = (uint8_t)value;
	*text = at + 3;
	return 0;
}

int name_from_text(const char *text, uint8_t ret_name[NAME_MAX_LEN], size_t *ret_len)
{
	uint8_t name[NAME_MAX_LEN];
	size_t len = 0;

	if (strcmp(text, ".") == 0)
		text++;
	else if (*text == '\0')
		return ERR_MALFORMED;
	while (*text != '\0') {
		const size_t label_at = len++;
		while (*text != '\0' && *text != '.') {
			/* one byte is kept for the root label */
			if (len >= NAME_MAX_LEN - 1 || read_byte(&text, &name[len]) != 0)
				return ERR_MALFORMED;
			len++;
		}
		const size_t label_len = len - label_at - 1;
		if (label_len == 0 || label_len > LABEL_MAX_LEN)
			return ERR_MALFORMED;
		name[label_at] = (uint8_t)label_len;
		if (*text == '.')
			text++;
	}
	name[len++] = 0;
	memcpy(ret_name, name, len);
	*ret_len = len;
	return 0;
}

static char *put_byte(char *at, uint8_t byte)
{
	if (byte <= 0x20 || byte >= 0x7f) {
		*at++ = '\\';
		*at++ = (char)('0' + byte / 100);
		*at++ = (char)('0' + byte / 10 % 10);
		*at++ = (char)('0' + byte % 10);
		return at;
	}
	if (byte == '.' || byte == '\\')
		*at++ = '\\';
	*at++ = (char)byte;
	return at;
}

const char *name_to_text(const uint8_t *name, struct name_text *into)
{
	char *at = into->text;

	if (*name == 0)
		*at++ = '.';
	while (*name != 0) {
		const uint8_t *label = name + 1;
		name = label + *name;
		while (label < name)
			at = put_byte(at, *label++);
		if (*name != 0)
			*at++ = '.';
	}
	*at = '\0';
	return into->text;
}

size_t name_len(const uint8_t *name)
{
	size_t len = 1;
	while (name[len - 1] != 0)
		len += 1u + name[len - 1];
	return len;
}

unsigned name_labels(const uint8_t *name)
{
	unsigned labels = 0;
	for (; *name != 0; name += 1u + *name)
		labels++;
	return labels;
}

const uint8_t *name_parent(const uint8_t *name)
{
	return *name == 0 ? name : name + 1u + *name;
}

void name_lower(uint8_t *to, const uint8_t *from, size_t len)
{
	/* Length bytes are at most 63, below 'A', so they need no care. */
	for (size_t i = 0; i < len; i++)
		to[i] = lower(from[i]);
}

bool name_equal(const uint8_t *a, const uint8_t *b)
{
	for (;; a++, b++) {
		uint8_t left = *a;
		if (left != *b)
			return false;
		if (left == 0)
			return true;
		for (; left > 0; left--) {
			a++, b++;
			if (lower(*a) != lower(*b))
				return false;
		}
	}
}

bool name_is_under(const uint8_t *name, const uint8_t *zone)
{
	const unsigned zone_labels = name_labels(zone);
	unsigned labels = name_labels(name);

	if (labels < zone_labels)
		return false;
	for (; labels > zone_labels; labels--)
		name = name_parent(name);
	return name_equal(name, zone);
}

uint64_t name_hash(const struct hash_key *key, const uint8_t *lowered, size_t len)
{
	return hash_bytes(key, lowered, len);
}

/* Where the pointer at `at` leads, 0 where it must not be followed: neither into the header nor to
 * `below` or beyond. */
static size_t pointer_target(const uint8_t *wire, size_t end, size_t at, size_t below)
{
	if ((wire[at] & POINTER_BITS) != POINTER_BITS || end - at < 2)
		return 0;
	const size_t target = (size_t)(wire[at] & ~POINTER_BITS & 0xff) << 8 | wire[at + 1];
	return target >= HEADER_LEN && target < below ? target : 0;
}

size_t name_check(const uint8_t *wire, size_t wire_len, size_t at)
{
	unsigned jumps_left = NAME_MAX_LABELS;

	return name_check_within(wire, wire_len, at, &jumps_left);
}

/* A name is read in pieces, from pointer to pointer. Every piece lies below the one before, with
 * its last byte too: so no way through a message comes back to where it was, and no name needs
 * bytes behind its place. */
size_t name_check_within(const uint8_t *wire, size_t wire_len, size_t at, unsigned *jumps_left)
{
	size_t len = 0, next = 0, piece_at = at, piece_end = wire_len;
	unsigned jumps = 0;

	for (;;) {
		if (at >= piece_end)
			return 0;
		const size_t byte = wire[at];
		if (byte <= LABEL_MAX_LEN) {
			at += 1 + byte;
			len += 1 + byte;
			if (at > piece_end || len > NAME_MAX_LEN)
				return 0;
			if (byte == 0)
				break;
			continue;
		}
		const size_t target = pointer_target(wire, piece_end, at, piece_at);
		if (target == 0 || ++jumps > NAME_MAX_LABELS || jumps > *jumps_left)
			return 0;
		if (jumps == 1)
			next = at + 2;
		piece_end = piece_at;
		at = piece_at = target;
	}
	*jumps_left -= jumps;
	return jumps == 0 ? at : next;
}

/* To the label that a good name's next piece begins with. */
static const uint8_t *follow_pointers(const uint8_t *wire, const uint8_t *at)
{
	while (*at >= POINTER_BITS)
		at = wire + ((size_t)(at[0] & ~POINTER_BITS & 0xff) << 8 | at[1]);
	return at;
}

int name_read(const uint8_t *wire, size_t wire_len, size_t at, uint8_t *ret_name, size_t *ret_len,
	      size_t *ret_next)
{
	const size_t next = name_check(wire, wire_len, at);
	const uint8_t *label = wire + at;
	size_t len = 0, label_len;

	if (next == 0)
		return ERR_MALFORMED;
	do {
		label = follow_pointers(wire, label);
		label_len = 1u + *label;
		if (ret_name != NULL)
			memcpy(ret_name + len, label, label_len);
		len += label_len;
		label += label_len;
	} while (label_len > 1);
	*ret_len = len;
	*ret_next = next;
	return 0;
}

bool name_is_same(const uint8_t *wire, size_t at, const uint8_t *other, size_t other_at)
{
	const uint8_t *a = wire + at, *b = other + other_at;

	for (;;) {
		a = follow_pointers(wire, a);
		b = follow_pointers(other, b);
		if (a == b) /* so are the pieces to come */
			return true;
		size_t len = *a;
		if (len != *b)
			return false;
		if (len == 0)
			return true;
		for (a++, b++; len > 0; len--, a++, b++)
			if (*a != *b && lower(*a) != lower(*b))
				return false;
	}
}
