/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the reading of a source's spelling. Touches no file. */

#include "client/source.h"

#include <ctype.h>

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
               has_scheme(source, "docker-archive:") ? SOURCE_DOCKER_ARCHIVE :
                                                       SOURCE_URI;
}

char *source_split_image(const char *source, const char **ret_image) {
        const char *path = strchr(source, ':') + 1;
        size_t n = strcspn(path, ":");

        *ret_image = path[n] ? path + n + 1 : "";
        return strndup(path, n);
}

char *source_image_name(const char *image) {
        const char *slash = strrchr(image, '/'), *last = slash ? slash + 1 : image;

        return strndup(last, strcspn(last, ":@"));
}

static bool strip(char *name, const char *ending) {
        size_t length = strlen(name), n = strlen(ending);

        if (length <= n || strcasecmp(name + length - n, ending) != 0)
                return false;
        name[length - n] = '\0';
        return true;
}

char *source_default_name(const char *path) {
        static const char *const compressions[] = { ".gz", ".xz", ".bz2", ".zst", ".lzma", ".lz4", ".lz", ".Z" };
        static const char *const archives[] = { ".tar", ".cpio", ".tgz", ".txz", ".tbz2", ".tbz", ".tzst", ".tlz", ".wsl",
                                                ".squashfs", ".sqfs", ".ext4", ".ext3", ".ext2", ".img" };
        size_t length = strlen(path);
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
