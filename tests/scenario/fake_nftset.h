/* fake_nftset.h: what stands in for net/nftset in a scenario: a kernel that takes what it is given,
 * when it is told to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/nftset.h"

/* One answer's addresses. */
struct fake_put {
	struct fake_put *next; /* in the order of coming */
	const struct conf_zone *zone;
	size_t count;
	struct nftset_item items[8];
	bool is_expected; /* the player's */
};

struct fake_put *fake_nftset_puts(void);
/** From here on it takes so long; at first no time. */
void fake_nftset_set_delay(uint64_t us);
/** As at the start. */
void fake_nftset_reset(void);
