#include "app/privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/crew.h"
#include "base/mem.h"
#include "conf/conf_load.h"
#include "unit.h"

static struct complaints *complaints;

/* A configuration with this user, or without the setting. */
static struct conf *with_user(const char *user)
{
	struct conf *conf = unit_own(mem_zalloc(sizeof(*conf)), conf_free);

	assert_non_null(conf);
	complaints = unit_own(complaint_new(), complaint_free);
	assert_non_null(complaints);
	conf->control_socket = mem_strdup("");
	if (user != NULL) {
		conf->user = mem_strdup(user);
		conf->user_place = (struct conf_place){ .file = "f.conf", .line = 7 };
	}
	return conf;
}

static const char *found(struct conf *conf, const char *in_use)
{
	assert_int_equal(privileges_find(conf, in_use, complaints), 0);
	return conf->user;
}

static void who_is_not_written_is_the_services_or_nobody(void **state)
{
	(void)state;
	const char *expected = getpwnam("courierdns") != NULL ? "courierdns" : "nobody";

	assert_string_equal(found(with_user(NULL), NULL), expected);
	assert_int_equal(complaint_count(complaints), 0);
}

static void who_it_is_already_is_not_looked_for(void **state)
{
	(void)state;
	assert_string_equal(found(with_user(NULL), "courierdns"), "courierdns");
	assert_string_equal(found(with_user(NULL), "nobody"), "nobody");
	assert_string_equal(found(with_user("gone-since"), "gone-since"), "gone-since");
	assert_int_equal(complaint_count(complaints), 0);
}

static void an_account_that_is_not_there_is_told(void **state)
{
	(void)state;
	found(with_user("no-such-account"), "nobody");
	assert_int_equal(complaint_count(complaints), 1);
	assert_string_equal(complaint_text(complaints, 0),
			    "f.conf:7: user is \"no-such-account\", an account that this system "
			    "does not have; expected one that it has, or \"\" to stay root");
}

static void root_by_another_way_is_told(void **state)
{
	(void)state;
	found(with_user("root"), NULL);
	assert_int_equal(complaint_count(complaints), 1);
	assert_non_null(strstr(complaint_text(complaints, 0), "user is \"root\", which is root"));
}

static void staying_and_an_account_that_is_there_are_fine(void **state)
{
	(void)state;
	assert_string_equal(found(with_user(""), NULL), "");
	assert_string_equal(found(with_user("nobody"), NULL), "nobody");
	assert_int_equal(complaint_count(complaints), 0);
}

static void give_nothing(void *ctx, uid_t uid, gid_t gid)
{
	(void)ctx;
	(void)uid;
	(void)gid;
}

/* In a child, for there is no way back. */
static int drop(const char *user, uid_t uid, bool has_become)
{
	struct privileges now;

	if (privileges_drop(with_user(user), give_nothing, NULL, &now) != 0)
		return 1;
	if (now.uid != uid || now.has_become != has_become || now.kept != 0 ||
	    strcmp(now.user, user) != 0)
		return 2;
	if (getuid() != uid || geteuid() != uid)
		return 3;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 4;
	if (has_become && (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0 ||
			   access("/etc/shadow", R_OK) == 0))
		return 5;
	return 0;
}

