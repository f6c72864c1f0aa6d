/* app/web_pages.h: what is served over HTTP, a row each (PRODUCT 8). */
#pragma once

#include "side/web.h"

/** Their ctx is a struct commands (app/commands.h). */
const struct web_route *web_pages(void);
