/* app/explain.h: `courierdns explain`: which rule speaks for a name, and why; and from the running
 * daemon what is known of it. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "app/crew.h"
#include "app/exit_code.h"
#include "app/settings.h"
#include "base/json.h"

struct explain_question {
	const char *name, *type; /* type NULL: A */
	const char *client;	 /* an address; NULL: 127.0.0.1 */
	const char *file;	 /* real path of the one that who asks has in mind; NULL: any */
	struct json *json;	 /* where to, for programs; NULL: for people */
};

/** From the file alone, to `out`; `why` says why no daemon was asked. What cannot be read is told
 * in `errors`: an address that is none, then the file, or that there is none, then the question. */
enum exit_code explain_run(const struct settings *settings, const struct explain_question *question,
			   const char *why, FILE *out, FILE *errors);
/** As the workers have it, who are held, all to `out`. EXIT_CODE_OK or EXIT_CODE_USAGE. */
enum exit_code explain_crew(const struct crew *crew, const struct settings *settings,
			    const struct explain_question *question, FILE *out);