static int status_of(const char *user, uid_t uid, bool has_become)
{
	int status = 0;
	const pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(drop(user, uid, has_become));
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void root_becomes_another_for_good_OP_11(void **state)
{
	(void)state;
	if (getuid() != 0)
		skip();
	assert_int_equal(status_of("nobody", getpwnam("nobody")->pw_uid, true), 0);
}

static void whoever_else_it_is_stays(void **state)
{
	(void)state;
	assert_int_equal(status_of("", getuid(), false), 0);
}

/* As under SystemCallFilter=~@privileged. */
static int start_where_capset_is_forbidden(void)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_capset, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = 4, .filter = (struct sock_filter *)code };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	if ((getuid() == 0 && setresuid(65534, 65534, 65534) != 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return 90;
	if (syscall(SYS_capset, &header, none) == 0 || errno != EPERM)
		return 91;
	return drop("nobody", getuid(), false);
}

static void a_unit_may_forbid_to_give_up_what_is_not_there(void **state)
{
	int status = 0;

	(void)state;
	const pid_t child = fork();
	if (child == 0)
		_exit(start_where_capset_is_forbidden());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#define FILLERS 100

/* Two workers that listen at an address of this process alone, by sockets whose numbers are far
 * from all others. */
static struct crew *listening_behind_a_gap(struct conf **ret_conf)
{
	const struct hash_key key = { 1, 2 };
	struct crew *crew = unit_own(crew_new(), crew_free);
	struct plan *plan = NULL;
	int fillers[FILLERS];
	char text[256];

	assert_non_null(crew);
	snprintf(text, sizeof(text),
		 "user = \"nobody\"; workers = 2; control = { socket = \"\"; };\n"
		 "listen = ( { address = \"127.77.%d.%d\"; port = 5300; } );\n"
		 "upstreams = { default = { servers = [ \"192.0.2.1\" ]; }; };",
		 (int)getpid() / 250 % 250, (int)getpid() % 250 + 1);
	complaints = unit_own(complaint_new(), complaint_free);
	assert_int_equal(conf_load_text(text, "conf", complaints, ret_conf), 0);
	assert_int_equal(plan_new(*ret_conf, &key, crew_mate(crew, 0)->servers, complaints, &plan),
			 0);
	unit_own(plan, plan_unref);
	assert_int_equal(crew_gather(crew, plan, complaints), 0);
	for (size_t i = 0; i < FILLERS; i++) {
		fillers[i] = dup(STDERR_FILENO);
		assert_true(fillers[i] >= 0);
	}
	assert_int_equal(crew_listen(crew, false, complaints), 0);
	for (size_t i = 0; i < FILLERS; i++)
		close(fillers[i]);
	return crew;
}

static void give_all(void *ctx, uid_t uid, gid_t gid)
{
	const struct crew *crew = ctx;

	crew_give_sockets(crew, uid, gid);
}

/* How many sockets at that address are this user's. */
static int count_sockets(const char *path, const struct addr *at, uid_t uid)
{
	char line[512], address[16];
	unsigned port, owner;
	uint32_t bytes;
	int count = 0;
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	memcpy(&bytes, at->bytes, sizeof(bytes));
	snprintf(address, sizeof(address), "%08X", bytes);
	while (fgets(line, sizeof(line), file) != NULL) {
		char local[16];

		if (sscanf(line, " %*d: %8[0-9A-F]:%4x %*s %*s %*s %*s %*s %u", local, &port,
			   &owner) == 3)
			count += strcmp(local, address) == 0 && port == at->port && owner == uid;
	}
	fclose(file);
	return count;
}

static void every_listener_becomes_the_accounts(void **state)
{
	struct privileges now;
	struct conf *conf = NULL;
	int status = 0;

	(void)state;
	if (getuid() != 0)
		skip();
	struct crew *crew = listening_behind_a_gap(&conf);
	const struct addr *at = &conf->listen[0].addr;
	assert_int_equal(count_sockets("/proc/net/udp", at, 0), 2);
	const pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(privileges_drop(conf, give_all, crew, &now) == 0 ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(count_sockets("/proc/net/udp", at, getpwnam("nobody")->pw_uid), 2);
	assert_int_equal(count_sockets("/proc/net/tcp", at, getpwnam("nobody")->pw_uid), 2);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(who_is_not_written_is_the_services_or_nobody),
	cmocka_unit_test(who_it_is_already_is_not_looked_for),
	cmocka_unit_test(an_account_that_is_not_there_is_told),
	cmocka_unit_test(root_by_another_way_is_told),
	cmocka_unit_test(staying_and_an_account_that_is_there_are_fine),
	cmocka_unit_test(root_becomes_another_for_good_OP_11),
	cmocka_unit_test(every_listener_becomes_the_accounts),
	cmocka_unit_test(whoever_else_it_is_stays),
	cmocka_unit_test(a_unit_may_forbid_to_give_up_what_is_not_there),
};
UNIT_MAIN_PLAIN(tests)
