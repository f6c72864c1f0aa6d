#include "app/doctor_report.h"

#include <string.h>

#include "app/doctor_check.h"
#include "app/doctor_compare.h"
#include "app/doctor_reach_check.h"
#include "base/json.h"

#define CHECKS_MAX 32
#define LINE_WIDTH 100
#define SEEN_INDENT 24
#define ADVICE_INDENT 15

/* The checks of one server, or those of reach. */
struct section {
	struct doctor_view view;
	size_t count, failed, warned;
	const struct doctor_check *checks[CHECKS_MAX];
	struct doctor_finding findings[CHECKS_MAX];
};

static void judge(struct section *section, const struct doctor_check *check)
{
	struct doctor_finding *finding = &section->findings[section->count];

	section->checks[section->count++] = check;
	doctor_check_judge(check, &section->view, finding);
	section->failed += finding->result == DOCTOR_FAIL;
	section->warned += finding->result == DOCTOR_WARN;
}

static void judge_server(struct section *section, const struct doctor_run *run,
			 const struct doctor_server *server)
{
	const struct doctor_check *check;

	*section = (struct section){ .view = { run, server } };
	for (size_t i = 0; (check = doctor_check_at(i)) != NULL; i++) {
		if (i == 0 || server->answered > 0)
			judge(section, check);
	}
	if (doctor_run_reference(run) != NULL && !server->is_reference)
		judge(section, doctor_compare_check());
}

static void judge_reach(struct section *section, const struct doctor_run *run,
			const struct doctor_server *server)
{
	const struct doctor_check *check;

	*section = (struct section){ .view = { run, server } };
	for (size_t i = 0; (check = doctor_reach_check_at(i)) != NULL; i++)
		judge(section, check);
}

/* An earlier one by whose answers the same was tried, or NULL. */
static const struct doctor_server *reached_before(const struct doctor_run *run, size_t at)
{
	const struct doctor_server *server = doctor_run_server(run, at);

	for (size_t i = 0; i < at; i++) {
		const struct doctor_server *before = doctor_run_server(run, i);
		if (before->answered > 0 && doctor_reach_check_alike(before, server))
			return before;
	}
	return NULL;
}

/* --- for people ---------------------------------------------------------------------------- */

/* From this column on, line by line. */
static void print_wrapped(FILE *out, const char *text, size_t indent)
{
	size_t column = indent;

	while (*text != '\0') {
		const size_t len = strcspn(text, " ");
		if (column > indent && column + 1 + len > LINE_WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)len, text);
		column += len;
		text += len + strspn(text + len, " ");
	}
	fputc('\n', out);
}

static void print_advice(FILE *out, const char *label, const char *text)
{
	fprintf(out, "%8s%-*s", "", ADVICE_INDENT - 8, label);
	print_wrapped(out, text, ADVICE_INDENT);
}

/* An earlier check of the section with the same advice, or NULL. */
static const char *told_before(const struct section *section, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (section->findings[i].means == section->findings[at].means &&
		    section->findings[i].next == section->findings[at].next &&
		    section->findings[i].options == section->findings[at].options)
			return section->checks[i]->name;
	}
	return NULL;
}

static void print_finding(FILE *out, const struct section *section, size_t at)
{
	const struct doctor_finding *finding = &section->findings[at];
	char seen[sizeof(finding->seen) + 16];

	fprintf(out, "  %-6s%-16s", doctor_finding_result_text(finding->result),
		section->checks[at]->name);
	snprintf(seen, sizeof(seen), "%s%s%s",
		 finding->shape == SQUASH_NONE ? "" : squash_text(finding->shape),
		 finding->shape == SQUASH_NONE ? "" : ": ", finding->seen);
	print_wrapped(out, seen, SEEN_INDENT);
	if (finding->means == NULL)
		return;
	const char *before = told_before(section, at);
	if (before != NULL) {
		fprintf(out, "%8smeans, next: as for %s\n", "", before);
		return;
	}
	print_advice(out, "means", finding->means);
	if (finding->where[0] != '\0')
		print_advice(out, "where", finding->where);
	if (finding->options != NULL)
		print_advice(out, "option", finding->options);
	print_advice(out, "next", finding->next);
}

static void print_section(FILE *out, const struct section *section, bool with_good)
{
	for (size_t i = 0; i < section->count; i++) {
		if (with_good || section->findings[i].result != DOCTOR_OK)
			print_finding(out, section, i);
	}
	if (section->failed == 0)
		fprintf(out, "  healthy");
	else
		fprintf(out, "  %zu check%s failed", section->failed,
			section->failed == 1 ? "" : "s");
	if (section->warned > 0)
		fprintf(out, ", %zu warning%s", section->warned, section->warned == 1 ? "" : "s");
	fprintf(out, "\n\n");
}

