#include "policy/special.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "policy/zone_tree.h"
#include "wire/name.h"
#include "wire/type.h"

/* What there is at a name, and so below it, where nothing longer says otherwise. */
enum kind {
	KIND_NOTHING,	/* NXDOMAIN at the name and below */
	KIND_EMPTY,	/* NODATA at the name and below */
	KIND_LOCALHOST, /* the loopback addresses, at the name and below */
	KIND_HOME,	/* nothing but a missing DS, for those who check the delegation */
	KIND_PARENT,	/* NODATA at the name, because of KIND_LOOPBACK further down */
	KIND_LOOPBACK,	/* a PTR to localhost */
};

struct special_name {
	const char *name;
	enum kind kind : 8;
	uint8_t depth; /* labels below the apex */
	const char *why;
};

/* clang-format off */
static const struct special_name names[] = {
	{ "localhost", KIND_LOCALHOST, 0, "RFC 6761 section 6.3" },
	{ "invalid", KIND_NOTHING, 0, "RFC 6761 section 6.4" },
	{ "test", KIND_NOTHING, 0, "RFC 6761 section 6.2" },
	{ "onion", KIND_NOTHING, 0, "RFC 7686" },
	{ "alt", KIND_NOTHING, 0, "RFC 9476" },
	{ "local", KIND_NOTHING, 0, "RFC 6762 section 22.1" },
	{ "home.arpa", KIND_HOME, 0, "RFC 8375" },
	{ "resolver.arpa", KIND_EMPTY, 0, "RFC 9462" },
	{ "0.in-addr.arpa", KIND_NOTHING, 0, "RFC 6303" },
	{ "127.in-addr.arpa", KIND_PARENT, 0, "RFC 6303" },
	{ "0.127.in-addr.arpa", KIND_PARENT, 1, "RFC 6303" },
	{ "0.0.127.in-addr.arpa", KIND_PARENT, 2, "RFC 6303" },
	{ "1.0.0.127.in-addr.arpa", KIND_LOOPBACK, 3, "RFC 6303" },
	{ "10.in-addr.arpa", KIND_NOTHING, 0, "RFC 6303" },
	{ "168.192.in-addr.arpa", KIND_NOTHING, 0, "RFC 6303" },
	{ "254.169.in-addr.arpa", KIND_NOTHING, 0, "RFC 6303" },
	{ "2.0.192.in-addr.arpa", KIND_NOTHING, 0, "RFC 6303" },
	{ "100.51.198.in-addr.arpa", KIND_NOTHING, 0, "RFC 6303" },
	{ "113.0.203.in-addr.arpa", KIND_NOTHING, 0, "RFC 6303" },
	{ "255.255.255.255.in-addr.arpa", KIND_NOTHING, 0, "RFC 6303" },
	{ "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
	  KIND_NOTHING, 0, "RFC 6303" },
	{ "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
	  KIND_LOOPBACK, 0, "RFC 6303" },
	{ "d.f.ip6.arpa", KIND_NOTHING, 0, "RFC 6303" },
	{ "8.e.f.ip6.arpa", KIND_NOTHING, 0, "RFC 6303" },
	{ "9.e.f.ip6.arpa", KIND_NOTHING, 0, "RFC 6303" },
	{ "a.e.f.ip6.arpa", KIND_NOTHING, 0, "RFC 6303" },
	{ "b.e.f.ip6.arpa", KIND_NOTHING, 0, "RFC 6303" },
	{ "8.b.d.0.1.0.0.2.ip6.arpa", KIND_NOTHING, 0, "RFC 6303" },
};

/* Zones in rows: first.PARENT to last.PARENT. */
static const struct special_span {
	uint8_t first, last;
	const char *parent;
	struct special_name as;
} spans[] = {
	{ 16, 31, "172.in-addr.arpa", { NULL, KIND_NOTHING, 0, "RFC 6303" } },
	{ 64, 127, "100.in-addr.arpa", { NULL, KIND_NOTHING, 0, "RFC 7793" } },
};

static const char *const private_names[] = {
	"version.bind", "version.server", "id.server", "hostname.bind", "authors.bind",
};
/* clang-format on */

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))
#define SPAN_COUNT (sizeof(spans) / sizeof(spans[0]))

struct special {
	struct zone_tree *tree; /* to an index of names[], and behind them of spans[] */
	struct synth_records *localhost, *loopback;
};

/* --- compiling ----------------------------------------------------------------------------- */

