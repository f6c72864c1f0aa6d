/* Prints what rules cost: reading and compiling them, memory, and a decision among few and among
 * many. Asserts nothing: the machine's mood is in every figure. Usage: bench_policy [rules] */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/conf_load.h"
#include "policy/classify.h"
#include "policy/policy.h"
#include "wire/message.h"

#define DECISIONS 1000000u
#define RULE_MAX_LEN 160u

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double heap_mb(void)
{
	const struct mallinfo2 info = mallinfo2();
	return (double)(info.uordblks + info.hblkhd) / 1e6;
}

static void give_up(const char *why)
{
	fprintf(stderr, "bench_policy: %s\n", why);
	exit(1);
}

/* Nine rules in ten forward, one answers. */
static struct conf *make_conf(unsigned rules, struct complaints *complaints)
{
	char *text = malloc(rules * RULE_MAX_LEN + 100);
	struct conf *conf = NULL;
	size_t len = 0;

	if (text == NULL)
		give_up("memory is short");
	len += (size_t)snprintf(text, 100, "zones = ( ");
	for (unsigned i = 0; i < rules; i++) {
		len += (size_t)snprintf(text + len, RULE_MAX_LEN,
					"%s{ name = \"host%u.zone%u.example\"; %s }\n",
					i > 0 ? "," : "", i, i % 97,
					i % 10 != 9 ? ""
						    : "action = \"answer\"; "
						      "records = [ \"@ 300 IN A 10.1.2.3\" ];");
	}
	snprintf(text + len, 10, ");");
	if (conf_load_text(text, "bench", complaints, &conf) != 0)
		give_up(complaint_kept(complaints) > 0 ? complaint_text(complaints, 0) : "conf");
	free(text);
	return conf;
}

static size_t make_query(uint8_t query[300], unsigned n, const char *top)
{
	char host[24], zone[24];
	size_t len = MESSAGE_HEADER_LEN;

	memset(query, 0, MESSAGE_HEADER_LEN);
	query[2] = 1;
	query[5] = 1;
	snprintf(host, sizeof(host), "host%u", n);
	snprintf(zone, sizeof(zone), "zone%u", n % 97);
	const char *const labels[] = { "www", host, zone, top };
	for (size_t i = 0; i < 4; i++) {
		const size_t label_len = strlen(labels[i]);
		query[len++] = (uint8_t)label_len;
		memcpy(query + len, labels[i], label_len);
		len += label_len;
	}
	memcpy(query + len, "\0\0\1\0\1", 5);
	return len + 5;
}

static void time_decisions(const struct policy *policy, unsigned rules, const char *top)
{
	const struct addr client = { .bytes = { 10, 0, 0, 1 }, .family = ADDR_IPV4 };
	static uint8_t queries[1024][300];
	static struct query_view views[1024];
	struct decision decision;
	unsigned ruled = 0;

	for (unsigned i = 0; i < 1024; i++) {
		/* every other one is for a rule that is there */
		const unsigned n = i % 2 == 0 ? i * 7919u % rules : rules + i;
		const size_t len = make_query(queries[i], n, top);
		if (query_view_parse(&views[i], queries[i], len) != QUERY_OK)
			give_up("query");
	}
	ruled = 0;
	const double from = now_s();
	for (unsigned i = 0; i < DECISIONS; i++) {
		policy_judge(policy, &views[i % 1024], views[i % 1024].name, &client, &decision);
		ruled += decision.zone != NULL;
	}
	printf("  decision among %7u rules, of names in %-7s  %6.0f ns (%u%% by a rule)\n", rules,
	       top, (now_s() - from) / DECISIONS * 1e9, ruled / (DECISIONS / 100));
}

static void bench_rules(unsigned rules)
{
	const struct hash_key key = { 1, 2 };
	struct complaints *complaints = complaint_new();
	struct policy *policy = NULL;
	const double empty_mb = heap_mb(), start_s = now_s();
	struct conf *conf = make_conf(rules, complaints);
	const double conf_mb = heap_mb(), read_s = now_s();

	if (policy_compile(conf, &key, complaints, &policy) != 0)
		give_up("rules do not compile");
	printf("  %7u rules: read in %.3f s, %.1f MB; compiled in %.3f s, %.1f MB\n", rules,
	       read_s - start_s, conf_mb - empty_mb, now_s() - read_s, heap_mb() - conf_mb);
	time_decisions(policy, rules, "example");
	time_decisions(policy, rules, "com");
	policy_free(policy);
	conf_free(conf);
	complaint_free(complaints);
}

/* The courier's shape: an alias and nothing behind it. */
static void bench_classify(void)
{
	static const uint8_t reply[] =
		"\0\0\x81\x80\0\1\0\1\0\0\0\0\7courier\4push\5apple\3com\0\0\1\0\1"
		"\xc0\14\0\5\0\1\0\0\1\27\0\43\22courier-push-apple\3com\6akadns\3net";
	struct message_facts facts;
	unsigned dangling = 0;

	if (message_read(reply, sizeof(reply), &facts) == MESSAGE_BAD)
		give_up("reply");
	const double from = now_s();
	for (unsigned i = 0; i < DECISIONS; i++)
		dangling += classify_reply(reply, &facts) == VERDICT_BARE;
	printf("  verdict on the courier's alias  %6.0f ns (%u%% bare)\n",
	       (now_s() - from) / DECISIONS * 1e9, dangling / (DECISIONS / 100));
}

int main(int argc, char **argv)
{
	const unsigned rules = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 100000;

	bench_rules(10);
	bench_rules(rules);
	bench_classify();
	return 0;
}
