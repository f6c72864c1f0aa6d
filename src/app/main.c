#include <stdio.h>

#include "app/command_table.h"

int main(int argc, char **argv)
{
	struct command_line line = { .all = command_table(), .argc = argc - 1, .argv = argv + 1 };
	char *help[] = { "help", argc < 2 ? NULL : argv[1], NULL };

	if (argc < 2) {
		fprintf(stderr, "courierdns: a command was expected\nTry: courierdns help\n");
		return EXIT_CODE_USAGE;
	}
	line.command = command_find(line.all, line.argv[0]);
	if (line.command == NULL)
		return command_unknown(line.all, line.argv[0]);
	if (command_asks_for(&line, "-h", "--help")) {
		line.argv = help;
		line.argc = 2;
		line.command = command_find(line.all, "help");
	} else if (command_asks_for(&line, "-V", "--version")) {
		line.command = command_find(line.all, "version");
	}
	return line.command->main(&line);
}
