/* app/doctor_reply.h: what stands in a reply, as far as the doctor looks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "app/doctor_ask.h"
#include "base/addr.h"
#include "wire/name.h"

/** Reads what has come, wire and facts, into the fields from rcode to inner. The shape is what
 * became of Apple's alias where that was asked for. Else it is what should be NOERROR and is not,
 * or a sinkhole. */
void doctor_reply_read(struct doctor_ask *ask);

/** NOERROR, data, and nobody's address in it. */
bool doctor_reply_is_good(const struct doctor_ask *ask);
/** 0.0.0.0/8, ::, or a loopback address: whoever connects to it meets itself. */
bool doctor_reply_leads_nowhere(const struct addr *addr);
/** It has an address that can be gone to. */
bool doctor_reply_leads_on(const struct doctor_ask *ask);
/** The strings of the first TXT record of the answer that begins with `begin`, in a row, with what
 * is not printable left out. False where there is none, or no reply. */
bool doctor_reply_txt(const struct doctor_ask *ask, const char *begin, char *ret_text, size_t max);
/** The question comes back in the letter case it was asked in. */
bool doctor_reply_same_case(const struct doctor_ask *ask);
