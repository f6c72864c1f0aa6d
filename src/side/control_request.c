#include "side/control_request.h"

#include <string.h>

enum control_parse control_request_parse(const uint8_t *bytes, size_t len,
					 struct control_request *ret_request)
{
	const char *at = (const char *)bytes, *const end = at + len;

	*ret_request = (struct control_request){ .count = 0 };
	while (at < end) {
		const char *nul = memchr(at, '\0', (size_t)(end - at));

		if (nul == NULL)
			return CONTROL_PARSE_MORE;
		if (nul == at)
			return ret_request->count > 0 && nul + 1 == end ? CONTROL_PARSE_WHOLE
									: CONTROL_PARSE_BAD;
		if (ret_request->count == CONTROL_REQUEST_WORDS)
			return CONTROL_PARSE_BAD;
		ret_request->words[ret_request->count++] = at;
		at = nul + 1;
	}
	return CONTROL_PARSE_MORE;
}

int control_request_write(const char *const words[], char *out, size_t max, size_t *ret_len)
{
	size_t len = 0, count = 0;

	for (; words[count] != NULL; count++) {
		const size_t word_len = strlen(words[count]) + 1;

		if (word_len == 1)
			return ERR_MALFORMED;
		if (count == CONTROL_REQUEST_WORDS)
			return ERR_LIMIT;
		if (len + word_len + 1 > max)
			return ERR_NO_SPACE;
		memcpy(out + len, words[count], word_len);
		len += word_len;
	}
	if (count == 0)
		return ERR_LIMIT;
	out[len++] = '\0';
	*ret_len = len;
	return 0;
}

enum option_kind { OPTION_UNKNOWN, OPTION_FLAG, OPTION_VALUE };

/* Looks for a line that begins with the word, and with nothing but its value behind that. */
static enum option_kind find_option(const char *lines, const char *word, size_t len)
{
	for (const char *at = lines; at != NULL && at[0] != '\0'; at = strchr(at, '\n') + 1) {
		if (strncmp(at, word, len) != 0)
			continue;
		if (at[len] == '\t')
			return OPTION_FLAG;
		if (at[len] == ' ')
			return OPTION_VALUE;
	}
	return OPTION_UNKNOWN;
}

static enum option_kind option_kind(const struct control_usage *usage, const char *word, size_t len)
{
	if (memchr(word, '\t', len) != NULL) /* else it might be text of the line */
		return OPTION_UNKNOWN;
	const enum option_kind own = find_option(usage->options, word, len);
	return own != OPTION_UNKNOWN ? own : find_option(usage->more, word, len);
}

/* One option, with its value in the same word or in the next one. Returns how many words it is, 0
 * where it is none. */
static size_t read_option(const char *const words[], const struct control_usage *usage,
			  struct control_call *call, FILE *errors)
{
	const char *word = words[0], *equals = strchr(word, '=');
	const size_t len = equals == NULL ? strlen(word) : (size_t)(equals - word);
	const char *value = "";
	size_t used = 1;

	switch (option_kind(usage, word, len)) {
	case OPTION_UNKNOWN:
		fprintf(errors, "%s: \"%s\" is not an option of it\n", usage->name, word);
		return 0;
	case OPTION_FLAG:
		if (equals != NULL) {
			fprintf(errors, "%s: \"%s\" takes no value\n", usage->name, word);
			return 0;
		}
		break;
	case OPTION_VALUE:
		value = equals != NULL ? equals + 1 : words[1];
		used = equals != NULL ? 1 : 2;
		if (value == NULL || value[0] == '\0') {
			fprintf(errors, "%s: %s wants a value\n", usage->name, word);
			return 0;
		}
		break;
	}
	call->options[call->option_count].name = word;
	call->options[call->option_count++].value = value;
	return used;
}

bool control_request_read(const struct control_request *request, const struct control_usage *usage,
			  struct control_call *ret_call, FILE *errors)
{
	*ret_call = (struct control_call){ .count = 0 };
	for (size_t i = 1; i < request->count;) {
		if (strncmp(request->words[i], "--", 2) != 0) {
			ret_call->words[ret_call->count++] = request->words[i++];
			continue;
		}
		const size_t used = read_option(&request->words[i], usage, ret_call, errors);
		if (used == 0)
			return false;
		i += used;
	}
	if (ret_call->count > usage->most)
		fprintf(errors, "%s: \"%s\" was not expected\n", usage->name,
			ret_call->words[usage->most]);
	else if (ret_call->count < usage->least)
		fprintf(errors, "%s: more was expected\n", usage->name);
	return ret_call->count >= usage->least && ret_call->count <= usage->most;
}

const char *control_request_option(const struct control_call *call, const char *name)
{
	const size_t len = strlen(name);

	for (size_t i = 0; i < call->option_count; i++) {
		const char *given = call->options[i].name;

		if (strncmp(given, name, len) == 0 && (given[len] == '\0' || given[len] == '='))
			return call->options[i].value;
	}
	return NULL;
}
