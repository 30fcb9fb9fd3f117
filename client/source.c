/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the reading of a source's spelling. Touches no file. */

#include "client/source.h"

#include <ctype.h>

#include "shared/source-name.h"
#include "shared/util.h"

static bool has_scheme(const char *source, const char *scheme) {
        return strncmp(source, scheme, strlen(scheme)) == 0;
}

SourceKind source_classify(const char *source) {
        const char *c = source;

        if (streq(source, "-"))
                return SOURCE_STDIN;
        /* RFC 3986's scheme. A file of such a name can be given as ./NAME. */
        if (!isalpha((unsigned char)*c))
                return SOURCE_PATH;
        while (isalnum((unsigned char)*c) || (*c && strchr("+-.", *c)))
                c++;
        if (*c != ':')
                return SOURCE_PATH;
        return has_scheme(source, "oci:")            ? SOURCE_LAYOUT :
               has_scheme(source, "oci-archive:")    ? SOURCE_LAYOUT_ARCHIVE :
               has_scheme(source, "docker-archive:") ? SOURCE_DOCKER_ARCHIVE :
                                                       SOURCE_URI;
}

char *source_split_image(const char *source, unsigned colons, const char **ret_image) {
        const char *path = strchr(source, ':') + 1;
        size_t n = strcspn(path, ":");

        for (; colons > 0 && path[n]; colons--)
                n += 1 + strcspn(path + n + 1, ":");
        *ret_image = path[n] ? path + n + 1 : "";
        return strndup(path, n);
}

unsigned source_count_colons(const char *source) {
        unsigned n = 0;

        for (const char *c = strchr(source, ':') + 1; *c; c++)
                n += *c == ':';
        return n;
}

bool source_may_be_name(const char *path) {
        _cleanup_free_ char *stripped = source_default_name(path);

        return stripped && *path && *path != '.' && !strchr(path, '/') && streq(stripped, path);
}
