/* A request as it comes over the control socket. What is read can be written, and is the same; and
 * whatever a command takes of it points into it. */
#include <string.h>

#include "fuzz.h"
#include "side/control_request.h"

#define JSON "--json\tfor machines\n"
static const struct control_usage usages[] = {
	{ "status", JSON, NULL, 0, 0 },
	{ "devices", NULL, JSON, 0, 1 },
	{ "explain", "--client ADDR\tits --address\n--offline\t\n", JSON, 1, 2 },
	{ "flush", "--zone NAME\t\n--all\t\n", "-s FILE\t\n" JSON, 0, CONTROL_REQUEST_WORDS },
};

static void check_inside(const char *text, const uint8_t *bytes, size_t size)
{
	if (text[0] == '\0')
		return; /* static, or the end of a word */
	CHECK(text >= (const char *)bytes);
	CHECK(text + strlen(text) < (const char *)bytes + size);
}

static void check_call(const struct control_request *request, const struct control_usage *usage,
		       const uint8_t *bytes, size_t size)
{
	struct control_call call;
	char said[512] = "";
	FILE *errors = fmemopen(said, sizeof(said) - 1, "w");

	CHECK(errors != NULL);
	setbuf(errors, NULL);
	const bool is_good = control_request_read(request, usage, &call, errors);
	fclose(errors);
	CHECK(is_good == (said[0] == '\0'));
	if (!is_good)
		return;
	CHECK(call.count >= usage->least && call.count <= usage->most);
	CHECK(call.count + call.option_count < request->count + 1);
	CHECK(call.words[call.count] == NULL);
	for (size_t i = 0; i < call.count; i++)
		check_inside(call.words[i], bytes, size);
	for (size_t i = 0; i < call.option_count; i++) {
		check_inside(call.options[i].name, bytes, size);
		check_inside(call.options[i].value, bytes, size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = fuzz_alloc(size);
	char again[CONTROL_REQUEST_MAX];
	struct control_request request, part;
	size_t len = 0;

	memcpy(bytes, data, size);
	const enum control_parse parse = control_request_parse(bytes, size, &request);
	CHECK(request.count <= CONTROL_REQUEST_WORDS);
	if (parse == CONTROL_PARSE_WHOLE) {
		for (size_t i = 0; i < size; i++)
			CHECK(control_request_parse(bytes, i, &part) == CONTROL_PARSE_MORE);
		for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++)
			check_call(&request, &usages[i], bytes, size);
		if (size <= sizeof(again)) {
			CHECK(control_request_write(request.words, again, sizeof(again), &len) ==
			      0);
			CHECK(len == size && memcmp(again, bytes, size) == 0);
		}
	}
	free(bytes);
	return 0;
}
