/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See shared/source-name.h. A URL is taken apart only as far as that (RFC 3986:
 * scheme "://" [userinfo "@"] host path ["?" query] ["#" fragment]); whether it is
 * a good one is the transfer's to judge. */

#include "shared/source-name.h"

#include <strings.h>

#include "shared/util.h"

static bool strip(char *name, const char *ending) {
        size_t length = strlen(name), n = strlen(ending);

        if (length <= n || strcasecmp(name + length - n, ending) != 0)
                return false;
        name[length - n] = '\0';
        return true;
}

static char *name_of(const char *path, size_t length) {
        static const char *const compressions[] = { ".gz", ".xz", ".bz2", ".zst", ".lzma", ".lz4", ".lz", ".Z" };
        static const char *const archives[] = { ".tar",  ".cpio", ".tgz",  ".txz",  ".tbz2",
                                                ".tbz",  ".tzst", ".tlz",  ".wsl",  ".squashfs",
                                                ".sqfs", ".ext4", ".ext3", ".ext2", ".img" };
        const char *slash;
        char *name;

        while (length > 1 && path[length - 1] == '/')
                length--;
        slash = memrchr(path, '/', length);
        name = slash ? strndup(slash + 1, length - (size_t)(slash + 1 - path)) : strndup(path, length);
        if (!name)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(compressions); i++)
                if (strip(name, compressions[i]))
                        break;
        for (size_t i = 0; i < ELEMENTSOF(archives); i++)
                if (strip(name, archives[i]))
                        break;
        return name;
}

char *source_default_name(const char *path) {
        return name_of(path, strlen(path));
}

/* What follows "://", or all of it. */
static const char *authority_of(const char *url) {
        const char *start = strstr(url, "://");

        return start ? start + strlen("://") : url;
}

char *source_default_name_of_url(const char *url) {
        const char *authority = authority_of(url);
        const char *path = authority + strcspn(authority, "/?#");

        return name_of(path, strcspn(path, "?#"));
}

char *source_default_name_of_image(const char *image) {
        const char *slash = strrchr(image, '/'), *last = slash ? slash + 1 : image;

        return strndup(last, strcspn(last, ":@"));
}

char *source_public_url(const char *url) {
        const char *authority = authority_of(url);
        size_t scheme = (size_t)(authority - url), length = strcspn(authority, "/?#"), rest;
        const char *at = memrchr(authority, '@', length);
        const char *host = at ? at + 1 : authority;
        char *shown;

        rest = strcspn(host, "?#");
        shown = malloc(scheme + rest + 1);
        if (!shown)
                return NULL;
        memcpy(shown, url, scheme);
        memcpy(shown + scheme, host, rest);
        shown[scheme + rest] = '\0';
        return shown;
}
