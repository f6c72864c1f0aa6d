/* conf/conf.h: the configuration as plain data, with every default in place.
 *
 * Made by conf_load(), read-only from then on, freed whole. Everything that a later stage may
 * have to complain about knows its place in the file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "wire/name.h"

struct conf_place {
	const char *file; /* owned by the conf; NULL for what stands in no file */
	int line;
};

struct conf_listen {
	struct addr addr;
	bool udp, tcp;
	struct conf_place place;
};

/* The words of an enum in the file, here and below; NULL behind the last. */
extern const char *const conf_listen_actions[];
enum access_action { ACCESS_ALLOW, ACCESS_REFUSE, ACCESS_DROP };
struct conf_access {
	struct addr_prefix net;
	enum access_action action;
	struct conf_place place;
};

#define CONF_INTERFACE_MAX 16 /* with its NUL, as the system has it */

/* How a server is reached. */
struct conf_server {
	struct addr addr;
	struct addr source;		    /* ADDR_NONE: the system chooses; else without a port */
	char interface[CONF_INTERFACE_MAX]; /* "": the routes decide */
	struct conf_place place;
};
/** The same address and port, reached the same way. */
bool conf_server_equal(const struct conf_server *a, const struct conf_server *b);

enum group_order { ORDER_FASTEST, ORDER_LISTED, ORDER_RACE };
extern const char *const conf_group_orders[];
struct conf_group {
	char *name; /* "default" is always there, at index 0 */
	/* Those written; or empty, and resolv_conf the path of the file that names them, to be
	 * filled in from there. */
	struct conf_server *servers;
	size_t server_count;
	char *resolv_conf;
	enum group_order order;
	bool randomize_case;
	uint32_t timeout_ms; /* for a whole question */
	struct conf_place place;
};

/* A name as a rule writes it: wire form in lower case; in a template one label holds the bytes
 * "{n}". */
struct conf_name {
	uint8_t *wire;
	uint8_t len;
	bool is_template;
	struct conf_place place;
};

struct conf_record {
	char *text; /* presentation format; "@" and "{n}" not yet replaced */
	struct conf_place place;
};

/* A set of the packet filter that addresses of answers are added to. */
struct conf_nftset {
	char *text;	  /* as written */
	const char *name; /* FAMILY#TABLE#SET, in `text`; see conf_nftset_split() */
	uint8_t only;	  /* enum addr_family; ADDR_NONE: whichever the set takes */
};

enum zone_action { ZONE_FORWARD, ZONE_ANSWER, ZONE_NXDOMAIN, ZONE_NODATA, ZONE_REFUSE, ZONE_DROP };
extern const char *const conf_zone_actions[];

#define CONF_GROUP_NONE (-1)
struct conf_zone {
	struct conf_name *names;
	size_t name_count;
	struct conf_name *except;
	size_t except_count;
	bool is_exact;		/* match = "exact" */
	bool no_cache;		/* cache = false */
	uint32_t n_low, n_high; /* range of {n}; both 0 and !has_range without one */
	bool has_range;
	uint16_t *types; /* ascending; empty: all */
	size_t type_count;
	struct addr_prefix *clients; /* sorted, each once; empty: all */
	size_t client_count;
	enum zone_action action;
	struct conf_record *records;
	size_t record_count;
	int group;	/* index into groups; 0, the default group, where not written */
	int on_failure; /* index into groups, or CONF_GROUP_NONE: SERVFAIL */
	int32_t ttl_min, ttl_max, stale_s; /* -1: as the cache section says */
	struct conf_nftset *nftsets;	   /* none in a build without */
	size_t nftset_count;
	struct conf_place place;
};

/* When the variants of a family are kept warm: never, while clients use the family, always. */
enum courier_warmth { WARMTH_OFF, WARMTH_DEMAND, WARMTH_ALWAYS };
extern const char *const conf_courier_option_warmths[];
/* What a squashed alias leads to: a count; other servers are asked; and, failing that, the answer
 * is made here. */
enum courier_repair { REPAIR_OFF, REPAIR_REASK, REPAIR_SYNTHESIZE };
extern const char *const conf_courier_option_repairs[];

