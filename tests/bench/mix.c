#include "mix.h"

#include <err.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../faults/packet.h"
#include "../faults/serve.h"

#define RANKS 65536u
#define ZONES 1000u /* so that no limit on what one zone may have in flight is met */
#define NUMBER_MASK 0xfffffffu
#define NUMBER_DIGITS 7u
#define NUMBER_AT 2u /* in the name: behind a length and the kind */

static const uint8_t template[MIX_NAME_LEN] = "\10h0000000\5z0000\7example";
static const char kinds[] = "hfx"; /* by enum mix_kind */

/* How often the name of rank r is asked for goes by 1/r. */
static void draw_ranks(struct mix *mix)
{
	mix->ranks = malloc(RANKS * sizeof(*mix->ranks));
	if (mix->ranks == NULL)
		err(1, "memory");
	for (unsigned at = 0; at < RANKS; at++) {
		double share = (double)(serve_random(&mix->random) >> 11) * 0x1p-53;

		mix->ranks[at] = (uint32_t)exp(share * log(mix->hot)) - 1;
	}
}

void mix_init(struct mix *mix)
{
	if (mix->is_zipf && mix->hot > 0)
		draw_ranks(mix);
}

static bool draw_swept(struct mix *mix, struct mix_asked *asked)
{
	uint32_t number = mix->next_sweep++;

	*asked = (struct mix_asked){ MIX_HOT, number };
	if (number < mix->hot)
		return true;
	number -= mix->hot;
	if (mix->absent_percent > 0) {
		*asked = (struct mix_asked){ MIX_ABSENT_NAME, number };
		if (number < MIX_ABSENT)
			return true;
		number -= MIX_ABSENT;
	}
	*asked = (struct mix_asked){ MIX_COURIER, 0 };
	return mix->courier_percent > 0 && number == 0;
}

bool mix_draw(struct mix *mix, struct mix_asked *asked)
{
	if (mix->is_sweep)
		return draw_swept(mix, asked);
	const uint64_t random = serve_random(&mix->random);
	const uint32_t low = (uint32_t)random;
	unsigned percent = (unsigned)((random >> 32) % 100);

	if (percent < mix->fresh_percent) {
		*asked = (struct mix_asked){ MIX_FRESH, mix->next_fresh++ & NUMBER_MASK };
		return true;
	}
	percent -= mix->fresh_percent;
	if (percent < mix->absent_percent) {
		*asked = (struct mix_asked){ MIX_ABSENT_NAME, low % MIX_ABSENT };
		return true;
	}
	percent -= mix->absent_percent;
	if (percent < mix->courier_percent)
		*asked = (struct mix_asked){ MIX_COURIER, 0 };
	else
		*asked = (struct mix_asked){ MIX_HOT, mix->ranks != NULL ? mix->ranks[low % RANKS]
									 : low % mix->hot };
	return true;
}

static void put_hex(uint8_t *at, unsigned digits, uint32_t number)
{
	for (; digits-- > 0; number >>= 4)
		at[digits] = (uint8_t) "0123456789abcdef"[number & 15];
}

static void put_name(uint8_t *at, const struct mix_asked *asked)
{
	if (asked->kind == MIX_COURIER) {
		memcpy(at, MIX_COURIER_NAME, MIX_NAME_LEN);
		return;
	}
	memcpy(at, template, MIX_NAME_LEN);
	at[1] = (uint8_t)kinds[asked->kind];
	put_hex(at + NUMBER_AT, NUMBER_DIGITS, asked->number);
	put_hex(at + 11, 4, asked->number % ZONES);
}

uint8_t *mix_put(uint8_t *at, uint16_t id, const struct mix_asked *asked)
{
	uint8_t name[MIX_NAME_LEN];

	put_name(name, asked);
	return at + packet_ask(at, id, name, MIX_NAME_LEN, PACKET_A);
}

bool mix_read(const uint8_t *name, size_t name_len, struct mix_asked *asked)
{
	if (name_len != MIX_NAME_LEN)
		return false;
	*asked = (struct mix_asked){ MIX_COURIER, 0 };
	if (packet_is_below(name, name_len, (const uint8_t *)MIX_COURIER_NAME, MIX_NAME_LEN))
		return true;
	/* letters may have been changed into capitals on the way */
	const char *kind = strchr(kinds, name[1] | 0x20);

	if (name[0] != template[0] || kind == NULL || *kind == '\0')
		return false;
	asked->kind = (enum mix_kind)(kind - kinds);
	for (unsigned at = NUMBER_AT; at < NUMBER_AT + NUMBER_DIGITS; at++) {
		const uint8_t digit = name[at] | 0x20;

		asked->number =
			asked->number << 4 | (digit >= 'a' ? digit - 'a' + 10u : digit & 15u);
	}
	return true;
}

static bool has_right_counts(enum mix_kind kind, const uint8_t *wire)
{
	const unsigned rcode = wire[3] & 15u, answers = packet_get16(wire + 6);

	if ((wire[2] & 0x82) != 0x80) /* QR, and not TC */
		return false;
	if (kind == MIX_ABSENT_NAME)
		return rcode == 3 && answers == 0;
	return rcode == 0 && answers == 1;
}

bool mix_is_right(const struct mix_asked *asked, const uint8_t *wire, size_t wire_len)
{
	uint8_t name[MIX_NAME_LEN];

	if (wire_len < MIX_QUESTION_LEN || !has_right_counts(asked->kind, wire))
		return false;
	put_name(name, asked);
	if (memcmp(wire + PACKET_HEADER, name, MIX_NAME_LEN) != 0)
		return false;
	if ((asked->number & 15) != 0 || asked->kind == MIX_ABSENT_NAME ||
	    asked->kind == MIX_COURIER)
		return true;
	return packet_judge(wire, wire_len, name, MIX_NAME_LEN) == VERDICT_RIGHT;
}

bool mix_is_right_by_itself(const uint8_t *wire, size_t wire_len)
{
	struct mix_asked asked;

	return wire_len >= MIX_QUESTION_LEN &&
	       mix_read(wire + PACKET_HEADER, MIX_NAME_LEN, &asked) &&
	       mix_is_right(&asked, wire, wire_len);
}
