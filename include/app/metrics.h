/* app/metrics.h: everything that is counted, as Prometheus reads it (text format 0.0.4; PRODUCT 8).
 *
 * Each metric has its HELP and its TYPE once, whether there is a number yet or not. Labels are
 * words of ours and of the configuration, never a client's address or a name that was asked for, so
 * that there are few of them whatever clients do. */
#pragma once

#include <stdio.h>

#include "app/commands.h"

/* What a web server says it is. */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/** All of it. Holds the other workers meanwhile. Whether the file took it, ferror() tells. */
void metrics_write(const struct commands *commands, FILE *out);
