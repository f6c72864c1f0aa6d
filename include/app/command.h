/* app/command.h: what a command is: one row of the table (app/command_table.h), of which the
 * command line, the control socket, help, manual pages and completions are made. */
#pragma once

#include "app/exit_code.h"
#include "side/control.h"

struct commands; /* app/commands.h */
struct json;
struct command;

/* A command line: argv[0] is the command. */
struct command_line {
	const struct command *all;     /* the table */
	const struct command *command; /* its row */
	int argc;
	char **argv;
};

struct command {
	struct control_usage usage;
	const char *words; /* "NAME [TYPE]"; options that are named here are so in the usage line */
	const char *help;  /* sentences, in lines */
	const char *ends;  /* the exit codes: "0; 78 bad configuration" */
	int (*main)(const struct command_line *line);
	/* In the daemon; NULL where it is not asked. The reply's text goes to `out`, or to `json`
	 * with --json; without it that is NULL. */
	enum control_code (*run)(struct commands *commands, const struct control_call *call,
				 FILE *out, struct json *json);
	/* What the usage cannot say, on both ends; false where it complains. NULL: nothing. */
	bool (*check)(const struct control_call *call, FILE *errors);
	bool is_held; /* other workers are held while it is run */
};

/** The row of that name, or of one of its other names such as "--help"; NULL. The row behind the
 * last has no name. */
const struct command *command_find(const struct command *all, const char *name);
/** Whether one of the two stands among the words behind the command's name, and before "--". */
bool command_asks_for(const struct command_line *line, const char *letter, const char *word);
/** Says that there is none of that name, and which is the nearest. */
enum exit_code command_unknown(const struct command *all, const char *name);
/** Says where more can be read. */
enum exit_code command_usage(const struct command *command);

/* One option of a row, as its line has it. */
struct command_option {
	const char *text; /* "-l ADDR[@PORT]", not ended */
	int len;
	bool is_repeatable; /* "..." follows, which is no part of text */
	const char *help;   /* not ended either */
	int help_len;	    /* 0: it is not told of */
	const char *rest;   /* what comes behind it */
	unsigned parts;	    /* of the usage, that have been begun */
};
/** The next one; zeroed is before the first. False behind the last. */
bool command_option_next(const struct command *command, struct command_option *option);
/** The line of how it is used, without the command's name. */
void command_print_usage(const struct command *command, FILE *out);
/** `help`, of all commands or of one. */
void command_print_all(const struct command *all, FILE *out);
void command_print_help(const struct command *command, FILE *out);
