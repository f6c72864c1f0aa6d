/* The load of the measurements: questions of a mix (mix.h) to a server and, in turn with it, slice
 * by slice, to an echo server that is the limit of the machine at that moment. Either so many
 * questions wait at the same time (--window) or so many go out a second (--rate). What it says, as
 * a line of JSON: asked, right, wrong, lost; the rate, counted from the replies that came within
 * the slices; and its own processor time, which tells whether it was what held the server up.
 *
 *	load --server 127.1.1.1@5300 --echo 127.1.1.2@5300 --source 127.1.2.1 --lanes 4 --window 192
 *	     --hot 1000 --seconds 1 --slice 0.1
 */
#include <err.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "../faults/serve.h"
#include "load.h"

enum { SERVER, ECHO, LOADS }; /* places of the loads */

static struct load_plan plan = { .lanes = 4, .window = 192, .wait_ns = 500000000 };
static struct mix mix = { .random = 1 };
static struct load loads[LOADS] = { [ECHO] = { .is_echo = true } };
static uint64_t seconds_ns = 1000000000, slice_ns = 100000000;
static const struct load_way *way = &load_udp;

/* False where there is nothing left to ask. */
static bool run_slice(struct load *load)
{
	const uint64_t began_ns = score_now_ns(), cpu_ns = score_cpu_ns();
	const bool is_more = way->run(load, began_ns + slice_ns);

	load->score.ns += score_now_ns() - began_ns;
	load->score.cpu_ns += score_cpu_ns() - cpu_ns;
	way->drain(load);
	return is_more;
}

static void run(void)
{
	bool is_more = true;

	for (uint64_t done_ns = 0; done_ns < seconds_ns && is_more; done_ns += slice_ns) {
		is_more = run_slice(&loads[SERVER]);
		if (loads[ECHO].plan != NULL)
			run_slice(&loads[ECHO]);
	}
}

/* --- the command line ---------------------------------------------------------------------- */

enum option_id {
	TO_SERVER,
	TO_ECHO,
	SOURCE,
	LANES,
	WINDOW,
	RATE,
	WAIT,
	SECONDS,
	SLICE,
	TCP,
	EACH,
	IN_STEP,
	HOT,
	ZIPF,
	SWEEP,
	FRESH,
	ABSENT,
	COURIER,
	FIRST,
	SEED
};

static void aim(struct load *load, char *address)
{
	load->server = serve_address(address, 53);
	load->plan = &plan;
	load->mix = &mix;
}

static uint64_t nanoseconds(const char *text)
{
	return (uint64_t)(strtod(text, NULL) * 1e9);
}

static void take_mix_option(enum option_id option, const char *value)
{
	const unsigned long number = value == NULL ? 0 : strtoul(value, NULL, 10);

	if (option == HOT)
		mix.hot = (uint32_t)number;
	else if (option == ZIPF)
		mix.is_zipf = true;
	else if (option == SWEEP)
		mix.is_sweep = true;
	else if (option == FRESH)
		mix.fresh_percent = (unsigned)number;
	else if (option == ABSENT)
		mix.absent_percent = (unsigned)number;
	else if (option == COURIER)
		mix.courier_percent = (unsigned)number;
	else if (option == FIRST)
		mix.next_fresh = (uint32_t)number;
	else if (option == SEED)
		mix.random = number;
}

static void take_option(enum option_id option, char *value)
{
	if (option == TO_SERVER)
		aim(&loads[SERVER], value);
	else if (option == TO_ECHO)
		aim(&loads[ECHO], value);
	else if (option == SOURCE)
		plan.source = serve_address(value, 0);
	else if (option == LANES)
		plan.lanes = (unsigned)strtoul(value, NULL, 10);
	else if (option == WINDOW)
		plan.window = (unsigned)strtoul(value, NULL, 10);
	else if (option == RATE)
		plan.rate = strtod(value, NULL);
	else if (option == WAIT)
		plan.wait_ns = nanoseconds(value);
	else if (option == SECONDS)
		seconds_ns = nanoseconds(value);
	else if (option == SLICE)
		slice_ns = nanoseconds(value);
	else if (option == IN_STEP)
		plan.is_in_step = true;
	else if (option == TCP || option == EACH)
		way = &load_tcp;
	else
		take_mix_option(option, value);
	plan.is_each |= option == EACH;
}

static void read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "server", required_argument, NULL, TO_SERVER },
		{ "echo", required_argument, NULL, TO_ECHO },
		{ "source", required_argument, NULL, SOURCE },
		{ "lanes", required_argument, NULL, LANES },
		{ "window", required_argument, NULL, WINDOW },
		{ "rate", required_argument, NULL, RATE },
		{ "wait", required_argument, NULL, WAIT },
		{ "seconds", required_argument, NULL, SECONDS },
		{ "slice", required_argument, NULL, SLICE },
		{ "tcp", no_argument, NULL, TCP },
		{ "each", no_argument, NULL, EACH },
		{ "in-step", no_argument, NULL, IN_STEP },
		{ "hot", required_argument, NULL, HOT },
		{ "zipf", no_argument, NULL, ZIPF },
		{ "sweep", no_argument, NULL, SWEEP },
		{ "fresh", required_argument, NULL, FRESH },
		{ "absent", required_argument, NULL, ABSENT },
		{ "courier", required_argument, NULL, COURIER },
		{ "first", required_argument, NULL, FIRST },
		{ "seed", required_argument, NULL, SEED },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?')
			exit(64);
		take_option((enum option_id)option, optarg);
	}
	const unsigned parts = mix.fresh_percent + mix.absent_percent + mix.courier_percent;

	if (loads[SERVER].plan == NULL || plan.lanes == 0 || plan.lanes > LOAD_LANES_MAX ||
	    slice_ns == 0 || parts > 100 || (parts < 100 && mix.hot == 0))
		errx(64, "--server, --source, 1 to %u --lanes, and what to ask", LOAD_LANES_MAX);
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1);
	mix_init(&mix);
	for (int at = 0; at < LOADS; at++)
		if (loads[at].plan != NULL)
			way->open(&loads[at]);
	run();
	printf("{\"server\": ");
	score_print(&loads[SERVER].score);
	printf(", \"echo\": ");
	score_print(&loads[ECHO].score);
	printf(", \"next\": %u}\n", mix.next_fresh);
	return 0;
}
