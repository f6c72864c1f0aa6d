/* conf/conf_node.h: one parsed setting or list element, as plain data.
 *
 * What libconfig's tree says, without libconfig: so that only conf_load.c knows it. Nodes live in
 * an arena while a configuration is read; texts are borrowed from libconfig's tree. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/complaint.h"

enum conf_node_kind {
	NODE_GROUP,
	NODE_ARRAY,
	NODE_LIST,
	NODE_INTEGER,
	NODE_REAL,
	NODE_BOOL,
	NODE_TEXT,
};

struct conf_node {
	const struct conf_node *parent; /* NULL for the root, a group */
	const char *name;		/* NULL for the root and for elements */
	union {
		int64_t integer;
		double real;
		bool flag;
		const char *text;
		const struct conf_node *children;
	};
	uint32_t count; /* of children */
	uint32_t line;	/* of the text that was parsed */
	enum conf_node_kind kind;
};

/** The member of that name, or NULL. */
const struct conf_node *conf_node_find(const struct conf_node *group, const char *name);
bool conf_node_is_list(const struct conf_node *node); /* array or list */

struct conf_node_path {
	char text[256];
};
/** "zones[2].ttl_min", elements counted from 0. Returns into->text. */
const char *conf_node_path(const struct conf_node *node, struct conf_node_path *into);
/** What a complaint calls the value: "5", "\"text\"", "a list". Returns into->text. */
const char *conf_node_value(const struct conf_node *node, struct complaint_quote *into);
