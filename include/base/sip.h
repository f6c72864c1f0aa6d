/* base/sip.h: SipHash-1-3 by the word (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * 2012), for hashes of what comes in pieces, all of whose beginnings are wanted too. Everybody else
 * has hash_bytes(). */
#pragma once

#include <stdint.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

/** With a key of two words. "somepseudorandomlygeneratedbytes", as the paper has it. */
static inline struct sip sip_begin(uint64_t k0, uint64_t k1)
{
	return (struct sip){
		.v0 = k0 ^ 0x736f6d6570736575u,
		.v1 = k1 ^ 0x646f72616e646f6du,
		.v2 = k0 ^ 0x6c7967656e657261u,
		.v3 = k1 ^ 0x7465646279746573u,
	};
}

static inline uint64_t sip_rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

static inline void sip_round(struct sip *sip)
{
	sip->v0 += sip->v1;
	sip->v1 = sip_rotate(sip->v1, 13) ^ sip->v0;
	sip->v0 = sip_rotate(sip->v0, 32);
	sip->v2 += sip->v3;
	sip->v3 = sip_rotate(sip->v3, 16) ^ sip->v2;
	sip->v0 += sip->v3;
	sip->v3 = sip_rotate(sip->v3, 21) ^ sip->v0;
	sip->v2 += sip->v1;
	sip->v1 = sip_rotate(sip->v1, 17) ^ sip->v2;
	sip->v2 = sip_rotate(sip->v2, 32);
}

static inline void sip_word(struct sip *sip, uint64_t word)
{
	sip->v3 ^= word;
	sip_round(sip);
	sip->v0 ^= word;
}

/** The hash of the words so far; nothing may follow. */
static inline uint64_t sip_end(struct sip *sip)
{
	sip->v2 ^= 0xff;
	sip_round(sip);
	sip_round(sip);
	sip_round(sip);
	return sip->v0 ^ sip->v1 ^ sip->v2 ^ sip->v3;
}
