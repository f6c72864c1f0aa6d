/* app/explain.h: `courierdns explain`: which rule speaks for a name, and why; and from the running
 * daemon what is known of it. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "app/crew.h"
#include "app/exit_code.h"
#include "app/settings.h"

struct explain_question {
	const char *name, *type; /* type NULL: A */
	struct addr client;
	const char *file; /* real path of the one that who asks has in mind; NULL: any */
	bool as_json;
};

/** From the file alone, to `out`; `why` says why no daemon was asked. What cannot be read is told
 * in `errors`. */
enum exit_code explain_run(const struct settings *settings, const struct explain_question *question,
			   const char *why, FILE *out, FILE *errors);
/** As the workers have it, who are held, all to `out`. EXIT_CODE_OK or EXIT_CODE_USAGE. */
enum exit_code explain_crew(const struct crew *crew, const struct settings *settings,
			    const struct explain_question *question, FILE *out);