static bool add_name(struct special *special, const char *text, size_t index)
{
	uint8_t name[NAME_MAX_LEN];
	size_t len = 0;

	return name_from_text(text, name, &len) == 0 &&
	       zone_tree_add(special->tree, name, false, (uint32_t)index) == 0;
}

static bool add_span(struct special *special, const struct special_span *span, size_t index)
{
	char text[NAME_MAX_LEN];

	for (unsigned n = span->first; n <= span->last; n++) {
		snprintf(text, sizeof(text), "%u.%s", n, span->parent);
		if (!add_name(special, text, index))
			return false;
	}
	return true;
}

static bool add_record(struct synth_records *records, const char *type_and_data)
{
	struct synth_fault fault;
	char text[64];

	snprintf(text, sizeof(text), "@ %u IN %s", SPECIAL_TTL, type_and_data);
	return synth_records_add(records, text, NULL, &fault) == 0;
}

static bool fill(struct special *special)
{
	special->tree = zone_tree_new();
	special->localhost = synth_records_new();
	special->loopback = synth_records_new();
	if (special->tree == NULL || special->localhost == NULL || special->loopback == NULL)
		return false;
	for (size_t i = 0; i < NAME_COUNT; i++) {
		if (!add_name(special, names[i].name, i))
			return false;
	}
	for (size_t i = 0; i < SPAN_COUNT; i++) {
		if (!add_span(special, &spans[i], NAME_COUNT + i))
			return false;
	}
	return add_record(special->localhost, "A 127.0.0.1") &&
	       add_record(special->localhost, "AAAA ::1") &&
	       add_record(special->loopback, "PTR localhost.");
}

struct special *special_new(void)
{
	struct special *special = mem_zalloc(sizeof(*special));

	if (special != NULL && !fill(special)) {
		special_free(special);
		return NULL;
	}
	return special;
}

void special_free(struct special *special)
{
	if (special == NULL)
		return;
	zone_tree_free(special->tree);
	synth_records_free(special->localhost);
	synth_records_free(special->loopback);
	mem_free(special);
}

/* --- looking up ---------------------------------------------------------------------------- */

struct search {
	const struct special *special;
	uint16_t type;
	struct special_match *match;
};

static void judge(const struct search *search, const struct special_name *name, bool is_whole)
{
	struct special_match *match = search->match;

	switch (name->kind) {
	case KIND_NOTHING:
		match->action = ZONE_NXDOMAIN;
		return;
	case KIND_EMPTY:
		match->action = ZONE_NODATA;
		return;
	case KIND_LOCALHOST:
		match->action = ZONE_ANSWER;
		match->records = search->special->localhost;
		return;
	case KIND_HOME:
		match->action = search->type == TYPE_DS ? ZONE_NODATA : ZONE_NXDOMAIN;
		return;
	case KIND_PARENT:
		match->action = is_whole ? ZONE_NODATA : ZONE_NXDOMAIN;
		return;
	case KIND_LOOPBACK:
		match->action = is_whole ? ZONE_ANSWER : ZONE_NXDOMAIN;
		match->records = is_whole ? search->special->loopback : NULL;
		return;
	}
	UNREACHABLE();
}

/* The longest name speaks. */
static bool on_match(void *ctx, const struct zone_match *match)
{
	struct search *search = ctx;
	const size_t index = match->value;
	const struct special_name *name =
		index < NAME_COUNT ? &names[index] : &spans[index - NAME_COUNT].as;

	search->match->why = name->why;
	search->match->apex = match->suffix;
	for (unsigned i = 0; i < name->depth; i++)
		search->match->apex = name_parent(search->match->apex);
	judge(search, name, match->is_whole);
	return true;
}

bool special_find(const struct special *special, const struct query_view *view, const uint8_t *name,
		  struct special_match *ret_match)
{
	struct special_match match = { 0 };
	struct search search = { special, view->type, &match };

	if (view->class != CLASS_IN)
		return false;
	zone_tree_walk(special->tree, name, view->name_len, on_match, &search);
	if (match.why == NULL)
		return false;
	*ret_match = match;
	return true;
}

bool special_is_private(const struct query_view *view, const uint8_t *name)
{
	uint8_t private_name[NAME_MAX_LEN];
	size_t len = 0;

	if (view->class != CLASS_CH)
		return false;
	for (size_t i = 0; i < sizeof(private_names) / sizeof(private_names[0]); i++) {
		if (name_from_text(private_names[i], private_name, &len) == 0 &&
		    name_equal(private_name, name))
			return true;
	}
	return false;
}
