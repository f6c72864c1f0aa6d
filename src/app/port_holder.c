#include "app/port_holder.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the system tells of sockets in several pieces leaves out some while others go: so who holds
 * the port is looked for again. */
#define TRIES 32u

enum { STATE_LISTEN = 0x0a, STATE_UNCONNECTED = 0x07 }; /* of TCP and of a bound UDP socket */

/* As the kernel prints it: 32-bit words in the byte order of the machine. */
struct hex {
	char text[33];
};

static void write_hex(const struct addr *addr, struct hex *into)
{
	uint32_t words[4];

	memcpy(words, addr->bytes, sizeof(words));
	(void)snprintf(into->text, sizeof(into->text), "%08X%08X%08X%08X", words[0], words[1],
		       words[2], words[3]);
	if (addr->family == ADDR_IPV4)
		into->text[8] = '\0';
}

/* Two sockets exclude each other where their addresses are the same or one has them all. */
static bool excludes(const struct addr *wanted, const char *local)
{
	struct hex hex;

	write_hex(wanted, &hex);
	return addr_is_wildcard(wanted) || strcmp(local, hex.text) == 0 ||
	       local[strspn(local, "0")] == '\0';
}

/* One line of /proc/net/{udp,tcp}{,6}: "sl local_address rem_address st ... inode". */
static bool line_holds(const char *line, const struct addr *wanted, unsigned long *ret_inode)
{
	char local[33];
	unsigned port, state;

	return sscanf(line, "%*s %32[0-9A-F]:%4x %*s %2x %*s %*s %*s %*s %*s %lu", local, &port,
		      &state, ret_inode) == 4 &&
	       port == wanted->port && (state == STATE_LISTEN || state == STATE_UNCONNECTED) &&
	       excludes(wanted, local);
}

static unsigned long find_inode(const char *path, const struct addr *wanted)
{
	FILE *file = fopen(path, "re");
	char line[512], buffer[4096];
	unsigned long inode = 0;
	bool is_found = false;

	if (file == NULL)
		return 0;
	(void)setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	while (!is_found && fgets(line, sizeof(line), file) != NULL)
		is_found = line_holds(line, wanted, &inode);
	(void)fclose(file);
	return is_found ? inode : 0;
}

static bool process_has(const char *pid, const char *wanted)
{
	char path[600], target[64];
	bool found = false;
	struct dirent *entry;

	(void)snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	DIR *dir = opendir(path);
	if (dir == NULL)
		return false;
	while (!found && (entry = readdir(dir)) != NULL) {
		(void)snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, entry->d_name);
		const ssize_t len = readlink(path, target, sizeof(target) - 1);

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
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
		    !process_has(entry->d_name, wanted))
			continue;
		describe(entry->d_name, into);
		break;
	}
	(void)closedir(proc);
	return into->text;
}