#define CONF_COURIER_N_MAX 9999	   /* {n} of a name that is a family's, whatever its range */
#define CONF_COURIER_COUNT_MAX 999 /* end of a range */
#define CONF_COURIER_TYPES_MAX 8
#define CONF_COURIER_VARIANTS_MAX 8
#define CONF_COURIERS_MAX 32

/* A family of names around an alias that leads to no address by design. No two families share a
 * name, but for that of the count. */
struct conf_courier {
	char *name;   /* 1 to 32 letters, digits, "-", "_" and "."; no two have the same */
	bool enabled; /* is true of those that stay */
	struct conf_name alias, target;
	struct conf_name *variants; /* templates, of which one or more are there */
	size_t variant_count;
	struct conf_name count_txt; /* wire is NULL: none */
	uint32_t count;		    /* {n} runs from 0 to this, where count_txt does not say */
	enum courier_warmth pre_resolve;
	uint16_t *types; /* what is kept warm: ascending, each once; one or more */
	size_t type_count;
	enum courier_repair repair;
	int repair_group; /* index into groups, or CONF_GROUP_NONE */
	struct conf_place place;
};

#define CONF_WORKERS_MAX 64u

extern const char *const conf_load_levels[];
enum queries { QUERIES_OFF, QUERIES_ERRORS, QUERIES_ALL };

/* Small fields first, then those used in many places: how far in a field lies is paid for there. */
struct conf {
	bool prefetch;
	bool strip_ecs;
	bool special_names;
	bool rebinding_protect;
	bool web_enabled;
	uint16_t edns_size;
	uint16_t web_port;
	uint32_t workers;    /* threads that answer; 0: one for each CPU */
	uint64_t cache_size; /* bytes; 0 is no cache */
	struct conf_listen *listen;
	size_t listen_count;
	struct conf_group *groups;
	size_t group_count;
	struct conf_zone *zones;
	size_t zone_count;
	struct conf_courier *couriers; /* those that are on, the built-in one too */
	size_t courier_count;
	char *user;	      /* the account to become; "": nobody else; NULL: not written, see
				 settings_load() */
	char *control_socket; /* path; "": none */
	struct conf_access *access;
	size_t access_count;
	struct addr_prefix *trusted; /* whose word on who their clients are is taken */
	size_t trusted_count;
	uint32_t inflight, inflight_per_client;
	uint32_t tcp_clients, tcp_clients_per_address;
	uint32_t tcp_idle_ms;
	uint32_t rate_per_client, rate_burst; /* questions a second; 0: no limit, as the rate */
	uint32_t devices;		      /* remembered; 0: none */
	uint32_t ttl_max, ttl_min, negative_ttl_max;
	uint32_t stale_s, stale_ttl, stale_wait_ms; /* stale_s = 0: off */
	struct conf_place user_place;
	struct conf_name *rebinding_allow; /* no templates */
	size_t rebinding_allow_count;
	int log_level;		     /* enum log_level, of conf_load_levels */
	int log_target;		     /* enum log_target */
	int log_queries;	     /* enum queries: which are told */
	struct addr web_listen;	     /* without a port */
	char *web_path;		     /* of a socket, in place of the address; or NULL */
	struct conf_name *web_hosts; /* no templates */
	size_t web_host_count;
	char **files; /* names of all files read; what every conf_place points to */
	size_t file_count;
};

void conf_free(struct conf *conf); /* NULL is fine */
void conf_free_names(struct conf_name *names, size_t count);

/** Some zone names an nft set. */
bool conf_has_nftsets(const struct conf *conf);

/** Index of the group of that name, or CONF_GROUP_NONE. */
int conf_find_group(const struct conf *conf, const char *name);

/** Writes the name that a template is with `n` in place of {n}, for which there must be room.
 * Returns its length. */
size_t conf_name_fill(const struct conf_name *name, uint32_t n, uint8_t ret_name[NAME_MAX_LEN]);
/** Lets go of what the family holds; its own memory stays. */
void conf_clear_courier(struct conf_courier *courier);
