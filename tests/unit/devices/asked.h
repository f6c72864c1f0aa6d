/* asked.h: what devices ask and are told, handed to a timeline whose time the test moves. */
#pragma once

#include <string.h>

#include "devices/timeline.h"
#include "unit.h"
#include "wire/type.h"

struct asked {
	struct clock clock;
	struct stats stats;
	struct timeline *timeline;
	enum told_by by;	     /* of all that is told from here on */
	const char *hardware;	     /* six bytes that come with each question; or NULL */
	struct device_report report; /* of asked_find() */
	const char *wanted;
	unsigned found;
};

static inline struct asked *asked_new(uint32_t limit)
{
	struct asked *asked = unit_zalloc(sizeof(*asked));

	asked->clock.now_us = 5 * USEC_PER_SEC;
	asked->timeline =
		unit_own(timeline_new(limit, 1, &asked->clock, &asked->stats), timeline_free);
	assert_non_null(asked->timeline);
	return asked;
}

static inline void asked_pass(struct asked *asked, double seconds)
{
	asked->clock.now_us += (uint64_t)(seconds * USEC_PER_SEC + 0.5);
}

/* A reply with one record of the answer: the question, and behind a pointer to it the RDATA. */
static inline size_t asked_reply(uint8_t *out, const uint8_t *name, size_t name_len, uint16_t type,
				 const uint8_t *rdata, size_t rdata_len)
{
	const uint8_t head[] = { 0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0 };
	const uint8_t question[] = { (uint8_t)(type >> 8), (uint8_t)type, 0, 1 };
	const uint8_t ttl[] = { 0, 0, 0, 60, 0, (uint8_t)rdata_len };
	uint8_t *at = out;

	memcpy(at, head, sizeof(head));
	at += sizeof(head);
	memcpy(at, name, name_len);
	at += name_len;
	memcpy(at, question, sizeof(question));
	at += sizeof(question);
	*at++ = 0xc0;
	*at++ = 12;
	memcpy(at, question, sizeof(question));
	at += sizeof(question);
	memcpy(at, ttl, sizeof(ttl));
	at += sizeof(ttl);
	memcpy(at, rdata, rdata_len);
	return (size_t)(at - out) + rdata_len;
}

/* With `address` the answer has it. */
static inline void asked_note(struct asked *asked, const char *who, const char *what, uint16_t type,
			      enum told told, const char *address)
{
	uint8_t name[NAME_MAX_LEN], wire[600];
	struct timeline_event event = { .name = name,
					.type = type,
					.told = told,
					.by = asked->by,
					.hardware = (const uint8_t *)asked->hardware };
	struct addr client, told_address;

	assert_int_equal(addr_parse(who, 40000, &client), 0);
	assert_int_equal(name_from_text(what, name, &event.name_len), 0);
	if (!stage_find(name, event.name_len, &event.match))
		return; /* which query/ sees to */
	event.client = &client;
	if (told == TOLD_FAILED)
		event.rcode = RCODE_SERVFAIL;
	if (told == TOLD_NXDOMAIN || told == TOLD_DANGLING_NXDOMAIN)
		event.rcode = RCODE_NXDOMAIN;
	if (address != NULL) {
		assert_int_equal(addr_parse(address, 53, &told_address), 0);
		event.wire_len = asked_reply(wire, name, event.name_len, type, told_address.bytes,
					     told_address.family == ADDR_IPV4 ? 4 : 16);
		event.wire = wire;
	}
	timeline_note(asked->timeline, &event);
}

static inline void asked_look(void *ctx, const struct device_report *report)
{
	struct asked *asked = ctx;

	if (!timeline_walk_is_called(report, asked->wanted))
		return;
	asked->report = *report;
	asked->found++;
}

/* Its report is in asked->report. */
static inline bool asked_find(struct asked *asked, const char *who)
{
	asked->wanted = who;
	asked->found = 0;
	timeline_walk(asked->timeline, asked_look, asked);
	return asked->found == 1;
}
