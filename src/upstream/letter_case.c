#include "upstream/letter_case.h"

#include <string.h>

#include "base/random.h"
#include "wire/message.h"

void letter_case_draw(struct letter_case *letters, size_t name_len)
{
	letters->is_random = true;
	random_bytes(letters->flips, (name_len + 7) / 8);
}

/* Lengths of labels are below any letter. */
void letter_case_flip(const struct letter_case *letters, uint8_t *name, size_t name_len)
{
	for (size_t i = 0; i < name_len; i++) {
		const uint8_t lower = name[i] | 0x20u;

		if (lower >= 'a' && lower <= 'z' && (letters->flips[i / 8] >> i % 8 & 1) != 0)
			name[i] ^= 0x20u;
	}
}

bool letter_case_take_back(const struct letter_case *letters, const uint8_t *name, size_t name_len,
			   uint8_t *wire, size_t wire_len)
{
	uint8_t sent[NAME_MAX_LEN];

	if (!letters->is_random)
		return true;
	memcpy(sent, name, name_len);
	letter_case_flip(letters, sent, name_len);
	if (memcmp(wire + MESSAGE_HEADER_LEN, sent, name_len) != 0)
		return false;
	message_set_case(wire, wire_len, name, name_len);
	return true;
}
