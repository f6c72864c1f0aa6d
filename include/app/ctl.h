/* app/ctl.h: the other end of the control socket: asks the running daemon, and prints what it says.
 */
#pragma once

/** A command of the daemon's, by its name in argv[0], with -s SOCKET and -c FILE before what the
 * daemon takes; the exit code. */
int ctl_main(int argc, char **argv);
/** `explain`, which answers from the file alone where there is no daemon. */
int ctl_explain(int argc, char **argv);
