/* policy/access.h: who may ask. The longest prefix decides; nothing matches: refuse. */
#pragma once

#include "conf/conf.h"

struct access; /* compiled, immutable */
/** NULL when memory is short. Keeps nothing of `conf`. */
struct access *access_new(const struct conf *conf);
void access_free(struct access *access); /* NULL is fine */
enum access_action access_judge(const struct access *access, const struct addr *client);
