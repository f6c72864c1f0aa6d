#include "conf/conf_courier_check.h"

#include <stdio.h>
#include <string.h>

#include "conf/conf_value.h"

#define NAMES_MAX (CONF_COURIERS_MAX * (CONF_COURIER_VARIANTS_MAX + 3u))
#define MARKER_LEN 3u /* {n} */
#define DIGITS_MAX 4u /* of CONF_COURIER_N_MAX */

enum part { PART_VARIANT, PART_ALIAS, PART_TARGET, PART_COUNT_TXT };
static const char *const part_texts[] = { "variant", "alias", "target", "count_txt" };

/* A name and what it is in which family. */
struct owned {
	const struct conf_name *name;
	enum part part;
	size_t family;
};

struct check {
	struct conf_reader *reader;
	size_t unwritten;
	size_t count;
	struct owned owned[NAMES_MAX];
};

/* --- what a template makes ----------------------------------------------------------------- */

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/* A number that {n} can stand for. */
static bool read_number(const uint8_t *digits, size_t len, uint32_t *ret_n)
{
	*ret_n = 0;
	if (len == 0 || len > DIGITS_MAX || (len > 1 && digits[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(digits[i]))
			return false;
		*ret_n = *ret_n * 10 + (digits[i] - (uint32_t)'0');
	}
	return true;
}

/* Compared as the name that the template would be with the number that stands there. */
static bool makes(const struct conf_name *template, const uint8_t *name, size_t len)
{
	const uint8_t *marker = memchr(template->wire, '{', template->len);
	const size_t head = (size_t)(marker - template->wire);
	const size_t rest = template->len - MARKER_LEN;
	uint8_t made[NAME_MAX_LEN];
	uint32_t n;

	return len > rest && read_number(name + head, len - rest, &n) &&
	       conf_name_fill(template, n, made) == len && memcmp(made, name, len) == 0;
}

/* One name can be made by both. Where their {n} stand in two places, that of each is a number
 * which the other one has written out: "{n}-5.a" and "3-{n}.a". */
static bool overlap(const struct conf_name *a, const struct conf_name *b)
{
	uint8_t name[NAME_MAX_LEN];
	uint32_t n;

	for (const uint8_t *label = b->wire; *label != 0; label += 1u + *label) {
		const uint8_t *const end = label + 1 + *label;
		const uint8_t *at = label + 1;
		while (at < end) {
			const uint8_t *digits = at;
			while (at < end && is_digit(*at))
				at++;
			if (read_number(digits, (size_t)(at - digits), &n) &&
			    makes(b, name, conf_name_fill(a, n, name)))
				return true;
			at += at == digits;
		}
	}
	return false;
}

static bool is_same(const struct conf_name *a, const struct conf_name *b)
{
	return a->len == b->len && memcmp(a->wire, b->wire, a->len) == 0;
}

static bool collide(const struct conf_name *a, const struct conf_name *b)
{
	if (is_same(a, b))
		return true;
	if (a->is_template && b->is_template)
		return overlap(a, b);
	if (a->is_template)
		return makes(a, b->wire, b->len);
	return b->is_template && makes(b, a->wire, a->len);
}

/* --- complaints ---------------------------------------------------------------------------- */

static const struct conf_courier *family_of(const struct check *check, size_t family)
{
	return &check->reader->conf->couriers[family];
}

/* "couriers[1]", or `the built-in family "apple"` for what stands in no file. */
static const char *put_family(const struct check *check, size_t family, struct conf_node_path *into)
{
	const struct conf_node *list = check->reader->couriers;

	if (family >= check->unwritten)
		return conf_node_path(&list->children[family - check->unwritten], into);
	snprintf(into->text, sizeof(into->text), "the built-in family \"%s\"",
		 family_of(check, family)->name);
	return into->text;
}

/* Of a name that comes from a built-in family, that of the family. */
static const struct conf_place *place_of(const struct check *check, const struct owned *owned)
{
	if (owned->name->place.file != NULL)
		return &owned->name->place;
	return &family_of(check, owned->family)->place;
}

static void complain(const struct check *check, const struct owned *first,
		     const struct owned *second)
{
	const struct conf_place *place = place_of(check, first);
	struct conf_node_path path, other;
	struct name_text name, first_name;
	char where[512] = "";

	if (place->file != NULL)
		snprintf(where, sizeof(where), " (at %.400s:%d)", place->file, place->line);
	name_to_text(second->name->wire, &name);
	name_to_text(first->name->wire, &first_name);
	complaint_add(check->reader->complaints, place_of(check, second),
		      "%s has \"%.254s\" as its %s, but \"%.254s\" is %s %s of %s; expected each "
		      "name in one place%s",
		      put_family(check, second->family, &path), name.text, part_texts[second->part],
		      first_name.text, first->part == PART_VARIANT ? "a" : "the",
		      part_texts[first->part],
		      second->family == first->family ? "the same one"
						      : put_family(check, first->family, &other),
		      where);
}

/* --- all families -------------------------------------------------------------------------- */

static void own(struct check *check, const struct conf_name *name, enum part part, size_t family)
{
	if (name->wire != NULL)
		check->owned[check->count++] = (struct owned){ name, part, family };
}

/* A name that could not be read is missing. Variants come first, so that of a family's own it is
 * the other name that is complained of. */
static void own_all(struct check *check)
{
	for (size_t i = 0; i < check->reader->conf->courier_count; i++) {
		const struct conf_courier *courier = family_of(check, i);
		for (size_t j = 0; j < courier->variant_count; j++)
			own(check, &courier->variants[j], PART_VARIANT, i);
		own(check, &courier->alias, PART_ALIAS, i);
		own(check, &courier->target, PART_TARGET, i);
		own(check, &courier->count_txt, PART_COUNT_TXT, i);
	}
}

/* What is off is in nobody's way. */
static bool may_share(const struct check *check, const struct owned *a, const struct owned *b)
{
	if (a->part == PART_COUNT_TXT && b->part == PART_COUNT_TXT)
		return true;
	return a->family != b->family &&
	       !(family_of(check, a->family)->enabled && family_of(check, b->family)->enabled);
}

static void check_names(struct check *check)
{
	for (size_t i = 0; i < check->count; i++) {
		const struct owned *second = &check->owned[i];
		for (size_t j = 0; j < i; j++) {
			const struct owned *first = &check->owned[j];
			if (may_share(check, first, second) || !collide(first->name, second->name))
				continue;
			complain(check, first, second);
			break;
		}
	}
}

static void check_called(const struct check *check)
{
	const struct conf *conf = check->reader->conf;

	for (size_t i = 0; i < conf->courier_count; i++) {
		const struct conf_courier *courier = &conf->couriers[i];
		for (size_t j = 0; j < i && courier->name != NULL; j++) {
			const struct conf_courier *first = &conf->couriers[j];
			struct conf_node_path path;
			struct complaint_quote quote;
			if (first->name == NULL || strcmp(first->name, courier->name) != 0)
				continue;
			complaint_add(
				check->reader->complaints, &courier->place,
				"%s is a duplicate: %s is there already; expected it once (first "
				"at %s:%d)",
				put_family(check, i, &path),
				complaint_quote(courier->name, strlen(courier->name), &quote),
				first->place.file, first->place.line);
			break;
		}
	}
}

void conf_courier_check_all(struct conf_reader *reader, size_t unwritten)
{
	struct check *check = conf_option_alloc(reader, 1, sizeof(*check));

	if (check == NULL)
		return;
	check->reader = reader;
	check->unwritten = unwritten;
	own_all(check);
	check_called(check);
	check_names(check);
	mem_free(check);
}
