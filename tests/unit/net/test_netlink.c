/* The real kernel, in a network of its own. */
#include "net/netlink.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop_bench.h"
#include "net/settle.h"
#include "unit.h"

struct seen {
	struct loop_bench bench;
	struct netlink *netlink;
	struct netlink_changes changes;
	unsigned told;
	struct addr_prefix asked; /* where somebody is asked */
	struct timer again;
	unsigned rounds;
};

/* Left with the test's process, and there is nothing in it yet. */
static int make_network(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
		return 0;
	print_message("a network namespace is needed: run as root, in a container with "
		      "CAP_SYS_ADMIN\n");
	return -1;
}

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static bool matters(void *ctx, const struct addr_prefix *to)
{
	const struct seen *seen = ctx;

	return addr_prefix_covers(to, &seen->asked.net);
}

static bool leaves_from(void *ctx, const struct addr *local)
{
	struct addr wan;

	(void)ctx;
	assert_int_equal(addr_parse("192.0.2.2", 1, &wan), 0);
	return addr_same_host(local, &wan);
}

static void on_change(void *ctx, const struct netlink_changes *changes)
{
	struct seen *seen = ctx;

	seen->changes = *changes;
	seen->told++;
	if (seen->rounds == 0)
		loop_stop(seen->bench.loop);
}

static const struct netlink_events events = { .matters = matters,
					      .leaves_from = leaves_from,
					      .on_change = on_change };

static void free_netlink(struct seen *seen)
{
	if (seen->rounds > 0)
		timer_stop(loop_timers(seen->bench.loop), &seen->again);
	netlink_free(seen->netlink);
}

static struct seen *listening(const char *asked)
{
	struct seen *seen = unit_zalloc(sizeof(*seen));

	loop_bench_init(&seen->bench);
	unit_own(seen, free_netlink);
	assert_int_equal(addr_prefix_parse(asked, &seen->asked), 0);
	assert_int_equal(netlink_new(seen->bench.loop, &events, seen, &seen->netlink), 0);
	return seen;
}

static void assert_not_told(struct seen *seen)
{
	loop_bench_pass(&seen->bench, SETTLE_QUIET_US + 50000);
	assert_int_equal(seen->told, 0);
}

static const struct netlink_changes *told(struct seen *seen)
{
	loop_bench_run(&seen->bench);
	assert_int_equal(seen->told, 1);
	seen->told = 0;
	return &seen->changes;
}

/* The kernel looks at carriers a moment later, and then says that the link is up. */
/* The system sees a carrier when it has time to, and makes an address of its own then: what has yet
 * to come would be a change. */
#define WITH_WAN                                                                                 \
	"ip link set lo up && ip link add wan type veth peer name isp && "                       \
	"ip link set isp addrgenmode none && ip link set wan addrgenmode none && "               \
	"ip link set isp up && ip address add 192.0.2.2/24 dev wan && ip link set wan up && "    \
	"for link in isp wan; do until ip link show $link | grep -q 'state UP'; do sleep 0.01; " \
	"done; done"

static void what_is_there_at_the_start_is_no_change(void **state)
{
	(void)state;
	run(WITH_WAN);
	assert_not_told(listening("198.51.100.1"));
}

static void addresses_are_told(void **state)
{
	(void)state;
	run(WITH_WAN);
	struct seen *seen = listening("198.51.100.1");
	assert_not_told(seen);
	run("ip address add 192.0.2.2/32 dev lo");
	const struct netlink_changes *changes = told(seen);
	assert_int_equal(changes->addresses, 1);
	assert_int_equal(changes->links + changes->routes + changes->losses + changes->others, 0);
	run("ip address del 192.0.2.2/32 dev lo");
	assert_int_equal(told(seen)->addresses, 1);
}

/* As one that two servers share. */
static void addresses_that_nobody_is_asked_from_are_told_apart(void **state)
{
	(void)state;
	run(WITH_WAN);
	struct seen *seen = listening("198.51.100.1");
	assert_not_told(seen);
	run("ip address add 192.0.2.3/24 dev wan");
	const struct netlink_changes *changes = told(seen);
	assert_int_equal(changes->others, 1);
	assert_int_equal(changes->addresses + changes->links + changes->routes + changes->losses,
			 0);
	run("ip address del 192.0.2.3/24 dev wan");
	assert_int_equal(told(seen)->others, 1);
}

