/* mix.h: which questions a load is made of. All are equally long, so that many can go out as one
 * send: three labels, of which the first tells the kind and the number. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIX_NAME_LEN 24u
#define MIX_QUESTION_LEN 40u /* header, name, type, class */
#define MIX_ABSENT 1000u     /* names that do not exist */

#define MIX_COURIER_NAME "\7courier\4push\5apple\3com"

enum mix_kind {
	MIX_HOT,   /* one of `hot` names, which a cache knows after a while */
	MIX_FRESH, /* a name nobody asked before */
	MIX_ABSENT_NAME,
	MIX_COURIER, /* courier.push.apple.com: an alias that leads to nothing */
};

struct mix {
	uint32_t hot;
	bool is_zipf, is_sweep; /* sweep: each name that is not fresh once, then no more */
	unsigned fresh_percent, absent_percent, courier_percent;
	uint32_t next_fresh, next_sweep; /* numbers of names */
	uint64_t random;
	uint32_t *ranks; /* by mix_init() */
};

struct mix_asked {
	enum mix_kind kind;
	uint32_t number;
};

/** What is set above it stays. Ends the program where memory is short. */
void mix_init(struct mix *mix);
/** False where a sweep is over. */
bool mix_draw(struct mix *mix, struct mix_asked *ret_asked);
/** MIX_QUESTION_LEN bytes; what is behind them. */
uint8_t *mix_put(uint8_t *at, uint16_t id, const struct mix_asked *asked);
/** Whether it can be the answer of an upstream as origin.c: header and name always, of one in
 * sixteen the record too. */
bool mix_is_right(const struct mix_asked *asked, const uint8_t *wire, size_t wire_len);
/** The same of a reply without its question at hand. */
bool mix_is_right_by_itself(const uint8_t *wire, size_t wire_len);
/** False for a name that is not of this making. */
bool mix_read(const uint8_t *name, size_t name_len, struct mix_asked *ret_asked);
