/* net/tls_look.h: begins TLS with an address, to see who issued the certificate that it shows; then
 * hangs up. Nothing is verified: who decrypts on the way is told by its name.
 *
 * Built in with TLS=openssl; without, nothing can be started. */
#pragma once

#include <stdbool.h>

#include "conf/conf.h"
#include "net/loop.h"

#define TLS_LOOK_ISSUER_MAX 128

struct tls_look;

struct tls_look_events {
	/* Its organization, or its common name where it names none; printable ASCII. */
	void (*on_issuer)(void *ctx, const char *issuer);
	/* It ended without a certificate: -errno of the connection, or ERR_MALFORMED where what
	 * answers does not speak TLS, or would not with us. */
	void (*on_failed)(void *ctx, int err);
};

/* Whom to ask for (SNI), and the protocol that is offered (ALPN). */
struct tls_look_names {
	const char *server, *protocol;
};

bool tls_look_is_built(void);
/** One of the events comes, never from inside a call of this module; the look may be freed from
 * it. -errno of the socket; -ENOMEM; -ENOTSUP where it is not built in. */
MUST_CHECK int tls_look_start(struct loop *loop, const struct conf_server *to,
			      const struct tls_look_names *names,
			      const struct tls_look_events *events, void *ctx,
			      struct tls_look **ret_look);
void tls_look_free(struct tls_look *look); /* NULL is fine */
