/* made_chain.h: replies made of a few bytes each, so that all kinds of chains come up soon: in any
 * order, with names in another case, compressed in other ways, in circles, with data anywhere.
 *
 *   byte 0     what is asked (3 bits), rcode (2), SOA (1), class ANY (1), OPT (1)
 *   then two bytes a record of the answer section:
 *   owner      name (3), upper case (1), way of writing it (2), class (2)
 *   target     name (3), upper case (1), way of writing it (2), type (2)
 */
#pragma once

#include <string.h>

#include "wire/cursor.h"
#include "wire/message.h"

#define MADE_CHAIN_RECORDS 60u
#define MADE_CHAIN_MAX 8192u

struct made_chain {
	struct cursor_out out;
	uint16_t last[8][2]; /* where each name stood last, by case; 0: nowhere */
	uint8_t depth[8][2]; /* so many pointers lead on from there: more than a few are bad */
	uint16_t zone_at;    /* where the end that all names share stood first */
};

/* "a".."h", below the zone x.y. */
static inline void made_chain_put_name(struct made_chain *chain, unsigned bits)
{
	const unsigned which = bits & 7, upper = bits >> 3 & 1;
	const uint8_t first[2] = { 1, (uint8_t)((upper ? 'A' : 'a') + which) };
	const uint16_t at = (uint16_t)cursor_written(&chain->out);
	const uint16_t last = chain->last[which][upper];

	/* whole; the same name; that name, whatever its case; its first label and the zone */
	switch (bits >> 4 & 3) {
	case 1:
		if (last != 0) {
			cursor_put_u16(&chain->out, 0xc000u | last);
			if (chain->depth[which][upper]++ < 3)
				chain->last[which][upper] = at;
			return;
		}
		break;
	case 2:
		if (chain->last[which][1 - upper] != 0) {
			cursor_put_u16(&chain->out, 0xc000u | chain->last[which][1 - upper]);
			return;
		}
		break;
	case 3:
		if (chain->zone_at != 0) {
			cursor_put(&chain->out, first, 2);
			cursor_put_u16(&chain->out, 0xc000u | chain->zone_at);
			chain->last[which][upper] = at;
			return;
		}
		break;
	default:
		break;
	}
	cursor_put(&chain->out, first, 2);
	if (chain->zone_at == 0)
		chain->zone_at = (uint16_t)cursor_written(&chain->out);
	cursor_put(&chain->out, "\1x\1Y", 5);
	chain->last[which][upper] = at;
}

static inline void made_chain_put_head(struct made_chain *chain, unsigned type, unsigned class,
				       size_t len)
{
	cursor_put_u16(&chain->out, (uint16_t)type);
	cursor_put_u16(&chain->out, (uint16_t) class);
	cursor_put_u32(&chain->out, 60);
	cursor_put_u16(&chain->out, (uint16_t)len);
}

static inline void made_chain_put_record(struct made_chain *chain, const uint8_t *bits,
					 unsigned asked)
{
	static const unsigned classes[] = { CLASS_IN, CLASS_IN, CLASS_IN, CLASS_CH };
	static const uint8_t address[16] = { 0x20, 1 };
	const unsigned types[] = { TYPE_CNAME, asked, TYPE_CNAME, 65280 };
	unsigned type = types[bits[1] >> 6];

	if (type == TYPE_ANY)
		type = TYPE_TXT;
	made_chain_put_name(chain, bits[0]);
	const size_t head_at = cursor_written(&chain->out);
	made_chain_put_head(chain, type, classes[bits[0] >> 6], 0);
	if (type == TYPE_CNAME)
		made_chain_put_name(chain, bits[1]);
	else if (type == TYPE_TXT)
		cursor_put(&chain->out, "\1t", 2);
	else if (type == TYPE_HTTPS)
		cursor_put(&chain->out, "\0\1", 3);
	else
		cursor_put(&chain->out, address, type == TYPE_AAAA ? 16 : 4);
	if (bits[1] == 0xbf) /* of a CNAME: one byte too many */
		cursor_put_u8(&chain->out, 0);
	if (!chain->out.failed)
		chain->out.start[head_at + 9] =
			(uint8_t)(cursor_written(&chain->out) - head_at - 10);
}

/** Returns its length. */
static inline size_t made_chain(const uint8_t *bits, size_t size, uint8_t out[MADE_CHAIN_MAX])
{
	static const unsigned asked[] = { TYPE_A,   TYPE_AAAA, TYPE_HTTPS, TYPE_CNAME,
					  TYPE_ANY, TYPE_TXT,  65280,	   TYPE_A };
	static const unsigned rcodes[] = { RCODE_NOERROR, RCODE_NXDOMAIN, RCODE_NOERROR,
					   RCODE_REFUSED };
	struct made_chain chain = { .out = cursor_into(out, MADE_CHAIN_MAX) };
	const unsigned how = size > 0 ? bits[0] : 0, type = asked[how & 7];
	size_t records = size > 0 ? (size - 1) / 2 : 0;

	if (records > MADE_CHAIN_RECORDS)
		records = MADE_CHAIN_RECORDS;
	cursor_put_u16(&chain.out, 0x1234);
	cursor_put_u16(&chain.out, (uint16_t)(FLAG_QR | FLAG_RD | FLAG_RA | rcodes[how >> 3 & 3]));
	cursor_put_u16(&chain.out, 1);
	cursor_put_u16(&chain.out, (uint16_t)records);
	cursor_put_u16(&chain.out, how >> 5 & 1);
	cursor_put_u16(&chain.out, how >> 7);
	made_chain_put_name(&chain, 0);
	cursor_put_u16(&chain.out, (uint16_t)type);
	cursor_put_u16(&chain.out, (how & 0x40) != 0 ? CLASS_ANY : CLASS_IN);
	for (size_t i = 0; i < records; i++)
		made_chain_put_record(&chain, bits + 1 + 2 * i, type);
	if ((how & 0x20) != 0) {
		cursor_put_u16(&chain.out, 0xc000u | chain.zone_at);
		made_chain_put_head(&chain, TYPE_SOA, CLASS_IN, 22);
		cursor_put(&chain.out, "\0\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 22);
	}
	if ((how & 0x80) != 0) {
		cursor_put_u8(&chain.out, 0);
		made_chain_put_head(&chain, TYPE_OPT, 1232, 0);
	}
	return chain.out.failed ? 0 : cursor_written(&chain.out);
}
