/* clang-format off: a table */
/* scenario_run: plays scenarios, each in a process of its own.
 *
 *     scenario_run [--starve=N] FILE...
 *
 * With --starve each is played again and again with the first, second, ... allocation failing, at
 * most N times from its start and as many times from its first question: nothing is compared then,
 * but nothing may crash, hang or leak either (a sanitizer build sees the leaks).
 *
 * The verbs of a scenario; what is in brackets may be left out, and lines indented below a verb
 * with "records" are [answer|authority|additional] OWNER TTL TYPE RDATA:
 *
 *     conf TEXT                    configuration, all `conf` lines together, more text below
 *     reload TEXT                  another one, whole, in its place
 *     client NAME ADDRESS          a client that is not just anybody in 10.0.0.0/16
 *     server ADDRESS open|tcp=refused|tcp=silent|noroute
 *     server ADDRESS answers|deaf|closed [after=40ms loss=PERCENT flaps=5s ignores=TEXT
 *                           tcp=refused ttl=60 counts-down couriers=50 refuses=TYPE]
 *                                  needs no script from now on: answers A with its own address
 *                                  and others with nothing, is silent, or refuses; is silent about
 *                                  names that begin with TEXT. With a TTL what is not there has
 *                                  a SOA; it may count down to a time that is the same for all.
 *                                  With couriers it knows Apple's alias, and their number
 *     sent SERVER LOW..HIGH [probes]
 *                                  so much was sent to one without a script, since the last time
 *     ask CLIENT NAME TYPE [do cd ad rd=0 tc aa ra z tcp mixed signed edns=SIZE version=N
 *                           ecs=NET opt=CODE:HEX class=CH id=N opcode=N]
 *     ask CLIENT raw HEX
 *     expect SERVER NAME TYPE [tcp noedns signed case do cd ad rd=0 class= edns= ecs= opt=]
 *                                  was asked exactly so; "case": letter for letter
 *     silence                      nobody else was asked; probes (. NS) are answered and passed
 *                                  over unless the file expects one
 *     reply SERVER [for NAME] [first|again] RCODE [aa tc ad cd ra=0 rd=0 qr=0 z noedns edns=SIZE
 *                           version=N ede=N ecs= opt= bare noquestion wrong-id qname= qtype=
 *                           qclass= nocompress lower trailing=HEX], records
 *     reply SERVER raw HEX         where ID and QUESTION stand for what was asked
 *     unreachable SERVER           ICMP, or the connection is reset
 *     fin SERVER                   it closes the connection
 *     answer CLIENT [for NAME] as SERVER|any [aged N] [ttl=N ttl-min=N ttl-max=N tc ede N ["TEXT"]
 *                           opt=CODE:HEX noopts within=500ms]
 *                                  the server's bytes; TTLs all N, or bounded; "any": of one
 *                                  without a script
 *     answer CLIENT [for NAME] RCODE [aa ad tc bare ede N opt=], records, whose TTL and RDATA may
 *                           be *
 *     noanswer CLIENT              nothing yet
 *     dropped CLIENT               met with silence
 *     ignored CLIENT               what it sent will never lead to anything
 *     log LOW..HIGH TEXT           so many lines since the start have that in them
 *     stat NAME VALUE              since the start
 *     counted VALUE TEXT           the same of squashes and repairs: name and labels
 *     known NAME TYPE WORD=VALUE...
 *                                  what explain would tell: entries= (answers and failures kept),
 *                                  and of the first verdict= rcode= used=yes|no stale= failing=
 *                                  do= age= left= stale-left=; role= guarded=; server= said= ago=
 *                                  took-ms= on-failure=yes|no of the last exchange
 *     device CLIENT|ADDRESS unknown|VERDICT
 *     device CLIENT|ADDRESS STAGE: not reached|NAME TYPE VERDICT by WHOM [ADDRESS] asked N
 *                                  what the timeline of devices says of it, or of the hardware
 *                                  address: the verdict as "stalled at bag for 31 s"
 *     network                      addresses, routes or name servers are others from here on
 *     pass 181s|400ms              time moves so and in no other way
 *     crowd COUNT every=10ms [right=99.9 within=1500ms]
 *                                  clients with a name of their own each ask servers without a
 *                                  script; so many percent are answered, the others SERVFAIL
 *     knock COUNT every=100ms NAME LOW..HIGH TYPE,TYPE [hits=99]
 *                                  clients ask NAME, with any such number for {n}, of a server
 *                                  without a script; so many percent find it in the cache
 *     pace MOST per=1s             no more than that was sent to servers without a script in any
 *                                  such time since the last `pace`
 *     family NAME [warm=LOW..HIGH total= count= questions= in-use= waits=]
 *                                  what is known of a family of couriers
 *     once                         in the first line: not replayed with failing allocations
 *     each 1..9 VERB ..., each a,b,c VERB ..., each 1..9 and lines up to `end`: once for every {n}
 *
 * All that leaves for a server must be expected and all that comes to a client looked at before the
 * next thing happens, and at the end everybody must have been told something. */
/* clang-format on */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "play.h"
#include "report.h"

#define TIME_LIMIT_S 120u

static void starve(const struct scn *scn, bool from_asks, uint64_t times)
{
	struct play_mode mode = { .is_lenient = true, .fails_from_asks = from_asks };

	do {
		mode.fail_at++;
	} while (mode.fail_at <= times && play_scenario(scn, &mode));
}

static void play_file(const char *path, uint64_t starvings)
{
	static const struct play_mode modes[] = { { .takes_long_way = false },
						  { .takes_long_way = true } };
	struct scn *scn = scn_load(path);

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		play_scenario(scn, &modes[i]);
	if (starvings > 0 && strcmp(scn->steps[0].verb, "once") != 0) {
		starve(scn, false, starvings);
		starve(scn, true, starvings);
	}
	scn_free(scn);
}

static bool passes(const char *path, uint64_t starvings)
{
	int status = 0;

	fflush(NULL);
	const pid_t child = fork();
	if (child == 0) {
		alarm(TIME_LIMIT_S);
		play_file(path, starvings);
		exit(EXIT_SUCCESS);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		fprintf(stderr, "%s: no process for it\n", path);
		return false;
	}
	if (WIFSIGNALED(status))
		fprintf(stderr, "%s: died of signal %d\n", path, WTERMSIG(status));
	else if (WEXITSTATUS(status) != EXIT_SUCCESS)
		fprintf(stderr, "%s: failed\n", path);
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* What is said of servers is no matter here. */
static void no_line(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	(void)level;
	(void)text;
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;
	uint64_t starvings = 0;

	log_open(LEVEL_ERROR, LOG_TO_STDERR);
	log_tap(no_line, NULL);
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--starve=", 9) == 0)
			starvings = strtoul(argv[i] + 9, NULL, 10);
		else if (passes(argv[i], starvings))
			passed++;
		else
			failed++;
	}
	printf("scenario: %u passed, %u failed\n", passed, failed);
	return failed > 0 || passed == 0;
}
