#include "app/port_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the system tells of sockets in several pieces leaves out some while others go: so who holds
 * the port is looked for again. */
#define TRIES 32u

enum { STATE_LISTEN = 0x0a, STATE_UNCONNECTED = 0x07 }; /* of TCP and of a bound UDP socket */

/* The kernel prints an address as 32-bit words in the byte order of the machine. */
static bool read_address(const char *hex, uint8_t bytes[16], size_t *ret_len)
{
	const size_t words = strlen(hex) / 8;

	if (strlen(hex) % 8 != 0 || words == 0 || words > 4)
		return false;
	for (size_t i = 0; i < words; i++) {
		char word[9] = { 0 };
		memcpy(word, hex + 8 * i, 8);
		const uint32_t value = (uint32_t)strtoul(word, NULL, 16);
		memcpy(bytes + 4 * i, &value, 4);
	}
	*ret_len = 4 * words;
	return true;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	static const uint8_t zero[16];

	return memcmp(bytes, zero, len) == 0;
}

/* Two sockets exclude each other where their addresses are the same or one has them all. */
static bool excludes(const struct addr *wanted, const char *hex)
{
	uint8_t bytes[16];
	size_t len = 0;

	if (!read_address(hex, bytes, &len))
		return false;
	return is_zero(bytes, len) || addr_is_wildcard(wanted) ||
	       (len == (wanted->family == ADDR_IPV6 ? 16u : 4u) &&
		memcmp(bytes, wanted->bytes, len) == 0);
}

/* One line of /proc/net/{udp,tcp}{,6}: "sl local_address rem_address st ... inode". */
static bool line_holds(const char *line, const struct addr *wanted, unsigned long *ret_inode)
{
	char local[33];
	unsigned port, state;
	unsigned long inode;

	if (sscanf(line,
		   " %*d: %32[0-9A-Fa-f]:%4x %*[0-9A-Fa-f]:%*x %2x %*[0-9A-Fa-f]:%*[0-9A-Fa-f] "
		   "%*[0-9A-Fa-f]:%*[0-9A-Fa-f] %*[0-9A-Fa-f] %*u %*d %lu",
		   local, &port, &state, &inode) != 4)
		return false;
	if (port != wanted->port || (state != STATE_LISTEN && state != STATE_UNCONNECTED) ||
	    !excludes(wanted, local))
		return false;
	*ret_inode = inode;
	return true;
}

static unsigned long find_inode(const char *path, const struct addr *wanted)
{
	FILE *file = fopen(path, "re");
	char line[512], buffer[4096];
	unsigned long inode = 0;

	if (file == NULL)
		return 0;
	(void)setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	while (fgets(line, sizeof(line), file) != NULL) {
		if (line_holds(line, wanted, &inode))
			break;
	}
	(void)fclose(file);
	return inode;
}

static bool process_has(const char *pid, const char *wanted)
{
	char path[300], target[64];
	bool found = false;
	struct dirent *entry;

	(void)snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	DIR *dir = opendir(path);
	if (dir == NULL)
		return false;
	while (!found && (entry = readdir(dir)) != NULL) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (len <= 0)
			continue;
		target[len] = '\0';
		found = strcmp(target, wanted) == 0;
	}
	(void)closedir(dir);
	return found;
}

static void describe(const char *pid, struct port_holder *into)
{
	char path[300], name[64] = "a program";
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "re");
	if (file != NULL) {
		if (fgets(name, sizeof(name), file) != NULL)
			name[strcspn(name, "\n")] = '\0';
		(void)fclose(file);
	}
	(void)snprintf(into->text, sizeof(into->text), "%s (pid %.16s)", name, pid);
}

const char *port_holder_find(const struct addr *addr, bool is_tcp, struct port_holder *into)
{
	const char *tables[2] = { is_tcp ? "/proc/net/tcp" : "/proc/net/udp",
				  is_tcp ? "/proc/net/tcp6" : "/proc/net/udp6" };
	const bool is_ipv6 = addr->family == ADDR_IPV6;
	unsigned long inode = 0;
	char wanted[64];
	struct dirent *entry;

	(void)snprintf(into->text, sizeof(into->text),
		       "another program (as root this would say which)");
	for (unsigned i = 0; i < TRIES && inode == 0; i++)
		inode = find_inode(tables[(is_ipv6 + i) % 2], addr);
	DIR *proc = inode == 0 ? NULL : opendir("/proc");
	if (proc == NULL)
		return into->text;
	(void)snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	while ((entry = readdir(proc)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !process_has(entry->d_name, wanted))
			continue;
		describe(entry->d_name, into);
		break;
	}
	(void)closedir(proc);
	return into->text;
}
