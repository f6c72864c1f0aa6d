#include "conf/resolv_conf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DNS_PORT 53
#define LINE_MAX_LEN 1024

static bool is_loopback(const struct addr *addr)
{
	static const uint8_t ipv6_loopback[16] = { [15] = 1 };
	if (addr->family == ADDR_IPV4)
		return addr->bytes[0] == 127;
	return memcmp(addr->bytes, ipv6_loopback, sizeof(ipv6_loopback)) == 0;
}

/* A listener on a wildcard answers on every loopback address of its family. */
static bool is_served_by(const struct addr *server, const struct addr *own)
{
	if (addr_equal(server, own))
		return true;
	return own->family == server->family && own->port == server->port &&
	       addr_is_wildcard(own) && is_loopback(server);
}

bool resolv_conf_is_own(const struct addr *server, const struct addr *own, size_t own_count)
{
	for (size_t i = 0; i < own_count; i++)
		if (is_served_by(server, &own[i]))
			return true;
	return false;
}

static bool is_wanted(const struct addr *server, const struct addr *own, size_t own_count,
		      const struct addr *known, size_t known_count)
{
	if (addr_is_wildcard(server) || (addr_is_link_local(server) && server->scope == 0))
		return false;
	if (resolv_conf_is_own(server, own, own_count))
		return false;
	for (size_t i = 0; i < known_count; i++)
		if (addr_equal(server, &known[i]))
			return false;
	return true;
}

/* The address in "nameserver ADDRESS", cut out of the line; NULL for any other line. */
static char *find_address(char *line)
{
	static const char keyword[] = "nameserver";
	static const char blanks[] = " \t";

	line += strspn(line, blanks);
	if (strncmp(line, keyword, sizeof(keyword) - 1) != 0)
		return NULL;
	line += sizeof(keyword) - 1;
	const size_t between = strspn(line, blanks);
	if (between == 0)
		return NULL;
	line += between;
	line[strcspn(line, " \t\r\n#;")] = '\0';
	/* our own way to write a port is nobody else's */
	return strchr(line, '@') == NULL ? line : NULL;
}

/* Whether the line ends in what was read of it. */
static bool has_end(const char *line)
{
	const size_t len = strlen(line);

	return len + 1 < LINE_MAX_LEN || line[len - 1] == '\n';
}

int resolv_conf_read(const char *path, const struct addr *own, size_t own_count,
		     struct addr ret_servers[RESOLV_CONF_MAX], size_t *ret_count)
{
	char line[LINE_MAX_LEN];
	struct addr servers[RESOLV_CONF_MAX];
	bool is_rest = false; /* of a line too long to be one of ours */
	size_t count = 0;
	int err = 0;

	FILE *file = fopen(path, "re");
	if (file == NULL)
		return -errno;
	errno = 0;
	while (count < RESOLV_CONF_MAX && fgets(line, sizeof(line), file) != NULL) {
		const bool was_rest = is_rest;
		is_rest = !has_end(line);
		const char *text = was_rest || is_rest ? NULL : find_address(line);
		if (text != NULL && addr_parse(text, DNS_PORT, &servers[count]) == 0 &&
		    is_wanted(&servers[count], own, own_count, servers, count))
			count++;
	}
	if (ferror(file))
		err = errno != 0 ? -errno : -EIO;
	fclose(file);
	if (err != 0)
		return err;
	memcpy(ret_servers, servers, count * sizeof(servers[0]));
	*ret_count = count;
	return 0;
}
