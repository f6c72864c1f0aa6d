#include "net/tls_look.h"

#include <errno.h>

#ifdef COURIERDNS_OPENSSL
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop_internal.h"
#include "outgoing.h"
#include "socket.h"

struct tls_look {
	struct loop *loop;
	int fd;
	struct event event;
	SSL_CTX *context;
	SSL *ssl;
	char issuer[TLS_LOOK_ISSUER_MAX]; /* "" until it is known */
	const struct tls_look_events *events;
	void *ctx;
};

bool tls_look_is_built(void)
{
	return true;
}

static void take_name(struct tls_look *look, const X509_NAME *name)
{
	if (X509_NAME_get_text_by_NID(name, NID_organizationName, look->issuer,
				      sizeof(look->issuer)) <= 0 &&
	    X509_NAME_get_text_by_NID(name, NID_commonName, look->issuer, sizeof(look->issuer)) <=
		    0)
		memcpy(look->issuer, "?", 2);
	for (char *at = look->issuer; *at != '\0'; at++) {
		if (*at < ' ' || *at > '~')
			*at = '?';
	}
	if (look->issuer[0] == '\0')
		memcpy(look->issuer, "?", 2);
}

/* Comes as soon as the certificate does: servers that want one of ours end the handshake after. */
static int on_certificate(X509_STORE_CTX *store, void *ctx)
{
	const X509 *certificate = X509_STORE_CTX_get0_cert(store);

	if (certificate != NULL)
		take_name(ctx, X509_get_issuer_name(certificate));
	return 1;
}

static int connection_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
		return -errno;
	return -err;
}

static void on_event(evutil_socket_t fd, short what, void *ctx);

static int wait_for(struct tls_look *look, short what)
{
	if (event_initialized(&look->event))
		event_del(&look->event);
	if (event_assign(&look->event, loop_base(look->loop), look->fd, what, on_event, look) !=
		    0 ||
	    event_add(&look->event, NULL) != 0)
		return -ENOMEM;
	return 0;
}

static void on_event(evutil_socket_t fd, short what, void *ctx)
{
	struct tls_look *look = ctx;
	int err;

	(void)what;
	loop_tick(look->loop);
	if ((err = connection_error(fd)) == 0) {
		const int result = SSL_connect(look->ssl);
		const int reason = SSL_get_error(look->ssl, result);
		if (look->issuer[0] != '\0') {
			look->events->on_issuer(look->ctx, look->issuer);
			return;
		}
		err = ERR_MALFORMED;
		if (reason == SSL_ERROR_WANT_READ)
			err = wait_for(look, EV_READ);
		else if (reason == SSL_ERROR_WANT_WRITE)
			err = wait_for(look, EV_WRITE);
	}
	if (err != 0)
		look->events->on_failed(look->ctx, err);
}

static int make_ssl(struct tls_look *look, const struct tls_look_names *names)
{
	unsigned char protocol[64];
	const size_t len = strlen(names->protocol);

	if (len >= sizeof(protocol))
		return -EINVAL;
	protocol[0] = (unsigned char)len;
	memcpy(protocol + 1, names->protocol, len);
	look->context = SSL_CTX_new(TLS_client_method());
	if (look->context == NULL)
		return -ENOMEM;
	SSL_CTX_set_cert_verify_callback(look->context, on_certificate, look);
	look->ssl = SSL_new(look->context);
	if (look->ssl == NULL || SSL_set_fd(look->ssl, look->fd) != 1 ||
	    SSL_set_tlsext_host_name(look->ssl, names->server) != 1 ||
	    SSL_set_alpn_protos(look->ssl, protocol, (unsigned)len + 1) != 0)
		return -ENOMEM;
	return 0;
}

static int open_socket(struct tls_look *look, const struct conf_server *to)
{
	look->fd = outgoing_keep(look->loop, socket_open(to->addr.family, SOCK_STREAM));
	if (look->fd < 0)
		return look->fd;
	const int err = outgoing_connect(look->fd, to);
	return err == -EINPROGRESS ? 0 : err;
}

int tls_look_start(struct loop *loop, const struct conf_server *to,
		   const struct tls_look_names *names, const struct tls_look_events *events,
		   void *ctx, struct tls_look **ret_look)
{
	int err = -ENOMEM;
	struct tls_look *look = mem_zalloc(sizeof(*look));
	if (look == NULL)
		goto out;
	*look = (struct tls_look){ .loop = loop, .fd = -1, .events = events, .ctx = ctx };
	if ((err = open_socket(look, to)) != 0)
		goto out;
	if ((err = make_ssl(look, names)) != 0)
		goto out;
	if ((err = wait_for(look, EV_WRITE)) != 0)
		goto out;
	*ret_look = look;
	look = NULL;
out:
	tls_look_free(look);
	return err;
}

void tls_look_free(struct tls_look *look)
{
	if (look == NULL)
		return;
	SSL_free(look->ssl);
	SSL_CTX_free(look->context);
	socket_close(&look->event, look->fd);
	mem_free(look);
}

#else

bool tls_look_is_built(void)
{
	return false;
}

int tls_look_start(struct loop *loop, const struct conf_server *to,
		   const struct tls_look_names *names, const struct tls_look_events *events,
		   void *ctx, struct tls_look **ret_look)
{
	(void)loop;
	(void)to;
	(void)names;
	(void)events;
	(void)ctx;
	(void)ret_look;
	return -ENOTSUP;
}

void tls_look_free(struct tls_look *look)
{
	(void)look;
}

#endif
