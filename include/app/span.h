/* app/span.h: how long something lasted, in words. */
#pragma once

#include <stdint.h>

struct span_text {
	char text[32];
};

/** "3 d 4 h", "42 s": the two largest units. Returns into->text. */
const char *span_to_text(uint32_t s, struct span_text *into);
