/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the look at an icon. The bytes are foreign, and a desktop's own decoder
 * is to read them later: nothing is decoded here, but what does not begin as a
 * picture of these kinds, or says that it is huge, does not leave the distribution. */

#include "daemon/worker-icon.h"

#include <stdio.h>
#include <sys/stat.h>

#define PICTURE_SIDE_MAX 4096
/* The chunks that a PNG needs at least: IHDR, one IDAT, IEND, and the signature. */
#define PNG_SIZE_MIN (8 + 25 + 12 + 12)
#define ICO_HEADER_SIZE 6
#define ICO_ENTRY_SIZE 16
#define SVG_LOOK_MAX 4096

static uint32_t big_endian(const unsigned char *p) {
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t little_endian(const unsigned char *p) {
        return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* The picture's width in pixels; 0: it is no PNG that an icon could be (PNG specification, 5.2 and 11.2.2). */
static uint32_t png_width(const unsigned char *bytes, size_t size) {
        static const unsigned char beginning[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        uint32_t width, height;

        if (size < PNG_SIZE_MIN || memcmp(bytes, beginning, sizeof(beginning) - 1) != 0)
                return 0;
        width = big_endian(bytes + 16);
        height = big_endian(bytes + 20);
        return height > 0 && width <= PICTURE_SIDE_MAX && height <= PICTURE_SIDE_MAX ? width : 0;
}

/* ICO: a header (0, 1, number of pictures), an entry for each picture, whose size and place stand at 8 and 12. */
static int find_in_ico(const unsigned char *bytes, size_t size, WorkerIcon *ret) {
        uint32_t best = 0;
        size_t count;

        if (size < ICO_HEADER_SIZE || memcmp(bytes, "\0\0\1\0", 4) != 0)
                return -EBADMSG;
        count = bytes[4] | (size_t)bytes[5] << 8;
        for (size_t i = 0; i < count && ICO_HEADER_SIZE + (i + 1) * ICO_ENTRY_SIZE <= size; i++) {
                const unsigned char *entry = bytes + ICO_HEADER_SIZE + i * ICO_ENTRY_SIZE;
                size_t length = little_endian(entry + 8), offset = little_endian(entry + 12);
                uint32_t width;

                if (offset > size || length > size - offset)
                        continue;
                width = png_width(bytes + offset, length);
                if (width <= best)
                        continue;
                best = width;
                *ret = (WorkerIcon){ "png", bytes + offset, length };
        }
        return best > 0 ? 0 : -EBADMSG;
}

/* Text whose first element, behind declaration and comments, is <svg>. */
static bool is_svg(const unsigned char *bytes, size_t size) {
        char start[SVG_LOOK_MAX + 1];
        const char *c = start;

        memcpy(start, bytes, size < SVG_LOOK_MAX ? size : SVG_LOOK_MAX);
        start[size < SVG_LOOK_MAX ? size : SVG_LOOK_MAX] = '\0';
        if (memchr(bytes, '\0', size))
                return false;
        if (strncmp(c, "\xef\xbb\xbf", 3) == 0)
                c += 3;
        for (;;) {
                c += strspn(c, " \t\r\n");
                if (strncmp(c, "<svg", 4) == 0)
                        return c[4] && strchr(" \t\r\n>/", c[4]);
                if (strncmp(c, "<?", 2) != 0 && strncmp(c, "<!", 2) != 0)
                        return false;
                c = strncmp(c, "<!--", 4) == 0 ? strstr(c, "-->") : strchr(c, '>');
                if (!c)
                        return false;
                c += strncmp(c, "-->", 3) == 0 ? 3 : 1;
        }
}

int worker_icon_find(const unsigned char *bytes, size_t size, WorkerIcon *ret) {
        if (size == 0)
                return -EBADMSG;
        if (png_width(bytes, size) > 0) {
                *ret = (WorkerIcon){ "png", bytes, size };
                return 0;
        }
        if (is_svg(bytes, size)) {
                *ret = (WorkerIcon){ "svg", bytes, size };
                return 0;
        }
        return find_in_ico(bytes, size, ret);
}

int worker_icon_copy(const char *path, int directory, const char **ret_format) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *bytes = NULL;
        WorkerIcon icon;
        char name[16];
        size_t size;
        int r;

        r = read_linked_file(path, WORKER_ICON_MAX, &bytes, &size);
        if (r == 0)
                r = worker_icon_find((const unsigned char *)bytes, size, &icon);
        if (r < 0)
                return r;
        (void)snprintf(name, sizeof(name), "icon.%s", icon.format);
        fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        r = write_all(fd, icon.bytes, icon.size);
        if (r < 0)
                return r;
        if (fchmod(fd, 0644) < 0) /* whatever the umask: a desktop is to read what another id owns */
                return -errno;
        *ret_format = icon.format;
        return 0;
}
