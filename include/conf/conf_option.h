/* conf/conf_option.h: what a row of an option table can say, and reading by it.
 *
 * A section is the settings that stand in one group of the file, with the struct they go to. */
#pragma once

#include "base/mem.h"
#include "conf/complaint.h"
#include "conf/conf.h"
#include "conf/conf_node.h"
#include "conf/conf_text.h"

struct conf_printer; /* conf/conf_print.h */

/* One reading of one configuration. */
struct conf_reader {
	struct conf *conf;
	const struct conf_text *text;
	struct complaints *complaints;
	const struct conf_section *const *sections; /* all there are, NULL at the end */
	const struct conf_node *zones, *couriers;   /* kept until all groups are known, or NULL */
	int err;				    /* -ENOMEM once memory was short */
};

enum conf_option_kind {
	OPTION_INTEGER,
	OPTION_SECONDS,	     /* whole ones */
	OPTION_MILLISECONDS, /* seconds in the file */
	OPTION_SIZE,	     /* bytes; 0 is allowed below `min` too */
	OPTION_BOOL,
	OPTION_WORD,	  /* number of the word in `words` */
	OPTION_SECTION,	  /* a group of options for the same struct */
	OPTION_TEXT,	  /* a string of its own; NULL is not printed */
	OPTION_NAME,	  /* struct conf_name below the root, no template */
	OPTION_NAMES,	  /* pointer to struct conf_name, none a template */
	OPTION_TEMPLATES, /* the same, of names and templates */
	OPTION_VARIANTS,  /* the same, of templates with room for CONF_COURIER_N_MAX */
	OPTION_TYPES,	  /* pointer to uint16_t, ascending */
	OPTION_NETS,	  /* pointer to struct addr_prefix, sorted */
	OPTION_GROUPS,	  /* pointer to structs of `size`; read by a function of its own */
	OPTION_OTHER,	  /* read and printed by functions of its own */
};

#define CONF_OPTION_UNSET (-1) /* fallback of what is not printed while it is not written */

struct conf_option {
	const char *name;
	enum conf_option_kind kind : 8;
	uint8_t size; /* of the field, as the next */
	uint16_t offset;
	union {
		struct {		  /* of kinds that are a number */
			int32_t fallback; /* as the next, of kind SIZE in KB */
			union {
				struct {
					int32_t min, max;
				};
				const char *const *words; /* of kind WORD; NULL at the end */
			};
		};
		struct { /* of SECTION and all after it */
			/* where not NULL, in place of what the kind says */
			void (*read)(struct conf_reader *reader, const struct conf_node *node,
				     void *base);
			union {
				const char *expected; /* of a TEXT; of a list an example */
				const struct conf_section *section;	   /* of SECTION */
				const struct conf_section *(*entry)(void); /* of GROUPS */
				void (*print)(struct conf_printer *printer, const void *base);
			};
			union {
				bool (*is_good)(const char *text); /* of TEXT */
				struct {
					uint16_t count_offset; /* of what the pointer is to */
					uint8_t count_max;     /* 0: no limit */
					bool may_be_empty;     /* [ ] or, of a NAME, "" */
				};
			};
		};
	};
#ifdef COURIERDNS_TESTS
	const char *help;
#endif
};
#define CONF_OPTION_FIELD(type, field) \
	.offset = offsetof(struct type, field), .size = sizeof(((struct type *)0)->field)
#define CONF_OPTION_LIST(type, field, count_field)                                          \
	.offset = offsetof(struct type, field), .size = sizeof(*((struct type *)0)->field), \
	.count_offset = offsetof(struct type, count_field)
/* What documentation says of it, which is made by tools and tests alone: the program itself does
 * not carry it. */
#ifdef COURIERDNS_TESTS
#define HELP(text) .help = text
#define HELP_OF(option) (option)->help
#else
#define HELP(text)
#define HELP_OF(option) NULL
#endif

struct conf_section {
	const char *path; /* "" for the file itself */
	const struct conf_option *options;
	uint16_t count;
	bool on_one_line; /* how it is printed */
};
#define CONF_OPTION_COUNT(options) (sizeof(options) / sizeof((options)[0]))

/** "2", "0.4". Returns into->text. */
const char *conf_option_seconds(int32_t milliseconds, struct complaint_quote *into);
/** What minima, maxima and fallbacks of kind SIZE are. */
uint64_t conf_option_bytes(int32_t kilobytes);
/** "64K", in the largest unit that divides it. Returns into->text. */
const char *conf_option_size_text(uint64_t bytes, struct complaint_quote *into);
/** "64K" in bytes; UINT64_MAX for what is no size, or beyond all. */
uint64_t conf_option_size(const char *text);

/* --- for the options of kind OTHER --------------------------------------------------------- */

void conf_option_place(const struct conf_reader *reader, const struct conf_node *node,
		       struct conf_place *ret_place);
/** Complains: "FILE:LINE: PATH " and the rest. */
void conf_option_complain(struct conf_reader *reader, const struct conf_node *node,
			  const char *format, ...) PRINTF_LIKE(3, 4);
/** Complains "FILE:LINE: PATH is VALUE; expected EXPECTED". */
void conf_option_refuse(struct conf_reader *reader, const struct conf_node *node,
			const char *expected);
/** The same of "a list such as EXAMPLE". */
void conf_option_refuse_list(struct conf_reader *reader, const struct conf_node *node,
			     const char *example);
/** Whether it is an array or list with something in it; complains so if not. */
bool conf_option_check_list(struct conf_reader *reader, const struct conf_node *node,
			    const char *example);
/** "has COUNT NOUN; expected at most MAX", and true, where they are more. */
bool conf_option_is_over(struct conf_reader *reader, const struct conf_node *node, uint32_t max,
			 const char *noun);
/** Complains "has no NAME; expected one, such as NAME = EXAMPLE" where a group has none. */
void conf_option_require(struct conf_reader *reader, const struct conf_node *group,
			 const char *name, const char *example);
/** Complains "is a duplicate: TEXT is there already; expected it once (first at FILE:LINE)". */
void conf_option_refuse_twin(struct conf_reader *reader, const struct conf_node *node,
			     const char *text, const struct conf_place *first);
/** As conf_option_refuse(), and asks whether the nearest of `words` was meant. */
void conf_option_refuse_word(struct conf_reader *reader, const struct conf_node *node,
			     const char *expected, const char *const words[]);
/** NULL, with a complaint, where it is not text. */
const char *conf_option_text(struct conf_reader *reader, const struct conf_node *node,
			     const char *expected);
struct conf_expectation {
	char text[256];
};
/** "a", "b" or "c", with `quote` around each. Returns into->text. */
const char *conf_option_join(const char *const words[], const char *quote,
			     struct conf_expectation *into);
/** Number of the word, or -1 with a complaint. */
int conf_option_word(struct conf_reader *reader, const struct conf_node *node,
		     const char *const words[]);
/** NULL, and the reader's err set, when memory is short. */
void *conf_option_alloc(struct conf_reader *reader, size_t count, size_t each);
