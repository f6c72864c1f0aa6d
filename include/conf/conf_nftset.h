/* conf/conf_nftset.h: the setting `nftset` of a zone: sets of the kernel's packet filter (nft(8)).
 */
#pragma once

#include "conf/conf_option.h"

struct conf_nftset_parts {
	uint8_t family; /* NFPROTO_INET and such, as the kernel has it */
	const char *table, *set;
	size_t table_len, set_len;
};
/** Takes FAMILY#TABLE#SET apart; what is returned points into `name`. False where it is none. */
bool conf_nftset_split(const char *name, struct conf_nftset_parts *ret_parts);

void conf_nftset_read(struct conf_reader *reader, const struct conf_node *node, void *base);
void conf_nftset_print(struct conf_printer *printer, const void *base);
