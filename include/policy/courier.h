/* policy/courier.h: the families of `couriers`: which names are theirs, and what each one is.
 *
 * Compiled once, then read-only. A family is known by its index in conf->couriers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "wire/name.h"

struct courier;

/** Borrows `conf`, which must outlive it. NULL when memory is short. */
struct courier *courier_new(const struct conf *conf);
void courier_free(struct courier *courier); /* NULL is fine */

enum courier_role {
	COURIER_NONE, /* of no family */
	COURIER_ALIAS,
	COURIER_TARGET,
	COURIER_VARIANT,
	COURIER_COUNT_TXT,
};

struct courier_match {
	enum courier_role role;
	unsigned family;  /* of several that share a count_txt, the first in conf->couriers */
	unsigned variant; /* of a variant: which of the family's templates */
	uint32_t n;	  /* of a variant: 0 to CONF_COURIER_N_MAX, whatever the range in use */
};

/** Tells whose name it is and what it is there; false, and the role COURIER_NONE, for a name of no
 * family. `name` is in lower case, `len` its length with the root label. Names below one of these
 * are none of these; nor are those whose number has a zero before it. Costs a look at the name's
 * end, and where that is like one of these a hash or two, however many families there are. */
bool courier_find(const struct courier *courier, const uint8_t *name, size_t len,
		  struct courier_match *ret_match);

/** Writes the name that template `variant` of the family makes with `n`, which is at most
 * CONF_COURIER_N_MAX, in lower-case wire form. Returns its length. */
size_t courier_write_variant(const struct courier *courier, unsigned family, unsigned variant,
			     uint32_t n, uint8_t ret_name[NAME_MAX_LEN]);

const char *courier_role_text(enum courier_role role); /* "alias", "variant", ... */
