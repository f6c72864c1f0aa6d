/* app/notify.h: tells a service manager how we are: the protocol of sd_notify(3), where
 * NOTIFY_SOCKET in the environment names a socket, and its watchdog, where WATCHDOG_USEC wants
 * signs of life.
 *
 * The line of status (systemctl status) follows what it speaks of within a few seconds. What cannot
 * be told for the moment is told again. NULL for all of these where nobody wants to know, and in a
 * build with SYSTEMD=no. */
#pragma once

#include "app/crew.h"
#include "app/reload.h"

struct notify;

/** Tells nothing yet. The crew is borrowed and has its loops. -ENOMEM. */
MUST_CHECK int notify_new(struct crew *crew, struct notify **ret_notify);
void notify_free(struct notify *notify);

/** We are well: after the start, and after a reload whatever came of it; what is wrong with the
 * file is added to the line of status until the next call. */
void notify_ready(struct notify *notify, const struct reload *reload);
void notify_reloading(struct notify *notify);
void notify_stopping(struct notify *notify);
