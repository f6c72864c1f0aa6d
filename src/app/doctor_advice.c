#include "app/doctor_advice.h"

static const struct doctor_advice advice[SQUASH_COUNT] = {
	[SQUASH_NO_CNAME] = {
		"The alias was taken out because it leads to no address. Nobody behind this server "
		"sees what Apple says.",
		"Have this server pass the answer on as it is: switch off what validates, flattens "
		"or re-resolves CNAMEs, or have courierdns ask its upstream servers itself.",
	},
	[SQUASH_SOA_LOST] = {
		"Without the SOA nobody may keep the answer, and strict resolvers behind this one "
		"make SERVFAIL of it.",
		"Some caches forget the SOA, dnsmasq's is one: have courierdns ask the servers "
		"behind it, or switch that cache off.",
	},
	[SQUASH_NXDOMAIN] = {
		"The name is said not to exist, for all types at once. That is what block lists do, "
		"and filters that leave an answer empty.",
		"Look through the block lists and filters of this server for push.apple.com and "
		"akadns.net. A filter should say NOERROR without data.",
	},
	[SQUASH_SERVFAIL] = {
		"The server could not finish it. Resolvers that look up the end of an alias "
		"themselves fail so when there is no data there.",
		"Run the doctor on the servers behind this one: where they are right, have this "
		"one forward without resolving again, or have courierdns ask them.",
	},
	[SQUASH_REFUSED] = {
		"The server will not answer this client, or this type. Devices go to the next "
		"server and leave this one aside for a minute.",
		"Look at its access list, and for filters by type (HTTPS is type 65).",
	},
	[SQUASH_SILENT] = {
		"The question is dropped. A device waits for three seconds, and then leaves the "
		"server aside for a minute.",
		"Look for what drops this name or this type, on the server and in firewalls before "
		"it. Who must filter should answer NOERROR without data.",
	},
	[SQUASH_FLATTENED] = {
		"There is data at the alias itself, where Apple has none: a local override, a "
		"portal, or a proxy that flattens CNAMEs.",
		"Take the override or the flattening away for push.apple.com and akadns.net. Where "
		"servers that know nothing of each other agree, Apple has moved: see --reference.",
	},
	[SQUASH_SINKHOLE] = {
		"The address is nobody's on the internet: a block list or a portal answers in "
		"Apple's place.",
		"Take this name off the lists of this server, and akadns.net, apple-dns.net and "
		"aaplimg.com, where Apple's names lead.",
	},
	[SQUASH_REWRITTEN] = {
		"The alias leads elsewhere: to the block page of a filter, or, in a dnsmasq before "
		"2.92, to the owner of the SOA, by a mistake of its cache.",
		"Find the filter, or update dnsmasq or switch its cache off. Where servers that "
		"know nothing of each other agree, Apple has moved: see --reference.",
	},
};

const struct doctor_advice *doctor_advice_for(enum squash shape)
{
	return &advice[shape];
}
