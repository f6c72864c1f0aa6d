#include "base/hash.h"

#include <assert.h>
#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "base/random.h"
#include "base/sip.h"

void hash_key_draw(struct hash_key *ret_key)
{
	random_bytes(ret_key, sizeof(*ret_key));
}

static inline uint64_t end_with(struct sip *sip, uint64_t last_word)
{
	sip_word(sip, last_word);
	return sip_end(sip);
}

static inline uint64_t load(const uint8_t *at)
{
	uint64_t word;
	memcpy(&word, at, 8);
	return word;
}

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t len)
{
	struct sip sip = sip_begin(key->k0, key->k1);
	const uint8_t *at = bytes;
	uint64_t word;

	for (size_t left = len / 8; left > 0; left--, at += 8) {
		memcpy(&word, at, 8);
		sip_word(&sip, le64toh(word));
	}
	word = (uint64_t)(len & 0xff) << 56;
	const size_t left = len % 8;
	if (left > 0 && len > 8) /* once more with some of those before */
		word |= le64toh(load(at - (8 - left))) >> (64 - 8 * left);
	else
		for (size_t i = 0; i < left; i++)
			word |= (uint64_t)at[i] << (8 * i);
	return end_with(&sip, word);
}

/* --- of the process ------------------------------------------------------------------------ */

#define WORDS (HASH_LOWERED_MAX / 8)
static struct {
	bool is_drawn;
	uint64_t more[2];
	uint64_t words[WORDS + 1][4]; /* for each word of a string, and for its length */
} secret;

void hash_draw_secret(void)
{
	if (secret.is_drawn)
		return;
	random_bytes(secret.more, sizeof(secret.more));
	random_bytes(secret.words, sizeof(secret.words));
	secret.is_drawn = true;
}

/* Eight letters at once. Of bytes below 128 one addition tells by the top bit who is 'A' or more,
 * another who is more than 'Z'; the others have that bit and are let be. */
static inline uint64_t lower(uint64_t word)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = 0x80 * ones;
	const uint64_t low = word & ~tops;
	const uint64_t is_upper =
		(low + (0x80 - 'A') * ones) & ~(low + (0x7f - 'Z') * ones) & ~word & tops;

	return word | is_upper >> 2; /* 0x20 makes it small */
}

static inline uint64_t lower_to(uint8_t *to, uint64_t word)
{
	word = lower(word);
	memcpy(to, &word, 8);
	return word;
}

/* The `left` bytes (fewer than eight) at the end of a string, as a number. */
static uint64_t lower_rest(uint8_t *to, const uint8_t *from, size_t left)
{
	uint64_t word = 0;

	for (size_t i = 0; i < left; i++)
		word |= (uint64_t)from[i] << (8 * i);
	word = lower(word);
	for (size_t i = 0; i < left; i++)
		to[i] = (uint8_t)(word >> (8 * i));
	return word;
}

/* Two sums of products of half words, each with a secret number added: strongly universal in their
 * upper halves (Thorup, "High speed hashing for integers and strings", section 3.5). */
struct sums {
	uint64_t a, b;
};

static inline void add_word(struct sums *sums, const uint64_t key[4], uint64_t word)
{
	const uint64_t low = (uint32_t)word, high = word >> 32;

	sums->a += (key[0] + low) * (key[1] + high);
	sums->b += (key[2] + low) * (key[3] + high);
}

/* Names that differ in a number would lie at even distances: nothing of that is left. What was
 * different stays so. */
static inline uint64_t finish(uint64_t hash)
{
	hash ^= hash >> 32;
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

uint64_t hash_lowered(uint8_t *to, const uint8_t *from, size_t len)
{
	const size_t whole = len / 8, left = len % 8;
	struct sums sums = { 0, 0 };
	uint64_t last = 0;

	assert(len <= HASH_LOWERED_MAX);
	hash_draw_secret();
	add_word(&sums, secret.words[WORDS], len);
	for (size_t i = 0; i < whole; i++)
		add_word(&sums, secret.words[i], lower_to(to + 8 * i, load(from + 8 * i)));
	if (left > 0 && whole > 0) /* once more over some: what is lower case stays so */
		last = le64toh(lower_to(to + len - 8, load(from + len - 8))) >> (64 - 8 * left);
	else if (left > 0)
		last = lower_rest(to, from, left);
	if (left > 0)
		add_word(&sums, secret.words[whole], last);
	return finish((sums.a & ~(uint64_t)UINT32_MAX) | sums.b >> 32);
}

uint64_t hash_with(uint64_t hash, uint64_t number)
{
	hash_draw_secret();
	hash += (secret.more[0] + (uint32_t)number) * (secret.more[1] + (number >> 32));
	return hash ^ hash >> 32;
}
