/* scenario_run: plays scenarios, each in a process of its own.
 *
 *     scenario_run [--starve=N] FILE...
 *
 * With --starve each is played again and again with the first, second, ... allocation failing, at
 * most N times from its start and as many times from its first question: nothing is compared then,
 * but nothing may crash, hang or leak either (a sanitizer build sees the leaks). */
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
	static const struct play_mode modes[] = { { .is_lenient = false } };
	struct scn *scn = scn_load(path);

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		play_scenario(scn, &modes[i]);
	if (starvings > 0) {
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

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;
	uint64_t starvings = 0;

	log_open(LEVEL_ERROR, LOG_TO_STDERR);
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
