/* responder_tcp.h: the part of responder.c that answers over TCP. */
#pragma once

#include "responder.h"

_Noreturn void responder_tcp_serve(const struct responder *responder, int listening);
