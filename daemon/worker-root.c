/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the step into the new distribution's root directory and the questions
 * that are asked there. After chroot(2) no name leads out, whatever the archive
 * contains; what must not happen either is that libc loads something from
 * inside, so all that it loads late is loaded before. */

#include "daemon/worker-root.h"

#include <iconv.h>
#include <locale.h>
#include <sys/stat.h>

#include "shared/text.h"

#define OS_RELEASE_MAX (64 * 1024)

/* The locale's files and glibc's table of character sets. libarchive converts
 * names between UTF-8 and the locale's character set: with this locale the two
 * are the same, and no converter has to be loaded ever. */
static void load_late_parts_of_libc(void) {
        iconv_t converter;

        (void)setlocale(LC_ALL, "C.UTF-8");
        converter = iconv_open("UTF-8", "UTF-16BE");
        if (converter != (iconv_t)-1)
                (void)iconv_close(converter);
}

int worker_enter_root(const char *path, WorkerReport *reterr) {
        load_late_parts_of_libc();
        if (chroot(path) < 0 || chdir("/") < 0)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "The new root directory cannot be entered: %s.",
                                          strerror(errno));
        return 0;
}

/* An image, which has its files in layers, is easily taken for them. */
static const char *image_hint(void) {
        if (access("/oci-layout", F_OK) == 0)
                return " It is an OCI image: put oci-archive: before its name (oci: if that is a directory).";
        if (access("/manifest.json", F_OK) == 0)
                return " It is an image as docker save writes it: put docker-archive: before its name.";
        return "";
}

int worker_verify_root(WorkerReport *reterr) {
        struct stat etc, shell;

        if (stat("/etc", &etc) == 0 && S_ISDIR(etc.st_mode) && stat("/bin/sh", &shell) == 0 &&
            S_ISREG(shell.st_mode) && (shell.st_mode & 0111))
                return 0;
        return worker_report_fail(reterr, LXSS_ERROR_NOT_A_DISTRIBUTION,
                                  "The archive has no /bin/sh (or no /etc): it is not a Linux distribution's root "
                                  "file system.%s",
                                  image_hint());
}

/* os-release(5): a value is bare, or in single or double quotes, the latter with
 * backslash escapes. Returns its length, or -1 where quotes do not match. */
static ssize_t unquote(const char *value, size_t size, char *ret) {
        char quote = size > 0 && (value[0] == '"' || value[0] == '\'') ? value[0] : '\0';
        size_t n = 0;

        if (quote) {
                if (size < 2 || value[size - 1] != quote)
                        return -1;
                value++;
                size -= 2;
        }
        for (size_t i = 0; i < size; i++) {
                if (value[i] == quote || (!quote && strchr(" \t\"'", value[i])))
                        return -1;
                if (value[i] == '\\' && quote != '\'' && ++i == size)
                        return -1;
                ret[n++] = value[i];
        }
        return (ssize_t)n;
}

void worker_parse_release(const char *text, char ret[WORKER_RELEASE_MAX + 1]) {
        static const char key[] = "PRETTY_NAME=";

        ret[0] = '\0';
        for (const char *line = text; *line; line += strspn(line, "\n")) {
                size_t size = strcspn(line, "\n"), key_size = strlen(key);
                char value[4 * WORKER_RELEASE_MAX];
                ssize_t n = -1;

                if (size >= key_size && size - key_size < sizeof(value) && strncmp(line, key, key_size) == 0) {
                        size_t end = size > key_size && line[size - 1] == '\r' ? size - 1 : size;

                        n = unquote(line + key_size, end - key_size, value);
                }
                if (n >= 0)
                        text_strip(value, (size_t)n, ret, WORKER_RELEASE_MAX + 1);
                line += size;
        }
}

void worker_read_release(char ret[WORKER_RELEASE_MAX + 1]) {
        static const char *const paths[] = { "/etc/os-release", "/usr/lib/os-release" };

        ret[0] = '\0';
        /* The first is usually a link to the second, and links are not followed. */
        for (size_t i = 0; i < ELEMENTSOF(paths) && !ret[0]; i++) {
                _cleanup_free_ char *text = NULL;

                if (read_regular_file(AT_FDCWD, paths[i], OS_RELEASE_MAX, &text, NULL) == 0)
                        worker_parse_release(text, ret);
        }
}

int worker_sync_root(WorkerReport *reterr) {
        _cleanup_close_ int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd >= 0 && syncfs(fd) == 0)
                return 0;
        return worker_report_fail(reterr, errno == ENOSPC || errno == EDQUOT ? LXSS_ERROR_NO_SPACE : LXSS_ERROR_FAILED,
                                  "The distribution cannot be written to disk: %s.", strerror(errno));
}
