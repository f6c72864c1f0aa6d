/* Configuration text: whatever loads is printed, and what is printed loads and prints the same;
 * what does not load is complained of, at a line that it has, in words of ours. In what loads, each
 * name of a family is what it is written as, and nothing else. */
#include <string.h>

#include "base/err.h"
#include "conf/conf_load.h"
#include "fuzz.h"
#include "policy/courier.h"

#define NAME "fuzz.conf"

static long lines_of(const char *text)
{
	long lines = 1;
	for (; *text != '\0'; text++)
		lines += *text == '\n';
	return lines;
}

static void check_complaint(const char *complaint, long lines)
{
	char *end;

	CHECK(strncmp(complaint, NAME ":", strlen(NAME ":")) == 0);
	const long line = strtol(complaint + strlen(NAME ":"), &end, 10);
	CHECK(line >= 1 && line <= lines);
	CHECK(strncmp(end, ": ", 2) == 0 && strlen(end) > 10);
	/* nothing is left for libconfig to find, but what it says better */
	CHECK(strncmp(end + 2, "syntax error", 12) != 0);
	CHECK(strncmp(end + 2, "duplicate setting name", 22) != 0);
	for (; *end != '\0'; end++)
		CHECK(*end >= 0x20 && *end < 0x7f);
}

static void check_role(const struct courier *courier, const struct conf_name *name,
		       enum courier_role role, size_t family)
{
	struct courier_match match;

	CHECK(courier_find(courier, name->wire, name->len, &match));
	CHECK(match.role == role && match.n == 0);
	CHECK(match.family == family || (role == COURIER_COUNT_TXT && match.family < family));
}

static void check_variant(const struct courier *courier, size_t family, size_t variant, uint32_t n)
{
	uint8_t name[NAME_MAX_LEN];
	struct courier_match match;

	const size_t len =
		courier_write_variant(courier, (unsigned)family, (unsigned)variant, n, name);
	CHECK(len == name_len(name));
	CHECK(courier_find(courier, name, len, &match));
	CHECK(match.role == COURIER_VARIANT && match.n == n);
	CHECK(match.family == family && match.variant == variant);
}

/* What two names could both be is found by the numbers that stand in one of them. */
static void check_numbers(const struct courier *courier, const struct conf *conf, size_t family,
			  size_t variant)
{
	static const uint32_t numbers[] = { 0, 1, 3, 5, 10, 50, 999, CONF_COURIER_N_MAX };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		check_variant(courier, family, variant, numbers[i]);
	for (size_t i = 0; i < conf->courier_count; i++) {
		for (size_t j = 0; j < conf->couriers[i].variant_count; j++) {
			const struct conf_name *name = &conf->couriers[i].variants[j];
			for (size_t k = 0; k < name->len; k++) {
				char text[5] = "";
				memcpy(text, name->wire + k,
				       name->len - k < 4 ? name->len - k : (size_t)4);
				check_variant(courier, family, variant,
					      (uint32_t)strtoul(text, NULL, 10) %
						      (CONF_COURIER_N_MAX + 1));
			}
		}
	}
}

static void check_couriers(const struct conf *conf)
{
	struct courier *courier = courier_new(conf);

	CHECK(courier != NULL);
	for (size_t i = 0; i < conf->courier_count; i++) {
		const struct conf_courier *family = &conf->couriers[i];
		CHECK(family->enabled && family->variant_count > 0 && family->type_count > 0);
		check_role(courier, &family->alias, COURIER_ALIAS, i);
		check_role(courier, &family->target, COURIER_TARGET, i);
		if (family->count_txt.wire != NULL)
			check_role(courier, &family->count_txt, COURIER_COUNT_TXT, i);
		for (size_t j = 0; j < family->variant_count; j++)
			check_numbers(courier, conf, i, j);
	}
	courier_free(courier);
}

/* What loads as it is printed, or NULL where it does not load. */
static char *load_and_print(const char *text)
{
	struct complaints *complaints = complaint_new();
	struct conf *conf = NULL;
	char *printed = NULL;
	size_t len = 0;

	CHECK(complaints != NULL);
	const int err = conf_load_text(text, NAME, complaints, &conf);
	CHECK(err == 0 || err == ERR_CONF);
	CHECK((err == ERR_CONF) == (complaint_count(complaints) > 0));
	for (size_t i = 0; i < complaint_kept(complaints); i++)
		check_complaint(complaint_text(complaints, i), lines_of(text));
	complaint_free(complaints);
	if (err != 0) {
		conf_free(conf);
		return NULL;
	}

	FILE *out = open_memstream(&printed, &len);
	CHECK(out != NULL);
	conf_load_print(conf, out);
	fclose(out);
	check_couriers(conf);
	conf_free(conf);
	return printed;
}

/* The same with every line ended as on Windows. */
static char *with_crlf(const char *text)
{
	char *copy = (char *)fuzz_alloc(strlen(text) * 2 + 1), *to = copy;
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			*to++ = '\r';
		*to++ = *text;
	}
	*to = '\0';
	return copy;
}

static void check_same(const char *text, const char *printed)
{
	char *again = load_and_print(text);
	CHECK(again != NULL && strcmp(again, printed) == 0);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = (char *)fuzz_alloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';

	char *printed = load_and_print(text);
	if (printed != NULL) {
		check_same(printed, printed);
		if (strchr(text, '\r') == NULL) {
			char *crlf = with_crlf(text);
			check_same(crlf, printed);
			free(crlf);
		}
	}
	free(printed);
	free(text);
	return 0;
}
