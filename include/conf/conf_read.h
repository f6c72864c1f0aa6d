/* conf/conf_read.h: groups of the file, read by the tables of their options. */
#pragma once

#include "conf/conf_option.h"

/** Puts every fallback in place, those of sections within too. */
void conf_read_defaults(const struct conf_section *section, void *base);
/** Reads a group by the section's table. */
void conf_read_section(struct conf_reader *reader, const struct conf_node *group,
		       const struct conf_section *section, void *base);