/* What the reference's answers lead to is shown, and is no failure of the servers tested. */
static size_t print_reach(const struct doctor_run *run, FILE *out)
{
	struct section section;
	struct addr_text text;
	size_t failed = 0, shown = 0;

	for (size_t i = 0; i < doctor_run_server_count(run); i++) {
		const struct doctor_server *server = doctor_run_server(run, i);
		const struct doctor_server *before = reached_before(run, i);
		if (server->answered == 0)
			continue;
		shown++;
		fprintf(out, "reach, by the answers of %s%s\n",
			addr_to_text(&server->to.addr, &text),
			server->is_reference ? ", the reference" : "");
		if (before != NULL) {
			fprintf(out, "  the same addresses as by those of %s\n\n",
				addr_to_text(&before->to.addr, &text));
			continue;
		}
		judge_reach(&section, run, server);
		print_section(out, &section, true);
		failed += server->is_reference ? 0 : section.failed;
	}
	if (shown == 0)
		fprintf(out, "reach: no server gave an address to connect to\n\n");
	return failed;
}

enum doctor_health doctor_report_text(const struct doctor_run *run, FILE *out)
{
	struct section section;
	struct addr_text text;
	size_t failed = 0;

	for (size_t i = 0; i < doctor_run_server_count(run); i++) {
		const struct doctor_server *server = doctor_run_server(run, i);
		judge_server(&section, run, server);
		fprintf(out, "%s%s\n", addr_to_text(&server->to.addr, &text),
			server->is_reference ? ", the reference" : "");
		print_section(out, &section, !server->is_reference);
		if (!server->is_reference)
			failed += section.failed;
	}
	if (doctor_run_options(run)->with_reach)
		failed += print_reach(run, out);
	return failed == 0 ? DOCTOR_HEALTHY : DOCTOR_UNHEALTHY;
}

/* --- for machines -------------------------------------------------------------------------- */

/* "ok", "fail", ... */
static const char *result_key(enum doctor_result result)
{
	return result == DOCTOR_FAIL ? "fail" : doctor_finding_result_text(result);
}

static void put_checks(struct json *json, const struct section *section)
{
	json_open_list(json, "checks");
	for (size_t i = 0; i < section->count; i++) {
		const struct doctor_finding *finding = &section->findings[i];
		json_open_object(json, NULL);
		json_text(json, "name", section->checks[i]->name);
		json_text(json, "result", result_key(finding->result));
		json_text(json, "seen", finding->seen);
		json_text(json, "shape",
			  finding->shape == SQUASH_NONE ? NULL : squash_text(finding->shape));
		json_text(json, "means", finding->means);
		json_text(json, "where", finding->where[0] == '\0' ? NULL : finding->where);
		json_text(json, "next", finding->next);
		json_text(json, "dnsmasq_options", finding->options);
		json_close_object(json);
	}
	json_close_list(json);
}

static size_t put_servers(struct json *json, const struct doctor_run *run)
{
	struct section section;
	struct addr_text text;
	size_t failed = 0;

	json_open_list(json, "servers");
	for (size_t i = 0; i < doctor_run_server_count(run); i++) {
		const struct doctor_server *server = doctor_run_server(run, i);
		judge_server(&section, run, server);
		json_open_object(json, NULL);
		json_text(json, "server", addr_to_text(&server->to.addr, &text));
		json_bool(json, "is_reference", server->is_reference);
		json_bool(json, "healthy", section.failed == 0);
		put_checks(json, &section);
		json_close_object(json);
		if (!server->is_reference)
			failed += section.failed;
	}
	json_close_list(json);
	return failed;
}

static size_t put_reach(struct json *json, const struct doctor_run *run)
{
	struct section section;
	struct addr_text text;
	size_t failed = 0;

	if (!doctor_run_options(run)->with_reach) {
		json_text(json, "reach", NULL);
		return 0;
	}
	json_open_list(json, "reach");
	for (size_t i = 0; i < doctor_run_server_count(run); i++) {
		const struct doctor_server *server = doctor_run_server(run, i);
		if (server->answered == 0)
			continue;
		judge_reach(&section, run, server);
		json_open_object(json, NULL);
		json_text(json, "by", addr_to_text(&server->to.addr, &text));
		json_bool(json, "is_reference", server->is_reference);
		json_bool(json, "healthy", section.failed == 0);
		put_checks(json, &section);
		json_close_object(json);
		failed += server->is_reference ? 0 : section.failed;
	}
	json_close_list(json);
	return failed;
}

enum doctor_health doctor_report_json(const struct doctor_run *run, FILE *out)
{
	struct json json;
	size_t failed;

	json_init(&json, out);
	json_open_object(&json, NULL);
	json_text(&json, "courierdns", COURIERDNS_VERSION);
	json_number(&json, "took_ms", (int64_t)(doctor_run_took_us(run) / USEC_PER_MSEC));
	json_open_list(&json, "variants");
	for (size_t i = 0; i < doctor_run_options(run)->variants; i++)
		json_number(&json, NULL, doctor_run_variant(run, i)->n);
	json_close_list(&json);
	failed = put_servers(&json, run);
	failed += put_reach(&json, run);
	json_bool(&json, "healthy", failed == 0);
	json_close_object(&json);
	return failed == 0 ? DOCTOR_HEALTHY : DOCTOR_UNHEALTHY;
}
