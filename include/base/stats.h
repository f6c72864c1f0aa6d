/* base/stats.h: what is counted. One row makes the enum, and later the exported metric. */
#pragma once

#include <stdint.h>

/* id, name, help */
#define STATS(X)                                                                                   \
	X(QUERIES_UDP, "queries_udp", "queries received over UDP")                                 \
	X(QUERIES_TCP, "queries_tcp", "queries received over TCP")                                 \
	X(MALFORMED, "malformed", "client packets answered FORMERR, NOTIMP or BADVERS")            \
	X(IGNORED, "ignored", "client packets met with silence: too short, or responses")          \
	X(REFUSED, "refused", "queries refused or dropped by access or by a rule")                 \
	X(REFUSED_ACCESS, "refused_access", "of these: access does not let the client ask")        \
	X(REFUSED_RULE, "refused_rule", "of these: by a rule of zones")                            \
	X(REFUSED_TRANSFER, "refused_transfer", "of these: zone transfers that are not passed on") \
	X(CACHE_HITS, "cache_hits", "answered from the cache, fresh")                              \
	X(CACHE_STALE, "cache_stale", "answered from the cache past its time (RFC 8767)")          \
	X(CACHE_MISSES, "cache_misses", "questions the cache could not answer")                    \
	X(CACHE_EVICTIONS, "cache_evictions", "entries put out to make room")                      \
	X(COALESCED, "coalesced", "questions that joined the same question in flight")             \
	X(PREFETCHES, "prefetches", "questions asked ahead of time, for no client")                \
	X(PRERESOLVES, "preresolve_questions", "questions that keep families of couriers warm")    \
	X(LOCAL_ANSWERS, "local_answers", "answered by a rule or a special name")                  \
	X(UPSTREAM_UDP, "upstream_udp", "questions sent to servers over UDP")                      \
	X(UPSTREAM_TCP, "upstream_tcp", "questions sent to servers over TCP")                      \
	X(UPSTREAM_TIMEOUTS, "upstream_timeouts", "questions a server did not answer in time")     \
	X(UPSTREAM_FAILURES, "upstream_failures", "failure rcodes and socket errors from servers") \
	X(UPSTREAM_MISMATCHED, "upstream_mismatched", "packets that were not the answer awaited")  \
	X(UPSTREAM_PROBES, "upstream_probes", "probes sent to servers that seem dead")             \
	X(SERVFAILS, "servfails", "questions that ended in SERVFAIL of our own making")            \
	X(VERDICT_ANSWERED, "verdict_answered", "replies with data of the asked type")             \
	X(VERDICT_NODATA, "verdict_nodata", "replies: name exists, type does not")                 \
	X(VERDICT_NXDOMAIN, "verdict_nxdomain", "replies: name does not exist")                    \
	X(VERDICT_DANGLING, "verdict_dangling", "replies: CNAME that leads to no data, with SOA")  \
	X(VERDICT_DANGLING_NXDOMAIN, "verdict_dangling_nxdomain",                                  \
	  "replies: CNAME to a name that does not exist")                                          \
	X(VERDICT_BARE, "verdict_bare", "replies without data and without SOA")                    \
	X(VERDICT_FAILED, "verdict_failed", "replies with any other rcode")                        \
	X(NFTSET_LATE, "nftset_late",                                                              \
	  "answers that went before their addresses were in an nft set: it took 50 ms")            \
	X(REBINDING_BLOCKED, "rebinding_blocked",                                                  \
	  "answers held back: private addresses for names of others")                              \
	X(LIMIT_INFLIGHT, "limit_inflight", "questions turned away: limits.inflight")              \
	X(LIMIT_NAME, "limit_name", "questions that waited in line: four of their name in flight") \
	X(LIMIT_ZONE, "limit_zone", "questions turned away: the zone's share of limits.inflight")  \
	X(LIMIT_INFLIGHT_PER_CLIENT, "limit_inflight_per_client",                                  \
	  "questions turned away: limits.inflight_per_client")                                     \
	X(LIMIT_RATE_PER_CLIENT, "limit_rate_per_client",                                          \
	  "questions dropped, told to come over TCP or refused: limits.rate_per_client")           \
	X(LIMIT_RATE_CLIENTS, "limit_rate_clients",                                                \
	  "clients whose rate was forgotten for the sake of others")                               \
	X(LIMIT_DEVICES, "limit_devices",                                                          \
	  "devices forgotten for the sake of others: limits.devices")                              \
	X(LIMIT_TCP_CLIENTS, "limit_tcp_clients", "connections closed: limits.tcp_clients")        \
	X(LIMIT_TCP_PER_ADDRESS, "limit_tcp_clients_per_address",                                  \
	  "connections closed: limits.tcp_clients_per_address")                                    \
	X(LIMIT_TCP_IDLE, "limit_tcp_idle", "connections closed: limits.tcp_idle")                 \
	X(LIMIT_SQUASHERS, "limit_squashers",                                                      \
	  "servers that squash forgotten for the sake of others")                                  \
	X(LIMIT_DESCRIPTORS, "limit_descriptors",                                                  \
	  "sockets not made, connections not taken: the system's limit of open files")             \
	X(LIMIT_MEMORY, "limit_memory", "questions turned away: memory is short")                  \
	X(LIMIT_CONTROL, "limit_control",                                                          \
	  "control connections closed: too many, too slow, or too much said")                      \
	X(LIMIT_QUERY_LOG, "limit_query_log",                                                      \
	  "lines of log.queries that nobody took in time, and that are lost")                      \
	X(LIMIT_WEB, "limit_web", "web connections closed: too many, too slow, or too much said")

enum stat {
#define STATS_ENUM(id, name, help) STAT_##id,
	STATS(STATS_ENUM)
#undef STATS_ENUM
		STAT_COUNT
};

struct stats {
	uint64_t count[STAT_COUNT];
};

static inline void stats_count(struct stats *stats, enum stat stat)
{
	stats->count[stat]++;
}

static inline void stats_add(struct stats *stats, enum stat stat, uint32_t n)
{
	stats->count[stat] += n;
}

const char *stats_name(enum stat stat);
const char *stats_help(enum stat stat);
