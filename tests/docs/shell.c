/* What shells complete: commands, their options, and what these take. */
#include "docs.h"

#include <string.h>

#include "app/command_table.h"

static const char levels[] = "error warning notice info debug";

/* The first sentence of what it does, without what shells would take for more than text. */
static void put_plain(FILE *out, const char *text, int len)
{
	for (int i = 0; i < len && text[i] != '\n' && !(text[i] == '.' && text[i + 1] == ' '); i++)
		putc(strchr("'[]:\\\"`$", text[i]) != NULL ? ' ' : text[i], out);
}

static void put_names(FILE *out)
{
	const char *space = "";

	for (const struct command *row = command_table(); row->usage.name != NULL; row++) {
		fprintf(out, "%s%s", space, row->usage.name);
		space = " ";
	}
}

static int name_len(const struct command_option *option)
{
	return (int)strcspn(option->text, " \t.");
}

static void put_words(FILE *out, const struct command *command)
{
	switch (docs_value_of(command->words, (int)strlen(command->words))) {
	case DOCS_LEVEL:
		fputs(levels, out);
		return;
	case DOCS_COMMAND:
		put_names(out);
		return;
	case DOCS_NONE:
	case DOCS_FILE:
	case DOCS_OTHER:
		return;
	}
}

/* --- bash ------------------------------------------------------------------------------------ */

/* Those that take a value, and of these those that take a file. */
static void put_list(FILE *out, const struct command *command, const char *name, bool files)
{
	struct command_option option = { .parts = 0 };

	fprintf(out, " %s=' ", name);
	while (command_option_next(command, &option)) {
		const enum docs_value value = docs_value_of(option.text, option.len);

		if (option.help_len > 0 && (files ? value == DOCS_FILE : value != DOCS_NONE))
			fprintf(out, "%.*s ", name_len(&option), option.text);
	}
	fputs("'", out);
}

static void write_bash_names(FILE *out)
{
	fputs("\tlocal commands='", out);
	put_names(out);
	fputs("'\n", out);
}

static void write_bash(FILE *out)
{
	for (const struct command *row = command_table(); row->usage.name != NULL; row++) {
		struct command_option option = { .parts = 0 };

		fprintf(out, "\t%s)\n\t\toptions='", row->usage.name);
		while (command_option_next(row, &option)) {
			if (option.help_len > 0)
				fprintf(out, "%.*s ", name_len(&option), option.text);
		}
		fputs("'", out);
		put_list(out, row, "values", false);
		put_list(out, row, "files", true);
		fputs(" words='", out);
		put_words(out, row);
		fputs("' ;;\n", out);
	}
}

/* --- zsh ------------------------------------------------------------------------------------- */

static void write_zsh_names(FILE *out)
{
	for (const struct command *row = command_table(); row->usage.name != NULL; row++) {
		fprintf(out, "\t\t'%s:", row->usage.name);
		put_plain(out, row->help, (int)strlen(row->help));
		fputs("'\n", out);
	}
}

static void write_zsh(FILE *out)
{
	for (const struct command *row = command_table(); row->usage.name != NULL; row++) {
		struct command_option option = { .parts = 0 };

		fprintf(out, "\t%s)\n\t\targuments=(\n", row->usage.name);
		while (command_option_next(row, &option)) {
			const enum docs_value value = docs_value_of(option.text, option.len);

			if (option.help_len == 0)
				continue;
			fprintf(out, "\t\t\t'%s%.*s[", option.is_repeatable ? "*" : "",
				name_len(&option), option.text);
			put_plain(out, option.help, option.help_len);
			fputs(value == DOCS_NONE   ? "]'\n"
			      : value == DOCS_FILE ? "]:file:_files'\n"
						   : "]:value:'\n",
			      out);
		}
		fputs("\t\t\t'*:word:(", out);
		put_words(out, row);
		fputs(")'\n\t\t) ;;\n", out);
	}
}

/* --- fish ------------------------------------------------------------------------------------ */

static void put_fish_option(FILE *out, const char *command, const struct command_option *option)
{
	const enum docs_value value = docs_value_of(option->text, option->len);
	const bool is_long = option->text[1] == '-';

	fprintf(out, "complete -c courierdns -n '__fish_seen_subcommand_from %s' %s %.*s%s -d '",
		command, is_long ? "-l" : "-s", name_len(option) - (is_long ? 2 : 1),
		option->text + (is_long ? 2 : 1),
		value == DOCS_NONE   ? ""
		: value == DOCS_FILE ? " -r -F"
				     : " -x");
	put_plain(out, option->help, option->help_len);
	fputs("'\n", out);
}

static void write_fish(FILE *out)
{
	for (const struct command *row = command_table(); row->usage.name != NULL; row++) {
		struct command_option option = { .parts = 0 };

		fprintf(out, "complete -c courierdns -n __fish_use_subcommand -a %s -d '",
			row->usage.name);
		put_plain(out, row->help, (int)strlen(row->help));
		fputs("'\n", out);
		while (command_option_next(row, &option)) {
			if (option.help_len > 0)
				put_fish_option(out, row->usage.name, &option);
		}
		fprintf(out, "complete -c courierdns -n '__fish_seen_subcommand_from %s' -a '",
			row->usage.name);
		put_words(out, row);
		fputs("'\n", out);
	}
}

const struct docs_part *docs_shell_parts(void)
{
	static const struct docs_part parts[] = {
		{ "bash-names", write_bash_names },
		{ "bash", write_bash },
		{ "zsh-names", write_zsh_names },
		{ "zsh", write_zsh },
		{ "fish", write_fish },
		{ NULL, NULL },
	};
	return parts;
}
