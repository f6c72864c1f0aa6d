/* app/doctor_reply.h: what stands in a reply, as far as the doctor looks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "app/doctor_ask.h"
#include "base/addr.h"
#include "policy/classify.h"
#include "policy/squash.h"
#include "wire/name.h"

/** Only for asks that have a reply. */
enum verdict doctor_reply_verdict(const struct doctor_ask *ask);

/** Addresses in A and AAAA records of the answer, port 0; up to `max`. Returns how many. */
size_t doctor_reply_addresses(const struct doctor_ask *ask, struct addr *ret_addrs, size_t max);
/** The first address in the answer, hints of SVCB and HTTPS too, that nobody outside can mean. */
bool doctor_reply_private(const struct doctor_ask *ask, struct addr *ret_addr);
/** 0.0.0.0/8, ::, or a loopback address: whoever connects to it meets itself. */
bool doctor_reply_leads_nowhere(const struct addr *addr);
/** Target of the last CNAME in the answer. */
bool doctor_reply_last_cname(const struct doctor_ask *ask, struct name_text *ret_target);
/** Owner of the SOA. */
bool doctor_reply_soa(const struct doctor_ask *ask, struct name_text *ret_zone);
/** The strings of the first TXT record of the answer that begins with `begin`, in a row, with what
 * is not printable left out. */
bool doctor_reply_txt(const struct doctor_ask *ask, const char *begin, char *ret_text, size_t max);
/** The question comes back in the letter case it was asked in. */
bool doctor_reply_same_case(const struct doctor_ask *ask);

/** What became of Apple's alias: its question answered, or not. */
enum squash doctor_reply_squash(const struct doctor_ask *ask);