/* A lease that is extended, a router that advertises itself: told again, and nothing new. */
static void an_address_that_is_refreshed_is_no_change(void **state)
{
	(void)state;
	run(WITH_WAN
	    " && ip address add 2001:db8::2/64 dev wan nodad valid_lft 500 preferred_lft 500 && "
	    "while ip address show dev wan tentative | grep -q 2001; do sleep 0.01; done");
	struct seen *seen = listening("198.51.100.1");
	assert_not_told(seen);
	run("ip address change 2001:db8::2/64 dev wan valid_lft 900 preferred_lft 900");
	run("ip address change 192.0.2.2/24 dev wan valid_lft 900 preferred_lft 900");
	assert_not_told(seen);
}

/* Where there are thousands of both, as of a host of containers: links take no room from them. */
static void one_of_very_many_that_is_refreshed_is_no_change(void **state)
{
	(void)state;
	run(WITH_WAN
	    " && ip address add 2001:db8::2/64 dev wan nodad valid_lft 500 preferred_lft 500 && "
	    "for i in $(seq 20); do echo link add a$i type veth peer name b$i; "
	    "echo link set a$i addrgenmode none; echo link set b$i addrgenmode none; "
	    "echo link set a$i up; echo link set b$i up; done | ip -batch - && "
	    "for i in $(seq 8170); do echo address add 10.9.$((i / 250)).$((i % 250))/32 dev wan; "
	    "done | ip -batch - && sleep 0.5");
	struct seen *seen = listening("198.51.100.1");
	assert_not_told(seen);
	run("ip address change 2001:db8::2/64 dev wan valid_lft 900 preferred_lft 900");
	assert_not_told(seen);
}

static void links_are_told_where_they_have_an_address(void **state)
{
	(void)state;
	run(WITH_WAN " && ip link add spare type veth peer name other");
	struct seen *seen = listening("198.51.100.1");
	assert_not_told(seen);
	run("ip link set spare up && ip link set other up && ip link set spare mtu 1400 && "
	    "ip link set wan mtu 1400 && ip link set wan txqueuelen 50 && ip link del spare");
	assert_not_told(seen);
	/* the cable is drawn: nothing but the carrier goes */
	run("ip link set isp down");
	assert_true(told(seen)->links == 1);
	run("ip link set isp up");
	assert_true(told(seen)->links == 1);
	run("ip link set wan down");
	assert_true(told(seen)->links == 1);
}

static void a_bridge_that_nobody_is_asked_from_is_not_told(void **state)
{
	(void)state;
	run(WITH_WAN " && ip link add containers type bridge && ip link set containers up && "
		     "ip address add 172.17.0.1/16 dev containers && "
		     "ip link add spare type veth peer name other && ip link set other up");
	struct seen *seen = listening("198.51.100.1");
	assert_not_told(seen);
	/* the system tells of carriers when it finds the time */
	run("ip link set spare master containers up && "
	    "until ip link show containers | grep -q 'state UP'; do sleep 0.01; done");
	assert_not_told(seen);
	run("ip link del spare && "
	    "while ip link show containers | grep -q 'state UP'; do sleep 0.01; done");
	assert_not_told(seen);
	run("ip link set isp down");
	assert_true(told(seen)->links == 1);
}

static void routes_are_told_where_somebody_is_asked(void **state)
{
	(void)state;
	run(WITH_WAN);
	struct seen *seen = listening("198.51.100.1");
	assert_not_told(seen);
	run("ip route add 203.0.113.0/24 via 192.0.2.1 && "
	    "ip -6 route add 2001:db8:1::/48 dev wan && ip route del 203.0.113.0/24");
	assert_not_told(seen);
	run("ip route add default via 192.0.2.1");
	assert_int_equal(told(seen)->routes, 1);
	run("ip route replace 198.51.100.0/25 via 192.0.2.9");
	assert_int_equal(told(seen)->routes, 1);
	run("ip route add unreachable 198.51.100.1");
	assert_int_equal(told(seen)->routes, 1);
}

