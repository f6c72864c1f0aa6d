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

/* The checks of one server, or of what its answers lead to. */
struct section {
	const struct doctor_run *run;
	const struct doctor_server *server;
	unsigned count, failed, warned;
	struct doctor_finding findings[CHECKS_MAX];
};

/* To be filled in. */
static struct doctor_finding *next_finding(struct section *section)
{
	return &section->findings[section->count++];
}

static void judge_server(struct section *section)
{
	const struct doctor_check *check = doctor_check_rows;

	doctor_check_judge(next_finding(section), check, section->run, section->server);
	while (section->server->answered > 0 && (++check)->name != NULL)
		doctor_check_judge(next_finding(section), check, section->run, section->server);
	if (section->run->reference != NULL && !section->server->is_reference)
		doctor_finding_make(next_finding(section), &doctor_compare_check, section->run,
				    section->server);
}

static void judge_reach(struct section *section)
{
	for (const struct doctor_check *check = doctor_reach_check_rows; check->name != NULL;
	     check++)
		doctor_finding_make(next_finding(section), check, section->run, section->server);
}

/* How many failed; of the reference none counts. */
static unsigned judge(struct section *section, const struct doctor_server *server, bool of_reach)
{
	section->server = server;
	section->count = section->failed = section->warned = 0;
	(of_reach ? judge_reach : judge_server)(section);
	for (size_t i = 0; i < section->count; i++) {
		section->failed += section->findings[i].result == DOCTOR_FAIL;
		section->warned += section->findings[i].result == DOCTOR_WARN;
	}
	return server->is_reference ? 0 : section->failed;
}

/* An earlier one by whose answers the same was tried, or NULL. */
static const struct doctor_server *reached_before(const struct doctor_run *run,
						  const struct doctor_server *server)
{
	const struct doctor_server *before = run->servers;

	while (before != server &&
	       (before->answered == 0 || !doctor_reach_check_alike(before, server)))
		before = before->next;
	return before == server ? NULL : before;
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
	if (text == NULL || text[0] == '\0')
		return;
	fprintf(out, "%8s%-*s", "", ADVICE_INDENT - 8, label);
	print_wrapped(out, text, ADVICE_INDENT);
}

/* An earlier finding of the section with the same advice, or itself. */
static const struct doctor_finding *told_before(const struct section *section,
						const struct doctor_finding *finding)
{
	const struct doctor_finding *before = section->findings;

	while (before->means != finding->means || before->next != finding->next ||
	       before->options != finding->options)
		before++;
	return before;
}

static void print_finding(FILE *out, const struct section *section,
			  const struct doctor_finding *finding)
{
	static const char results[][5] = { [DOCTOR_OK] = "ok",
					   [DOCTOR_FAIL] = "FAIL",
					   [DOCTOR_WARN] = "warn",
					   [DOCTOR_INFO] = "info" };
	char seen[sizeof(finding->seen) + 16];

	fprintf(out, "  %-6s%-16s", results[finding->result], finding->check->name);
	snprintf(seen, sizeof(seen), "%s%s%s",
		 finding->shape == SQUASH_NONE ? "" : squash_text(finding->shape),
		 finding->shape == SQUASH_NONE ? "" : ": ", finding->seen);
	print_wrapped(out, seen, SEEN_INDENT);
	const struct doctor_finding *before = told_before(section, finding);
	if (finding->means != NULL && before != finding) {
		fprintf(out, "%8smeans, next: as for %s\n", "", before->check->name);
		return;
	}
	print_advice(out, "means", finding->means);
	print_advice(out, "where", finding->where);
	print_advice(out, "option", finding->options);
	print_advice(out, "next", finding->next);
}

static void print_section(FILE *out, const struct section *section, bool with_good)
{
	for (size_t i = 0; i < section->count; i++) {
		if (with_good || section->findings[i].result != DOCTOR_OK)
			print_finding(out, section, &section->findings[i]);
	}
	if (section->failed == 0)
		fprintf(out, "  healthy");
	else
		fprintf(out, "  %u check%s failed", section->failed,
			section->failed == 1 ? "" : "s");
	if (section->warned > 0)
		fprintf(out, ", %u warning%s", section->warned, section->warned == 1 ? "" : "s");
	fprintf(out, "\n\n");
}

