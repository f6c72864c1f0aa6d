/* app/web_pages.h: what is served over HTTP, a row each (PRODUCT 8). */
#pragma once

#include "side/web_page.h"

/** Their ctx is a struct commands (app/commands.h). */
const struct web_page_route *web_pages(void);
