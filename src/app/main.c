#include <stdio.h>

#include "app/command_table.h"

int main(int argc, char **argv)
{
	struct command_line line = { .all = command_table(), .argc = argc - 1, .argv = argv + 1 };

	if (argc < 2) {
		fprintf(stderr, "courierdns: a command was expected\nTry: courierdns help\n");
		return EXIT_CODE_USAGE;
	}
	line.command = command_find(line.all, line.argv[0]);
	if (line.command == NULL)
		return command_unknown(line.all, line.argv[0]);
	return line.command->main(&line);
}
