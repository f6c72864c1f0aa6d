#include "conf/conf_node.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

const struct conf_node *conf_node_find(const struct conf_node *group, const char *name)
{
	for (uint32_t i = 0; i < group->count; i++)
		if (strcmp(group->children[i].name, name) == 0)
			return &group->children[i];
	return NULL;
}

bool conf_node_is_list(const struct conf_node *node)
{
	return node->kind == NODE_ARRAY || node->kind == NODE_LIST;
}

static size_t put_path(const struct conf_node *node, char *out, size_t out_max)
{
	if (node->parent == NULL)
		return 0;
	size_t len = put_path(node->parent, out, out_max);
	if (len >= out_max)
		return len;
	if (node->name == NULL)
		return len + (size_t)snprintf(out + len, out_max - len, "[%td]",
					      node - node->parent->children);
	return len + (size_t)snprintf(out + len, out_max - len, "%s%.64s", len > 0 ? "." : "",
				      node->name);
}

const char *conf_node_path(const struct conf_node *node, struct conf_node_path *into)
{
	into->text[0] = '\0';
	put_path(node, into->text, sizeof(into->text));
	return into->text;
}

const char *conf_node_value(const struct conf_node *node, struct complaint_quote *into)
{
	const size_t max = sizeof(into->text);

	switch (node->kind) {
	case NODE_GROUP:
		return "a group";
	case NODE_ARRAY:
	case NODE_LIST:
		return "a list";
	case NODE_INTEGER:
		snprintf(into->text, max, "%" PRId64, node->integer);
		return into->text;
	case NODE_REAL:
		snprintf(into->text, max, "%g", node->real);
		return into->text;
	case NODE_BOOL:
		return node->flag ? "true" : "false";
	case NODE_TEXT:
		return complaint_quote(node->text, strlen(node->text), into);
	}
	UNREACHABLE();
}
