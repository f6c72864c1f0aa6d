#include "base/err.h"

#include <errno.h>
#include <string.h>

static const char *own_text(enum err err)
{
	switch (err) {
	case ERR_MALFORMED:
		return "malformed";
	case ERR_TIMED_OUT:
		return "no answer in time";
	case ERR_NO_SERVER:
		return "no server to ask";
	case ERR_LIMIT:
		return "limit reached";
	case ERR_CONF:
		return "the configuration has errors";
	case ERR_NO_SPACE:
		return "does not fit";
	}
	return "unknown error";
}

const char *err_text(int err)
{
	if (err <= ERR_MALFORMED)
		return own_text((enum err)err);
	return strerror(err < 0 ? -err : err);
}

bool err_is_lack(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -ENOBUFS ||
	       err == -EAGAIN;
}
