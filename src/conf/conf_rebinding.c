#include "conf/conf_rebinding.h"

#include "conf/conf_print.h"
#include "conf/conf_value.h"

void conf_rebinding_read_allow(struct conf_reader *reader, const struct conf_node *node, void *base)
{
	struct conf *conf = base;

	conf_value_names(reader, node, "a list such as [ \"corp.example\" ]",
			 &conf->rebinding_allow, &conf->rebinding_allow_count);
}

void conf_rebinding_print_allow(struct conf_printer *printer, const void *base)
{
	const struct conf *conf = base;

	conf_print_names(printer, "allow", conf->rebinding_allow, conf->rebinding_allow_count);
}
