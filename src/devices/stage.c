#include "devices/stage.h"

#include <endian.h>
#include <string.h>

#include "wire/name.h"

enum kind {
	PLAIN,
	NUMBERED, /* the first label begins with a number, which is left out of the row's name */
	BELOW,	  /* the name is anything with one label more */
};

struct row {
	const char *name; /* lower-case wire form; the literal's own NUL is the root */
	uint8_t len;
	uint8_t pool;
	enum kind kind : 8;
	enum stage stage : 4;
	enum stage_expects expects : 2;
	bool is_shared : 1, is_everyday : 1;
};
_Static_assert(sizeof(struct row) <= 2 * sizeof(char *), "in the room that padding would take");
/* clang-format off */
#define ROW(of_kind, literal, of_stage) \
	.kind = (of_kind), .name = (literal), .len = sizeof(literal), .stage = STAGE_##of_stage
#define HOST(literal, stage) { ROW(PLAIN, literal, stage) }
#define EVERYDAY(literal, stage) { ROW(PLAIN, literal, stage), .is_everyday = true }
#define SHARED(literal) { ROW(PLAIN, literal, CERTIFICATES), .is_shared = true }
#define TEXT(literal) { ROW(PLAIN, literal, TXT), .expects = STAGE_EXPECTS_TEXT }
#define ALIAS(literal) { ROW(PLAIN, literal, COURIER), .expects = STAGE_EXPECTS_DANGLING }
#define TARGET(literal) { ROW(PLAIN, literal, COURIER), .expects = STAGE_EXPECTS_NOTHING }
#define COURIER(literal, of_pool) { ROW(NUMBERED, literal, VARIANT), .pool = (of_pool) }
/* clang-format on */

