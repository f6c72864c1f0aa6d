/* wire/name.h: domain names in wire form (RFC 1035 section 3.1).
 *
 * Unless a function says otherwise a name is uncompressed, valid, and ends in the root label;
 * it may hold any byte in a label, NUL and dot too. Letter case is ASCII only (RFC 4343). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

#define NAME_MAX_LEN 255
#define NAME_MAX_LABELS 128 /* the root label counted */

struct name_text {
	char text[1024]; /* every byte escaped as \DDD fits */
};

/** Reads presentation format (RFC 1035 section 5.1), with \. \\ and \DDD; a missing final dot is
 * added. ERR_MALFORMED: empty label, label over 63, name over 255, bad escape, empty text. */
MUST_CHECK int name_from_text(const char *text, uint8_t ret_name[NAME_MAX_LEN], size_t *ret_len);
/** Without the final dot, but "." for the root; what is not printable ASCII as \DDD, and dot and
 * backslash inside a label with a backslash. Returns into->text. */
const char *name_to_text(const uint8_t *name, struct name_text *into);

/** Length in bytes, root label included. */
size_t name_len(const uint8_t *name);
/** Labels without the root: 0 for ".". */
unsigned name_labels(const uint8_t *name);
/** The name one label shorter; the root's parent is the root. Points into `name`. */
const uint8_t *name_parent(const uint8_t *name);
/** Copies with A-Z as a-z. `to` may be `from`. */
void name_lower(uint8_t *to, const uint8_t *from, size_t len);
bool name_equal(const uint8_t *a, const uint8_t *b); /* without regard to case */
/** `name` is `zone` or below it; every name is under the root. */
bool name_is_under(const uint8_t *name, const uint8_t *zone);
/** Hash of a name that is lower case already. */
uint64_t name_hash(const struct hash_key *key, const uint8_t *lowered, size_t len);

/** Reads the possibly compressed name at `at` in a message, following pointers that go strictly
 * backwards and not into the header (RFC 9267 section 2), to bytes that all lie before the place
 * they are followed from. `ret_name` may be NULL. `ret_next` is the offset just behind the name as
 * it stands at `at`; nothing from there on was looked at. ERR_MALFORMED otherwise. Work is bounded
 * by NAME_MAX_LABELS labels and as many pointers. */
MUST_CHECK int name_read(const uint8_t *wire, size_t wire_len, size_t at, uint8_t *ret_name,
			 size_t *ret_len, size_t *ret_next);
/** Where name_read() would end, `ret_next`; 0 where it would fail. */
size_t name_check(const uint8_t *wire, size_t wire_len, size_t at);
/** The same, for many names: fails where more pointers would have to be followed than are left. */
size_t name_check_within(const uint8_t *wire, size_t wire_len, size_t at, unsigned *jumps_left);

/** name_equal() of the names at two places of messages, where name_read() has read them before;
 * either may stand alone, at offset 0. */
bool name_is_same(const uint8_t *wire, size_t at, const uint8_t *other, size_t other_at);