static void link_local_matters_to_who_asks_there(void **state)
{
	(void)state;
	run(WITH_WAN);
	struct seen *other = listening("198.51.100.1");
	struct seen *seen = listening("fe80::1");
	assert_not_told(other);
	assert_not_told(seen);
	run("ip address add fe80::99/64 dev wan nodad");
	assert_not_told(other);
	assert_int_equal(told(seen)->addresses, 1);
}

static void neighbours_are_no_change(void **state)
{
	(void)state;
	run(WITH_WAN);
	struct seen *seen = listening("198.51.100.1");
	assert_not_told(seen);
	run("ip neigh add 192.0.2.77 lladdr 02:00:00:00:00:01 dev wan && "
	    "ip neigh del 192.0.2.77 dev wan && ip maddress add 01:00:5e:00:00:01 dev wan");
	assert_not_told(seen);
}

static void on_again(void *ctx)
{
	struct seen *seen = ctx;

	run(seen->rounds++ % 2 == 0 ? "ip address add 192.0.2.3/24 dev wan"
				    : "ip address del 192.0.2.3/24 dev wan");
	timer_start(loop_timers(seen->bench.loop), &seen->again, 20000);
}

static void a_flood_is_told_once_a_second(void **state)
{
	(void)state;
	run(WITH_WAN);
	struct seen *seen = listening("198.51.100.1");
	assert_not_told(seen);
	timer_init(&seen->again, on_again, seen);
	const struct clock *clock = loop_clock(seen->bench.loop);
	const uint64_t start_us = clock->now_us;
	on_again(seen);
	loop_bench_pass(&seen->bench, 1200000);
	assert_true(seen->rounds > 10);
	assert_true(seen->told >= 2);
	assert_true(seen->told <= (clock->now_us - start_us) / SETTLE_SPACING_US + 1);
}

/* So many that the socket's buffer cannot hold them while nobody reads. */
static void what_is_lost_counts_as_a_change_and_is_learned_again(void **state)
{
	(void)state;
	run(WITH_WAN);
	struct seen *seen = listening("198.51.100.1");
	assert_not_told(seen);
	run("i=0; while [ $i -lt 12000 ]; do echo route add 10.$((i / 250)).$((i % 250)).0/24 dev "
	    "wan; i=$((i + 1)); done | ip -batch -");
	assert_true(told(seen)->losses > 0);
	/* more may have been lost while it was learned */
	for (unsigned i = 0; i < 10; i++) {
		if (!loop_bench_runs(&seen->bench, SETTLE_SPACING_US + 2 * SETTLE_QUIET_US))
			break;
	}
	seen->told = 0;
	run("ip address change 192.0.2.2/24 dev wan valid_lft 900 preferred_lft 900");
	assert_not_told(seen);
	run("ip address del 192.0.2.2/24 dev wan");
	assert_int_equal(told(seen)->addresses, 1);
}

#define TEST(name) cmocka_unit_test_setup(name, make_network)
static const struct CMUnitTest tests[] = {
	TEST(what_is_there_at_the_start_is_no_change),
	TEST(addresses_are_told),
	TEST(addresses_that_nobody_is_asked_from_are_told_apart),
	TEST(an_address_that_is_refreshed_is_no_change),
	TEST(one_of_very_many_that_is_refreshed_is_no_change),
	TEST(links_are_told_where_they_have_an_address),
	TEST(a_bridge_that_nobody_is_asked_from_is_not_told),
	TEST(routes_are_told_where_somebody_is_asked),
	TEST(link_local_matters_to_who_asks_there),
	TEST(neighbours_are_no_change),
	TEST(a_flood_is_told_once_a_second),
	TEST(what_is_lost_counts_as_a_change_and_is_learned_again),
};

/* Each waits for the system. */
UNIT_MAIN_PLAIN(tests)
