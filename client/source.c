/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the reading of a source's spelling. Touches no file. */

#include "client/source.h"

#include <ctype.h>

#include "shared/source-name.h"
#include "shared/util.h"

SourceKind source_classify(const char *source) {
        const char *c = source;

        if (streq(source, "-"))
                return SOURCE_STDIN;
        /* RFC 3986's scheme. A file of such a name can be given as ./NAME. */
        if (!isalpha((unsigned char)*c))
                return SOURCE_PATH;
        while (isalnum((unsigned char)*c) || (*c && strchr("+-.", *c)))
                c++;
        return *c == ':' ? SOURCE_URI : SOURCE_PATH;
}

bool source_may_be_name(const char *path) {
        _cleanup_free_ char *stripped = source_default_name(path);

        return stripped && *path && *path != '.' && !strchr(path, '/') && streq(stripped, path);
}
