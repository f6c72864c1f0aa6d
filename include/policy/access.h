/* policy/access.h: who may ask, and whose word is taken. The longest prefix decides who
 * may; nothing matches: refuse. */
#pragma once

#include "conf/conf.h"

struct access; /* compiled, immutable */
/** NULL when memory is short. Keeps nothing of `conf`. */
struct access *access_new(const struct conf *conf);
void access_free(struct access *access); /* NULL is fine */
enum access_action access_judge(const struct access *access, const struct addr *client);
/** What the client says of whom it asks for (EDNS options with a hardware address) is believed:
 * it lies in one of conf->trusted. */
bool access_trusts(const struct access *access, const struct addr *client);
