#include "app/ctl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/ctl_ask.h"
#include "app/explain.h"
#include "base/mem.h"
#include "conf/conf_load.h"

/* A command line: whom to ask, and what. */
struct line {
	const struct command *command;
	const char *socket, *file; /* of -s and -c, or NULL */
	const char *words[CONTROL_REQUEST_WORDS + 2];
	size_t count;
	struct control_call call; /* the same, as the command's row reads it */
};

/* -s SOCKET, -sSOCKET. Returns how many words that is; 0 for something else. */
static int read_own_option(char **argv, char option, const char **ret_value)
{
	if (argv[0][0] != '-' || argv[0][1] != option)
		return 0;
	*ret_value = argv[0][2] != '\0' ? argv[0] + 2 : argv[1];
	return argv[0][2] != '\0' ? 1 : 2;
}

/* All but -s and -c is the daemon's business, and is looked at as it will. */
static enum exit_code read_line(const struct command_line *given, struct line *ret_line)
{
	const struct command *command = given->command;
	struct line *line = ret_line;
	char **argv = given->argv;

	*line = (struct line){ .command = command };
	for (int i = 0; i < given->argc;) {
		int used = read_own_option(argv + i, 's', &line->socket);
		if (used == 0)
			used = read_own_option(argv + i, 'c', &line->file);
		if (used > 0 && i + used <= given->argc) {
			i += used;
			continue;
		}
		if (used > 0 || (argv[i][0] == '-' && argv[i][1] != '-') || argv[i][0] == '\0') {
			fprintf(stderr, "courierdns %s: \"%s\" was not understood\n", argv[0],
				argv[i]);
			return command_usage(command);
		}
		if (line->count == CONTROL_REQUEST_WORDS) {
			fprintf(stderr, "courierdns %s: so many words\n", argv[0]);
			return command_usage(command);
		}
		line->words[line->count++] = argv[i++];
	}
	struct control_request request = { .count = line->count };
	memcpy(request.words, line->words, line->count * sizeof(line->words[0]));
	if (!control_request_read(&request, &command->usage, &line->call, stderr) ||
	    (command->check != NULL && !command->check(&line->call, stderr)))
		return command_usage(command);
	return EXIT_CODE_OK;
}

/* --- whom to ask --------------------------------------------------------------------------- */

/* As the file has it, NULL for the built-in default. ERR_CONF where the file has mistakes, which
 * are told where `is_told`. */
static int read_socket(const char *file, bool is_told, char **ret_path)
{
	struct complaints *complaints = complaint_new();
	struct conf *conf = NULL;
	int err = complaints == NULL ? -ENOMEM : conf_load(file, complaints, &conf);

	if (is_told && err == ERR_CONF)
		complaint_print(complaints, stderr);
	if (err == 0 && (*ret_path = mem_strdup(conf->control_socket)) == NULL)
		err = -ENOMEM;
	conf_free(conf);
	complaint_free(complaints);
	return err;
}

/* The path of -s; else what the file says, that of -c or the default one where it is there; else
 * the default. Of the default file mistakes are not told: the daemon may have read it when it was
 * good. The path is to be freed. */
static enum exit_code find_socket(const struct line *line, char **ret_path)
{
	const struct settings settings = { .path = line->file };
	int err = 0;

	if (line->socket != NULL)
		err = (*ret_path = mem_strdup(line->socket)) == NULL ? -ENOMEM : 0;
	else
		err = read_socket(settings_file(&settings), line->file != NULL, ret_path);
	if (err == ERR_CONF && line->file == NULL)
		err = read_socket(NULL, false, ret_path);
	if (err == 0)
		return EXIT_CODE_OK;
	return err == ERR_CONF ? EXIT_CODE_CONF : EXIT_CODE_OS;
}

static bool is_no_daemon(int err)
{
	return err == -ENOENT || err == -ECONNREFUSED || err == -ENOTDIR;
}

/* Why the daemon could not be asked. */
struct why {
	char text[256];
};

