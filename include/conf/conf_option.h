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
	OPTION_WORD,	/* number of the word in `words` */
	OPTION_SECTION, /* a group of options for the same struct */
	OPTION_OTHER,	/* read and printed by functions of its own */
};

#define CONF_OPTION_UNSET (-1) /* fallback of what is not printed while it is not written */

struct conf_option {
	const char *name;
	enum conf_option_kind kind : 8;
	uint8_t size; /* of the field, as the next */
	uint16_t offset;
	int32_t min, max, fallback; /* of kind SIZE in KB */
	union {
		const char *const *words;	    /* of kind WORD; NULL at the end */
		const struct conf_section *section; /* of kind SECTION */
		void (*read)(struct conf_reader *reader, const struct conf_node *node,
			     void *base); /* of kind OTHER, as the next */
	};
	void (*print)(struct conf_printer *printer, const void *base); /* or nothing */
#ifdef COURIERDNS_TESTS
	const char *help;
#endif
};
#define CONF_OPTION_FIELD(type, field) \
	.offset = offsetof(struct type, field), .size = sizeof(((struct type *)0)->field)
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
	size_t count;
};

/** Puts every fallback in place, those of sections within too. */
void conf_option_defaults(const struct conf_section *section, void *base);
/** Reads a group by the section's table. */
void conf_option_read(struct conf_reader *reader, const struct conf_node *group,
		      const struct conf_section *section, void *base);
/** "64K", in the largest unit that divides it. Returns into->text. */
const char *conf_option_size_text(int64_t bytes, struct complaint_quote *into);

/* --- for the options of kind OTHER --------------------------------------------------------- */

struct conf_place conf_option_place(const struct conf_reader *reader, const struct conf_node *node);
/** Complains: "FILE:LINE: PATH " and the rest. */
void conf_option_complain(struct conf_reader *reader, const struct conf_node *node,
			  const char *format, ...) PRINTF_LIKE(3, 4);
/** Complains "FILE:LINE: PATH is VALUE; expected EXPECTED". */
void conf_option_refuse(struct conf_reader *reader, const struct conf_node *node,
			const char *expected);
/** Whether it is an array or list with something in it; complains if not. */
bool conf_option_check_list(struct conf_reader *reader, const struct conf_node *node,
			    const char *expected);
/** NULL, with a complaint, where it is not text. */
const char *conf_option_text(struct conf_reader *reader, const struct conf_node *node,
			     const char *expected);
/** Number of the word, or -1 with a complaint. */
int conf_option_word(struct conf_reader *reader, const struct conf_node *node,
		     const char *const words[]);
/** NULL, and the reader's err set, when memory is short. */
void *conf_option_alloc(struct conf_reader *reader, size_t count, size_t each);
