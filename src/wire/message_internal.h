/* message_internal.h: what the parts of message share: numbers, records, names. */
#pragma once

#include "wire/message.h"
#include "wire/rdata.h"

static inline uint16_t message_get_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void message_set_u16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline uint32_t message_get_u32(const uint8_t *at)
{
	return (uint32_t)message_get_u16(at) << 16 | message_get_u16(at + 2);
}

static inline void message_set_u32(uint8_t *at, uint32_t value)
{
	message_set_u16(at, (uint16_t)(value >> 16));
	message_set_u16(at + 2, (uint16_t)value);
}

/* RFC 2181 section 8: one with its top bit set means 0. */
static inline uint32_t message_ttl_meant(uint32_t ttl)
{
	return ttl > INT32_MAX ? 0 : ttl;
}

/** Reads what stands behind its owner: `type_at` and nine more bytes are in the message. Returns
 * the offset behind it, which may be beyond the message. */
static inline size_t message_record_read(const uint8_t *wire, size_t type_at,
					 struct message_record *record)
{
	record->type = message_get_u16(wire + type_at);
	record->class = message_get_u16(wire + type_at + 2);
	record->ttl_at = type_at + 4;
	record->ttl = message_get_u32(wire + record->ttl_at);
	record->rdata_len = message_get_u16(wire + type_at + 8);
	record->rdata_at = type_at + 10;
	record->next = record->rdata_at + record->rdata_len;
	return record->next;
}

static inline struct rdata message_record_rdata(const uint8_t *wire, size_t wire_len,
						const struct message_record *record)
{
	return (struct rdata){ .wire = wire,
			       .wire_len = wire_len,
			       .at = record->rdata_at,
			       .len = record->rdata_len,
			       .type = record->type,
			       .class = record->class };
}

/** Where the name that stands at `at` ends: the offset of its root label or of its pointer, 0 where
 * it does not end in the message. */
size_t message_name_end(const uint8_t *wire, size_t wire_len, size_t at);
