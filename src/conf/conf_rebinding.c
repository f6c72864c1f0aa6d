#include "conf/conf_rebinding.h"

#include "conf/conf_print.h"
#include "conf/conf_value.h"

void conf_rebinding_read_allow(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf *conf = base;

	if (!conf_option_check_list(reader, node, "a list such as [ \"corp.example\" ]"))
		return;
	conf->rebinding_allow =
		conf_option_alloc(reader, node->count, sizeof(*conf->rebinding_allow));
	if (conf->rebinding_allow == NULL)
		return;
	for (uint32_t i = 0; i < node->count; i++) {
		struct conf_name *name = &conf->rebinding_allow[conf->rebinding_allow_count];

		if (!conf_value_name(reader, &node->children[i], name))
			continue;
		conf->rebinding_allow_count++;
		if (name->is_template)
			conf_option_refuse(reader, &node->children[i], "a domain name without {n}");
	}
}

void conf_rebinding_print_allow(struct conf_printer *printer, const void *base)
{
	const struct conf *conf = base;

	conf_print_names(printer, "allow", conf->rebinding_allow, conf->rebinding_allow_count);
}
