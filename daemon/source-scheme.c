/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of schemes: a new kind of source begins here. */

#include "daemon/source-scheme.h"

#include <glib.h>

#include "shared/source-name.h"
#include "shared/util.h"

static const struct {
        const char *beginning;
        SourceScheme scheme;
} schemes[] = {
        { "bootstrap:", SOURCE_SCHEME_BOOTSTRAP },
        { "catalogue:", SOURCE_SCHEME_CATALOGUE },
        { "docker://", SOURCE_SCHEME_REGISTRY },
        { "http://", SOURCE_SCHEME_TRANSFER },
        { "https://", SOURCE_SCHEME_TRANSFER },
        { "file://", SOURCE_SCHEME_TRANSFER },
};

SourceScheme source_scheme_of(const char *uri, const char **ret_rest) {
        for (size_t i = 0; i < ELEMENTSOF(schemes); i++) {
                size_t n = strlen(schemes[i].beginning);

                if (g_ascii_strncasecmp(uri, schemes[i].beginning, n) != 0)
                        continue;
                *ret_rest = uri + n;
                return schemes[i].scheme;
        }
        return SOURCE_SCHEME_INVALID;
}

char *source_scheme_default_name(SourceScheme scheme, const char *uri, const char *rest) {
        if (scheme == SOURCE_SCHEME_REGISTRY)
                return source_default_name_of_image(rest);
        return scheme == SOURCE_SCHEME_TRANSFER ? source_default_name_of_url(uri) : g_strdup(rest);
}
