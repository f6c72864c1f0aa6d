#include "app/port_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STATE_LISTEN = 0x0a, STATE_UNCONNECTED = 0x07 }; /* of TCP and of a bound UDP socket */

/* One line of /proc/net/{udp,tcp}{,6}: "sl local_address rem_address st ... inode". */
static bool line_holds_port(const char *line, uint16_t port, unsigned long *ret_inode)
{
	unsigned found_port, state;
	unsigned long inode;

	if (sscanf(line,
		   " %*d: %*[0-9A-Fa-f]:%4x %*[0-9A-Fa-f]:%*x %2x %*[0-9A-Fa-f]:%*[0-9A-Fa-f] "
		   "%*[0-9A-Fa-f]:%*[0-9A-Fa-f] %*[0-9A-Fa-f] %*u %*d %lu",
		   &found_port, &state, &inode) != 3)
		return false;
	if (found_port != port || (state != STATE_LISTEN && state != STATE_UNCONNECTED))
		return false;
	*ret_inode = inode;
	return true;
}

static unsigned long find_inode(const char *path, uint16_t port)
{
	FILE *file = fopen(path, "re");
	char line[512];
	unsigned long inode = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (line_holds_port(line, port, &inode))
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
	unsigned long inode = find_inode(tables[is_ipv6], addr->port);
	char wanted[64];
	struct dirent *entry;

	(void)snprintf(into->text, sizeof(into->text),
		       "another program (as root this would say which)");
	if (inode == 0)
		inode = find_inode(tables[!is_ipv6], addr->port);
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