/* By kind, then length, then bytes: looked up by halves. */
static const struct row rows[] = {
	EVERYDAY("\2gs\5apple\3com", ACTIVATION),
	HOST("\3crl\5apple\3com", CERTIFICATES),
	HOST("\4gdmf\5apple\3com", ENROLMENT),
	EVERYDAY("\4humb\5apple\3com", ACTIVATION),
	HOST("\4ocsp\5apple\3com", CERTIFICATES),
	TEXT("\4push\5apple\3com"),
	EVERYDAY("\4tbsc\5apple\3com", ACTIVATION),
	HOST("\4time\5apple\3com", TIME),
	SHARED("\3crl\7entrust\3net"),
	HOST("\5certs\5apple\3com", CERTIFICATES),
	HOST("\5ocsp2\5apple\3com", CERTIFICATES),
	HOST("\5valid\5apple\3com", CERTIFICATES),
	SHARED("\4ocsp\7entrust\3net"),
	SHARED("\4ocsp\10digicert\2cn"),
	HOST("\6albert\5apple\3com", ACTIVATION),
	SHARED("\4crl3\10digicert\3com"),
	SHARED("\4crl4\10digicert\3com"),
	SHARED("\4ocsp\10digicert\3com"),
	HOST("\7captive\5apple\3com", CAPTIVE),
	HOST("\10time-ios\5apple\3com", TIME),
	HOST("\4init\4push\5apple\3com", BAG),
	HOST("\11iprofiles\5apple\3com", ENROLMENT),
	EVERYDAY("\11sq-device\5apple\3com", ACTIVATION),
	EVERYDAY("\6static\3ips\5apple\3com", ACTIVATION),
	HOST("\12init-p01md\5apple\3com", BAG),
	HOST("\12time-macos\5apple\3com", TIME),
	HOST("\13axm-adm-mdm\5apple\3com", ENROLMENT),
	ALIAS("\7courier\4push\5apple\3com"),
	TEXT("\7sandbox\4push\5apple\3com"),
	HOST("\14axm-adm-scep\5apple\3com", ENROLMENT),
	ALIAS("\10courier2\4push\5apple\3com"),
	HOST("\15mdmenrollment\5apple\3com", ENROLMENT),
	HOST("\16axm-adm-enroll\5apple\3com", ENROLMENT),
	HOST("\12init-p01st\4push\5apple\3com", BAG),
	HOST("\20deviceenrollment\5apple\3com", ENROLMENT),
	HOST("\4init\7sandbox\4push\5apple\3com", BAG),
	HOST("\4init\12push-apple\3com\6akadns\3net", BAG),
	ALIAS("\7courier\7sandbox\4push\5apple\3com"),
	HOST("\24axm-servicediscovery\5apple\3com", ENROLMENT),
	ALIAS("\10courier2\7sandbox\4push\5apple\3com"),
	TARGET("\22courier-push-apple\3com\6akadns\3net"),
	HOST("\27deviceservices-external\5apple\3com", ENROLMENT),
	TARGET("\23courier2-push-apple\3com\6akadns\3net"),
	HOST("\15init-p01md-cn\12push-apple\3com\6akadns\3net", BAG),
	HOST("\15init-p01md-lb\12push-apple\3com\6akadns\3net", BAG),
	TARGET("\32courier-sandbox-push-apple\3com\6akadns\3net"),
	TARGET("\33courier2-sandbox-push-apple\3com\6akadns\3net"),
	COURIER("\10-courier\4push\5apple\3com", 1),
	COURIER("\11-courier2\4push\5apple\3com", 2),
	COURIER("\10-courier\7sandbox\4push\5apple\3com", 3),
	COURIER("\11-courier2\7sandbox\4push\5apple\3com", 4),
	COURIER("\0\22courier-push-apple\3com\6akadns\3net", 1),
	COURIER("\0\23courier2-push-apple\3com\6akadns\3net", 2),
	COURIER("\0\32courier-sandbox-push-apple\3com\6akadns\3net", 3),
	COURIER("\0\33courier2-sandbox-push-apple\3com\6akadns\3net", 4),
	{ ROW(BELOW, "\11appattest\5apple\3com", ENROLMENT) },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

const char *stage_text(enum stage stage)
{
	static const char *const texts[] = { "captive", "time",	     "activation",
					     "bag",	"count",     "courier",
					     "variant", "enrolment", "certificates" };

	_Static_assert(sizeof(texts) / sizeof(texts[0]) == STAGE_KINDS, "a text for each");
	return stage < STAGE_KINDS ? texts[stage] : "none";
}

/* Ascending as the bytes are. All rows are longer. */
static uint64_t first_bytes(const void *name)
{
	uint64_t bytes;

	memcpy(&bytes, name, sizeof(bytes));
	return be64toh(bytes);
}

/* Most differ in what is looked at first, which spares a call for each step. */
static int compare(const struct row *row, enum kind kind, const uint8_t *name, size_t len)
{
	if (row->kind != kind)
		return row->kind < kind ? -1 : 1;
	if (row->len != len)
		return row->len < len ? -1 : 1;
	const uint64_t want = first_bytes(name), have = first_bytes(row->name);
	if (have != want)
		return have < want ? -1 : 1;
	return memcmp(row->name, name, len);
}

static const struct row *find(enum kind kind, const uint8_t *name, size_t len)
{
	size_t low = 0, high = ROWS;

	while (low < high) {
		const size_t middle = (low + high) / 2;
		const int order = compare(&rows[middle], kind, name, len);

		if (order == 0)
			return &rows[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* A number without leading zeros at the start of the first label, and the name without it: no row
 * of another kind begins so. */
static const struct row *find_numbered(const uint8_t *name, size_t len, uint16_t *ret_n)
{
	uint8_t rest[NAME_MAX_LEN];
	unsigned digits = 0;
	uint32_t n = 0;

	for (; digits < name[0] && name[1 + digits] >= '0' && name[1 + digits] <= '9'; digits++) {
		if (digits > 0 && n == 0)
			return NULL;
		n = n * 10 + (uint32_t)(name[1 + digits] - '0');
		if (n > STAGE_N_MAX)
			return NULL;
	}
	rest[0] = (uint8_t)(name[0] - digits);
	memcpy(rest + 1, name + 1 + digits, len - 1 - digits);
	*ret_n = (uint16_t)n;
	return find(NUMBERED, rest, len - digits);
}

/* The last bytes of each row's name, and so of each name there is a stage for: most others have
 * other ones. */
static bool has_tail(const uint8_t *name, size_t len)
{
	if (len < sizeof(uint64_t))
		return false;
	const uint64_t tail = first_bytes(name + len - sizeof(uint64_t));
	return tail == first_bytes("ple\3com") || tail == first_bytes("dns\3net") ||
	       tail == first_bytes("ert\3com") || tail == first_bytes("ust\3net") ||
	       tail == first_bytes("cert\2cn");
}

bool stage_find(const uint8_t *name, size_t len, struct stage_match *ret_match)
{
	const bool has_number = name[0] > 0 && name[1] >= '0' && name[1] <= '9';
	uint16_t n = 0;

	*ret_match = (struct stage_match){ .stage = STAGE_NONE };
	if (!has_tail(name, len))
		return false;
	const struct row *row = has_number ? find_numbered(name, len, &n) : find(PLAIN, name, len);
	if (row == NULL)
		row = find(BELOW, name + 1 + name[0], len - 1 - name[0]);
	if (row == NULL)
		return false;
	*ret_match = (struct stage_match){ .stage = row->stage,
					   .expects = row->expects,
					   .is_shared = row->is_shared,
					   .is_everyday = row->is_everyday,
					   .pool = row->pool,
					   .n = n };
	return true;
}
