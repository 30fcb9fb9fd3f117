/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>

/* The kinds of URI that InstallFrom takes. */
typedef enum SourceScheme {
        SOURCE_SCHEME_BOOTSTRAP, /* bootstrap:SUITE, by a worker */
        SOURCE_SCHEME_TRANSFER,  /* an archive behind a URL, by lxss-fetch */
        SOURCE_SCHEME_CATALOGUE, /* catalogue:NAME, which stands for such a URL */
        SOURCE_SCHEME_REGISTRY,  /* docker://NAME, an image, by lxss-fetch */
        SOURCE_SCHEME_MAX,
        SOURCE_SCHEME_INVALID = -EINVAL,
} SourceScheme;

/* All of them, for messages. */
#define SOURCE_SCHEMES                                                                                                \
        "http://, https:// and file://, catalogue:NAME, docker://HOST/NAME:TAG, and bootstrap:SUITE, for instance "   \
        "bootstrap:bookworm"

/* Whatever the scheme's case. *ret_rest is what follows it. */
SourceScheme source_scheme_of(const char *uri, const char **ret_rest);

/* What a distribution is called that comes from there, where nobody gives it a
 * name. g_free() it; may be no valid name. */
char *source_scheme_default_name(SourceScheme scheme, const char *uri, const char *rest);
