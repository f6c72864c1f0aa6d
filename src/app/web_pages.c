#include "app/web_pages.h"

#include "app/commands.h"
#include "app/commands_devices.h"
#include "app/commands_status.h"
#include "app/commands_sums.h"
#include "app/commands_upstreams.h"
#include "app/metrics.h"

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"

static enum web_page_status write_metrics(void *ctx, const char *rest, FILE *out)
{
	(void)rest;
	metrics_write(ctx, out);
	return WEB_PAGE_OK;
}

static enum web_page_status write_health(void *ctx, const char *rest, FILE *out)
{
	(void)ctx;
	(void)rest;
	fputs("ok\n", out);
	return WEB_PAGE_OK;
}

/* A server that is suspected is still asked. */
static bool has_server(const struct commands *commands)
{
	const struct plan *plan = worker_plan(commands->worker);

	for (size_t i = 0; i < pool_size(plan->pools[0]); i++) {
		struct server_sums sums;

		commands_sums_server(commands->crew, 0, i, &sums);
		if (sums.state != SERVER_DOWN)
			return true;
	}
	return false;
}

static enum web_page_status write_readiness(void *ctx, const char *rest, FILE *out)
{
	const struct commands *commands = ctx;

	(void)rest;
	crew_hold(commands->crew);
	const bool is_ready = has_server(commands);
	crew_release(commands->crew);
	fputs(is_ready ? "ready\n" : "no server of group default is up\n", out);
	return is_ready ? WEB_PAGE_OK : WEB_PAGE_NOT_READY;
}

static enum web_page_status write_status(void *ctx, const char *rest, FILE *out)
{
	const struct commands *commands = ctx;
	struct json json;

	(void)rest;
	json_init(&json, out);
	crew_hold(commands->crew);
	commands_status_json(commands, &json);
	crew_release(commands->crew);
	return WEB_PAGE_OK;
}

static enum web_page_status write_upstreams(void *ctx, const char *rest, FILE *out)
{
	const struct commands *commands = ctx;
	struct json json;

	(void)rest;
	json_init(&json, out);
	crew_hold(commands->crew);
	commands_upstreams_json(commands, &json);
	crew_release(commands->crew);
	return WEB_PAGE_OK;
}

/* The timeline has a lock of its own, so nobody is held. */
static enum web_page_status write_devices(void *ctx, const char *rest, FILE *out)
{
	const struct commands *commands = ctx;
	struct json json;
	const struct commands_devices devices = {
		.timeline = worker_timeline(commands->worker),
		.clock = worker_clock(commands->worker),
		.called = rest[0] != '\0' ? rest : NULL,
		.json = &json,
	};

	json_init(&json, out);
	return commands_devices_print(&devices, out) ? WEB_PAGE_OK : WEB_PAGE_NOT_FOUND;
}

static enum web_page_status write_list(void *ctx, const char *rest, FILE *out)
{
	(void)ctx;
	(void)rest;
	fputs("courierdns " COURIERDNS_VERSION "\n\n", out);
	for (const struct web_page_route *route = web_pages(); route->path != NULL; route++)
		fprintf(out, "%s\n", route->path);
	return WEB_PAGE_OK;
}

static const struct web_page_route routes[] = {
	{ "/", TEXT, write_list },
	{ "/healthz", TEXT, write_health },
	{ "/readyz", TEXT, write_readiness },
	{ "/metrics", METRICS_CONTENT_TYPE, write_metrics },
	{ "/api/status", JSON, write_status },
	{ "/api/upstreams", JSON, write_upstreams },
	{ "/api/devices", JSON, write_devices },
	{ "/api/devices/", JSON, write_devices },
	{ NULL, NULL, NULL },
};

const struct web_page_route *web_pages(void)
{
	return routes;
}