static unsigned print_server(FILE *out, struct section *section, const struct doctor_server *server,
			     bool of_reach)
{
	const struct doctor_server *before = of_reach ? reached_before(section->run, server) : NULL;
	struct addr_text text;

	fprintf(out, "%s%s%s\n", of_reach ? "reach, by the answers of " : "",
		addr_to_text(&server->to.addr, &text),
		server->is_reference ? ", the reference" : "");
	if (before != NULL) {
		fprintf(out, "  the same addresses as by those of %s\n\n",
			addr_to_text(&before->to.addr, &text));
		return 0;
	}
	const unsigned failed = judge(section, server, of_reach);
	print_section(out, section, of_reach || !server->is_reference);
	return failed;
}

bool doctor_report_text(const struct doctor_run *run, FILE *out)
{
	const struct doctor_server *server;
	struct section section;
	unsigned failed = 0;
	bool is_reached = !run->options.with_reach;

	section.run = run;
	for (server = run->servers; server != NULL; server = server->next)
		failed += print_server(out, &section, server, false);
	for (server = run->servers; server != NULL; server = server->next) {
		if (!run->options.with_reach || server->answered == 0)
			continue;
		failed += print_server(out, &section, server, true);
		is_reached = true;
	}
	if (!is_reached)
		fprintf(out, "reach: no server gave an address to connect to\n\n");
	return failed == 0;
}

/* --- for machines -------------------------------------------------------------------------- */

static void put_check(struct json *json, const struct doctor_finding *finding)
{
	static const char results[][5] = { [DOCTOR_OK] = "ok",
					   [DOCTOR_FAIL] = "fail",
					   [DOCTOR_WARN] = "warn",
					   [DOCTOR_INFO] = "info" };

	json_print(
		json,
		"{name %s result %s seen %s shape %p means %p where %p next %p dnsmasq_options %p}",
		finding->check->name, results[finding->result], finding->seen,
		finding->shape == SQUASH_NONE ? NULL : squash_text(finding->shape), finding->means,
		finding->where[0] == '\0' ? NULL : finding->where, finding->next, finding->options);
}

static unsigned put_server(struct json *json, struct section *section,
			   const struct doctor_server *server, bool of_reach)
{
	const unsigned failed = judge(section, server, of_reach);
	struct addr_text text;

	json_print(json, of_reach ? "{by %s" : "{server %s", addr_to_text(&server->to.addr, &text));
	json_print(json, "is_reference %d healthy %d checks [", server->is_reference,
		   section->failed == 0);
	for (size_t i = 0; i < section->count; i++)
		put_check(json, &section->findings[i]);
	json_print(json, "]}");
	return failed;
}

static unsigned put_servers(struct json *json, struct section *section, bool of_reach)
{
	const struct doctor_server *server;
	unsigned failed = 0;

	json_print(json, of_reach ? "reach [" : "servers [");
	for (server = section->run->servers; server != NULL; server = server->next) {
		if (!of_reach || server->answered > 0)
			failed += put_server(json, section, server, of_reach);
	}
	json_print(json, "]");
	return failed;
}

bool doctor_report_json(const struct doctor_run *run, FILE *out)
{
	struct section section;
	struct json json;

	section.run = run;
	json_init(&json, out);
	json_print(&json, "{courierdns %s took_ms %u variants [", COURIERDNS_VERSION, run->took_ms);
	for (size_t i = 0; i < run->options.variants; i++)
		json_print(&json, "%u", run->variants[i].n);
	json_print(&json, "]");
	unsigned failed = put_servers(&json, &section, false);
	if (run->options.with_reach)
		failed += put_servers(&json, &section, true);
	else
		json_print(&json, "reach null");
	json_print(&json, "healthy %d}", failed == 0);
	return failed == 0;
}
