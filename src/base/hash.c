#include "base/hash.h"

#include <endian.h>
#include <string.h>

#include "base/random.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

static inline void sip_round(struct sip *sip)
{
	sip->v0 += sip->v1;
	sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
	sip->v0 = rotate(sip->v0, 32);
	sip->v2 += sip->v3;
	sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
	sip->v0 += sip->v3;
	sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
	sip->v2 += sip->v1;
	sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
	sip->v2 = rotate(sip->v2, 32);
}

static inline void sip_word(struct sip *sip, uint64_t word)
{
	sip->v3 ^= word;
	sip_round(sip);
	sip->v0 ^= word;
}

void hash_key_draw(struct hash_key *ret_key)
{
	random_bytes(ret_key, sizeof(*ret_key));
}

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t len)
{
	/* "somepseudorandomlygeneratedbytes", as the paper has it */
	struct sip sip = {
		.v0 = key->k0 ^ 0x736f6d6570736575u,
		.v1 = key->k1 ^ 0x646f72616e646f6du,
		.v2 = key->k0 ^ 0x6c7967656e657261u,
		.v3 = key->k1 ^ 0x7465646279746573u,
	};
	const uint8_t *at = bytes;
	uint64_t word;

	for (size_t left = len / 8; left > 0; left--, at += 8) {
		memcpy(&word, at, 8);
		sip_word(&sip, le64toh(word));
	}
	word = (uint64_t)(len & 0xff) << 56;
	for (size_t i = 0; i < len % 8; i++)
		word |= (uint64_t)at[i] << (8 * i);
	sip_word(&sip, word);

	sip.v2 ^= 0xff;
	sip_round(&sip);
	sip_round(&sip);
	sip_round(&sip);
	return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}
