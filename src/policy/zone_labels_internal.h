/* zone_labels_internal.h: a name as zone_tree looks at it: label by label from the root on, hashed
 * so that one pass has the hashes of all its suffixes. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/sip.h"
#include "wire/name.h"

struct zone_labels {
	unsigned count;
	size_t len;		     /* of the whole name */
	uint8_t at[NAME_MAX_LABELS]; /* [0] is the leftmost, [count] the root */
};

static inline void zone_labels_find(const uint8_t *name, struct zone_labels *ret_labels)
{
	size_t at = 0;
	unsigned count = 0;

	for (; name[at] != 0; at += 1u + name[at])
		ret_labels->at[count++] = (uint8_t)at;
	ret_labels->at[count] = (uint8_t)at;
	ret_labels->count = count;
	ret_labels->len = at + 1;
}

/* The label so many labels from the root; 1 is the top-level domain. */
static inline const uint8_t *zone_labels_at(const uint8_t *name, const struct zone_labels *labels,
					    unsigned from_root)
{
	return name + labels->at[labels->count - from_root];
}

/* Up to seven bytes as a number. */
static inline uint64_t zone_labels_rest(const uint8_t *bytes, size_t len)
{
	uint32_t first, last;

	if (len < sizeof(first))
		return (uint64_t)bytes[0] | (uint64_t)bytes[len / 2] << 8 |
		       (uint64_t)bytes[len - 1] << 16;
	memcpy(&first, bytes, sizeof(first));
	memcpy(&last, bytes + len - sizeof(last), sizeof(last));
	return (uint64_t)last << 32 | first;
}

/* Its length, which comes first, tells how many words it is made of. */
static inline void zone_labels_hash(struct sip *sip, const uint8_t *label)
{
	size_t left = 1u + label[0];
	uint64_t word;

	for (; left >= sizeof(word); label += sizeof(word), left -= sizeof(word)) {
		memcpy(&word, label, sizeof(word));
		sip_word(sip, word);
	}
	if (left > 0)
		sip_word(sip, zone_labels_rest(label, left));
}

static inline uint32_t zone_labels_value(const struct sip *sip)
{
	struct sip copy = *sip;

	return (uint32_t)sip_end(&copy);
}
