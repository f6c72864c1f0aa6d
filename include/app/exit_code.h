/* app/exit_code.h: how the program ends, after sysexits. */
#pragma once

enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_REFUSED = 1,	 /* by the daemon: it would not, or knows no such thing */
	EXIT_CODE_NO_DAEMON = 3, /* neither a daemon nor a file to ask */
	EXIT_CODE_USAGE = 64,
	EXIT_CODE_OS = 71,
	EXIT_CODE_CONF = 78,
};