static const char *say_why(const char *path, int err, struct why *into)
{
	if (path[0] == '\0')
		snprintf(into->text, sizeof(into->text),
			 "the configuration has no control socket (control.socket is \"\")");
	else if (is_no_daemon(err))
		snprintf(into->text, sizeof(into->text), "no daemon answers at %s (%s)", path,
			 err_text(err));
	else if (err == -EAGAIN)
		snprintf(into->text, sizeof(into->text), "the daemon at %s is silent for %d s",
			 path, CTL_ASK_PATIENCE_S);
	else
		snprintf(into->text, sizeof(into->text), "the daemon at %s cannot be asked: %s",
			 path, err_text(err));
	return into->text;
}

/* Whoever has got into the daemon, or is in its place, does not move the terminal of who asks it:
 * what is no text is \xNN, as in the log. JSON may be UTF-8. */
static void print_text(const char *text, size_t len, bool is_json, FILE *out)
{
	for (size_t i = 0; i < len; i++) {
		const unsigned char byte = (unsigned char)text[i];

		if ((byte >= 0x20 && byte < 0x7f) || byte == '\n' || byte == '\t' ||
		    (is_json && byte >= 0x80))
			fputc(byte, out);
		else
			fprintf(out, "\\x%02x", byte);
	}
}

/* For programs it is in one place, whatever it says. */
static enum exit_code print_reply(const struct line *line, const struct ctl_reply *reply)
{
	const bool is_json = control_request_option(&line->call, "--json") != NULL &&
			     reply->len > 0 && reply->text[0] == '{';
	FILE *out = reply->code == EXIT_CODE_OK || is_json ? stdout : stderr;

	if (out == stderr)
		fprintf(stderr, "courierdns %s: ", line->command->usage.name);
	print_text(reply->text, reply->len, is_json, out);
	return reply->code;
}

/* --- the commands -------------------------------------------------------------------------- */

static int explain_offline(const struct line *line, const char *why)
{
	const struct settings settings = { .path = line->file };
	struct explain_question question = {
		.name = line->call.words[0],
		.type = line->call.words[1],
		.client = control_request_option(&line->call, "--client"),
	};
	struct json json;

	json_init(&json, stdout);
	if (control_request_option(&line->call, "--json") != NULL)
		question.json = &json;
	return explain_run(&settings, &question, why, stdout, stderr);
}

/* Where the daemon cannot be asked, explain goes by the file. */
static int ask(const struct line *line, bool is_explain)
{
	char *path = NULL;
	struct ctl_reply reply = { .bytes = NULL };
	struct why why;
	int code = find_socket(line, &path);

	if (code != EXIT_CODE_OK)
		return code;
	const int err = path[0] == '\0' ? -ENOENT : ctl_ask(path, line->words, &reply);
	if (err == 0) {
		code = print_reply(line, &reply);
	} else if (is_explain) {
		code = explain_offline(line, say_why(path, err, &why));
	} else {
		fprintf(stderr, "courierdns %s: %s\n", line->command->usage.name,
			say_why(path, err, &why));
		code = is_no_daemon(err) ? EXIT_CODE_NO_DAEMON : EXIT_CODE_REFUSED;
	}
	ctl_ask_done(&reply);
	mem_free(path);
	return code;
}

int ctl_main(const struct command_line *given)
{
	struct line line;
	const enum exit_code code = read_line(given, &line);

	return code == EXIT_CODE_OK ? ask(&line, false) : (int)code;
}

int ctl_explain(const struct command_line *given)
{
	struct line line;
	char file[PATH_MAX];
	const enum exit_code code = read_line(given, &line);

	if (code != EXIT_CODE_OK)
		return code;
	if (control_request_option(&line.call, "--offline") != NULL)
		return explain_offline(&line, "no running daemon was asked");
	if (line.file != NULL && line.count + 2 <= CONTROL_REQUEST_WORDS &&
	    realpath(line.file, file) != NULL) {
		line.words[line.count++] = "--file";
		line.words[line.count++] = file;
	}
	return ask(&line, true);
}
