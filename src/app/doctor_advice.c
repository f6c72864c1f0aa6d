#include "app/doctor_advice.h"

static const struct doctor_advice advice[SQUASH_COUNT] = {
	[SQUASH_NONE] = {
		"The name has no address here; a device goes no further without it.",
		"Look for filters; see with --reference whether others know it.",
	},
	[SQUASH_NO_CNAME] = {
		"The alias was taken out because it leads to no address. Nobody behind this server "
		"sees what Apple says.",
		"Have this server pass the answer on as it is: switch off what validates, flattens "
		"or re-resolves CNAMEs, or have courierdns ask its upstream servers itself.",
	},
	[SQUASH_SOA_LOST] = {
		"Without the SOA nobody may keep the answer; strict resolvers make SERVFAIL of it.",
		"Some caches forget it, as dnsmasq's does: have courierdns ask the servers behind "
		"it, or switch that cache off.",
	},
	[SQUASH_NXDOMAIN] = {
		"The name is said not to exist, for all types at once: block lists do that, and "
		"filters that leave an answer empty.",
		"Look through its block lists and filters for push.apple.com and akadns.net. A "
		"filter should say NOERROR without data.",
	},
	[SQUASH_SERVFAIL] = {
		"The server could not finish it: resolvers that look up the end of an alias "
		"themselves fail so when there is no data there.",
		"Run the doctor on the servers behind it: where they are right, have it forward "
		"without resolving again, or courierdns ask them.",
	},
	[SQUASH_REFUSED] = {
		"The server will not answer this client, or this type. Devices go to the next one, "
		"and leave it aside for a minute.",
		"Look at its access list, and for filters by type (HTTPS is type 65).",
	},
	[SQUASH_SILENT] = {
		"The question is dropped. A device waits three seconds, then leaves the server "
		"aside for a minute.",
		"Look for what drops this name or type, on the server and in firewalls before it. "
		"A filter should say NOERROR without data.",
	},
	[SQUASH_FLATTENED] = {
		"There is data at the alias itself, where Apple has none: a local override, a "
		"portal, or a proxy that flattens CNAMEs.",
		"Take that away for push.apple.com and akadns.net. Where unrelated servers agree, "
		"Apple has moved: see --reference.",
	},
	[SQUASH_SINKHOLE] = {
		"The address is nobody's on the internet: a block list or a portal answers in "
		"Apple's place.",
		"Take the name off its lists, and akadns.net, apple-dns.net and aaplimg.com, where "
		"Apple's names lead.",
	},
	[SQUASH_REWRITTEN] = {
		"The alias leads to the block page of a filter, or, in a dnsmasq before 2.92, to "
		"the owner of the SOA, by a mistake of its cache.",
		"Find the filter, or update dnsmasq or switch its cache off. Where unrelated "
		"servers agree, Apple has moved: see --reference.",
	},
};

const struct doctor_advice *doctor_advice_for(enum squash shape)
{
	return &advice[shape];
}
