/* policy/courier_count.h: how many couriers a family has, out of the TXT record that says so.
 *
 * The record holds attributes, KEY=VALUE in a string each (RFC 6763 section 6.4: the key in any
 * letter case, the first of a key counts), and `count` is one of them. Silent; keeps nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/message.h"

#define COURIER_COUNT_MIN 1u
#define COURIER_COUNT_MAX 999u

/** Reads a reply, which message_read() took, to a question for TXT, following its CNAMEs. False
 * where no record says a decimal number in that range. */
bool courier_count_read(const uint8_t *wire, const struct message_facts *facts,
			uint32_t *ret_count);
