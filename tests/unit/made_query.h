/* made_query.h: queries written as name, type and class, for tests of what answers them. */
#pragma once

#include "unit.h"
#include "wire/cursor.h"
#include "wire/name.h"
#include "wire/query_view.h"

struct made_query {
	uint8_t wire[MESSAGE_HEADER_LEN + NAME_MAX_LEN + 4];
	struct query_view view;
	uint8_t lowered[NAME_MAX_LEN]; /* the name in lower case */
};

/** ID 0x1234, RD set, no EDNS. The view points into `query`. */
static inline const struct query_view *made_query_of(struct made_query *query, const char *text,
						     uint16_t type, uint16_t class)
{
	struct cursor_out out = cursor_into(query->wire, sizeof(query->wire));
	uint8_t name[NAME_MAX_LEN];
	size_t len = 0;

	assert_int_equal(name_from_text(text, name, &len), 0);
	cursor_put_u16(&out, 0x1234);
	cursor_put_u16(&out, FLAG_RD);
	cursor_put_u16(&out, 1);
	cursor_put_u16(&out, 0);
	cursor_put_u32(&out, 0);
	cursor_put(&out, name, len);
	cursor_put_u16(&out, type);
	cursor_put_u16(&out, class);
	assert_int_equal(query_view_parse(&query->view, query->wire, cursor_written(&out)),
			 QUERY_OK);
	name_lower(query->lowered, name, len);
	return &query->view;
}
