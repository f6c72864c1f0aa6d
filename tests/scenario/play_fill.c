#include <string.h>

#include "fake_nftset.h"
#include "play.h"
#include "report.h"
#include "wire_build.h"

/* kernel N(s|ms): so long it takes from here on to put addresses into an nft set */
void play_kernel(struct play *play, const struct scn_step *step)
{
	(void)play;
	fake_nftset_set_delay(play_read_us(step->head.text));
}

static void check(const struct fake_put *put, const struct scn_words *words)
{
	struct addr_text text;

	if (words->count != put->count * 2)
		report_fail("filled: %zu addresses were put there", put->count);
	for (size_t i = 0; i < put->count; i++) {
		const struct nftset_item *item = &put->items[i];
		const unsigned long ttl = wire_build_number(words->at[i * 2 + 1], UINT32_MAX);

		if (strcmp(addr_to_text(&item->addr, &text), words->at[i * 2]) != 0)
			report_fail("filled: expected %s, and it was %s", words->at[i * 2],
				    text.text);
		if (item->ttl_s != ttl)
			report_fail("filled: expected %s for %lu s, and it was %u", text.text, ttl,
				    (unsigned)item->ttl_s);
	}
}

/* filled ADDRESS TTL...: the first answer whose addresses have been put into sets and that the
 * script has not looked at had these. Nothing behind it: there is none. */
void play_filled(struct play *play, const struct scn_step *step)
{
	struct scn_words words = scn_split(step->head.text);
	struct fake_put *put = fake_nftset_puts();

	while (put != NULL && put->is_expected)
		put = put->next;
	if (!play->mode.is_lenient && (put != NULL) != (words.count > 0))
		report_fail(put == NULL ? "nothing was put into a set"
					: "addresses were put into a set and nobody expected it");
	if (put != NULL) {
		put->is_expected = true;
		if (!play->mode.is_lenient)
			check(put, &words);
	}
	scn_words_free(&words);
}

void play_expect_no_filled(const struct play *play)
{
	struct addr_text text;

	(void)play;
	for (const struct fake_put *put = fake_nftset_puts(); put != NULL; put = put->next) {
		if (!put->is_expected)
			report_fail("addresses were put into a set and nobody looked, %s first",
				    addr_to_text(&put->items[0].addr, &text));
	}
}
