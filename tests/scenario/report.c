#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *path_now = "scenario";
static int line_now;

void report_at(const char *path, int line)
{
	path_now = path;
	line_now = line;
}

void report_at_line(int line)
{
	line_now = line;
}

int report_line(void)
{
	return line_now;
}

static void end(int line, const char *format, va_list args)
	__attribute__((noreturn, format(printf, 2, 0)));
static void end(int line, const char *format, va_list args)
{
	fprintf(stderr, "%s:%d: ", path_now, line);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	fflush(NULL);
	_exit(EXIT_FAILURE);
}

void report_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	end(line_now, format, args);
}

void report_fail_at(int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	end(line, format, args);
}

void *report_alloc(size_t size)
{
	void *block = calloc(1, size > 0 ? size : 1);

	if (block == NULL)
		report_fail("memory is short");
	return block;
}

void *report_dup(const void *bytes, size_t size)
{
	void *copy = report_alloc(size);

	if (size > 0)
		memcpy(copy, bytes, size);
	return copy;
}
