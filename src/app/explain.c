#include "app/explain.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "app/explain_json.h"
#include "app/explain_print.h"
#include "conf/conf_load.h"
#include "query/plan.h"
#include "wire/cursor.h"

#define US "courierdns explain: "

/* A query as a client would send it: decisions are made of nothing else. */
static size_t write_query(uint8_t *out, size_t out_max, const uint8_t *name, size_t len,
			  uint16_t type)
{
	static const uint8_t header[MESSAGE_HEADER_LEN] = { 0, 0, 1, 0, 0, 1 };
	struct cursor_out query = cursor_into(out, out_max);

	cursor_put(&query, header, sizeof(header));
	cursor_put(&query, name, len);
	cursor_put_u16(&query, type);
	cursor_put_u16(&query, CLASS_IN);
	return query.failed ? 0 : cursor_written(&query);
}

/* `who` says what is wrong; "" where the one who asked says so. */
static enum exit_code read_client(const struct explain_question *question, struct explain *explain,
				  const char *who, FILE *errors)
{
	const char *client = question->client == NULL ? "127.0.0.1" : question->client;

	if (addr_parse(client, 53, &explain->client) != 0) {
		fprintf(errors, "%s\"%s\" is not an address\n", who, client);
		return EXIT_CODE_USAGE;
	}
	explain->client.port = 0;
	return EXIT_CODE_OK;
}

/* The view is over explain->query. */
static enum exit_code read_question(const struct explain_question *question,
				    struct explain *explain, struct query_view *ret_view,
				    const char *who, FILE *errors)
{
	size_t name_len = 0;
	struct type_text text;

	explain->type = TYPE_A;
	if (name_from_text(question->name, explain->name, &name_len) != 0) {
		fprintf(errors, "%s\"%s\" is not a domain name\n", who, question->name);
		return EXIT_CODE_USAGE;
	}
	if (question->type != NULL && !type_from_text(question->type, &explain->type)) {
		fprintf(errors, "%s\"%s\" is not a record type (A, HTTPS, TYPE65, ...)\n", who,
			question->type);
		return EXIT_CODE_USAGE;
	}
	const size_t len = write_query(explain->query, sizeof(explain->query), explain->name,
				       name_len, explain->type);
	if (query_view_parse(ret_view, explain->query, len) != QUERY_OK) {
		fprintf(errors, "%stype %s cannot be asked for; clients get FORMERR\n", who,
			type_to_text(explain->type, &text));
		return EXIT_CODE_USAGE;
	}
	return EXIT_CODE_OK;
}

static void print(const struct explain *explain)
{
	if (explain->json != NULL)
		explain_json(explain);
	else
		explain_print(explain);
}

static bool is_path_of(const char *real_path, const char *file)
{
	char path[PATH_MAX];

	return file != NULL && realpath(file, path) != NULL && strcmp(path, real_path) == 0;
}

enum exit_code explain_crew(const struct crew *crew, const struct settings *settings,
			    const struct explain_question *question, FILE *out)
{
	struct worker *worker = crew_mate(crew, 0)->worker;
	struct explain explain = { .out = out,
				   .json = question->json,
				   .plan = worker_plan(worker),
				   .file = settings_file(settings),
				   .clock = worker_clock(worker),
				   .worker = worker };
	struct query_view view;
	enum exit_code code = read_client(question, &explain, "", out);

	if (code == EXIT_CODE_OK)
		code = read_question(question, &explain, &view, "", out);
	if (question->file != NULL && !is_path_of(question->file, explain.file))
		explain.other_file = question->file;

	if (code == EXIT_CODE_OK) {
		look_at(worker, &view, &explain.client, &explain.look);
		for (size_t i = 1; i < crew_size(crew); i++)
			look_beside(crew_mate(crew, i)->worker, &view, &explain.look);
		print(&explain);
	}
	return code;
}

/* --- without a daemon ---------------------------------------------------------------------- */

/* As the daemon would, were it started now. */
static int fill_groups(struct conf *conf, FILE *errors)
{
	for (size_t i = 0; i < conf->group_count; i++) {
		struct conf_group *group = &conf->groups[i];
		struct addr servers[RESOLV_CONF_MAX];
		size_t count = 0;

		if (group->resolv_conf == NULL)
			continue;
		int err = settings_read_servers(conf, group->resolv_conf, servers, &count);
		if (err != 0)
			fprintf(errors, US "%s: %s\n", group->resolv_conf, err_text(err));
		if (settings_set_servers(group, servers, err == 0 ? count : 0) != 0)
			return -ENOMEM;
	}
	return 0;
}

static int load(const struct settings *settings, struct complaints *complaints,
		struct plan **ret_plan, FILE *errors)
{
	static const struct hash_key key = { 0, 0 };
	struct conf *conf = NULL;
	int err = settings_load(settings, complaints, &conf);

	if (err != 0)
		return err;
	err = fill_groups(conf, errors);
	if (err != 0) {
		conf_free(conf);
		return err;
	}
	return plan_new(conf, &key, NULL, complaints, ret_plan);
}

enum exit_code explain_run(const struct settings *settings, const struct explain_question *question,
			   const char *why, FILE *out, FILE *errors)
{
	struct explain explain = { .out = out,
				   .json = question->json,
				   .file = settings_file(settings),
				   .why_offline = why };
	struct query_view view;
	struct plan *plan = NULL;
	enum exit_code code = read_client(question, &explain, US, errors);

	if (code != EXIT_CODE_OK)
		return code;
	if (explain.file == NULL) {
		fprintf(errors, US "%s, and there is no %s; name a file with -c\n", why,
			CONF_LOAD_DEFAULT_PATH);
		return EXIT_CODE_NO_DAEMON;
	}
	struct complaints *complaints = complaint_new();
	if (complaints != NULL && load(settings, complaints, &plan, errors) == 0)
		code = read_question(question, &explain, &view, US, errors);
	else
		code = EXIT_CODE_CONF;
	if (code == EXIT_CODE_OK) {
		explain.plan = plan;
		look_at_plan(plan, &view, &explain.client, &explain.look);
		print(&explain);
	}
	complaint_print(complaints, errors);
	plan_unref(plan);
	complaint_free(complaints);
	return code;
}
