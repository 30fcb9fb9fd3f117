/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An ext4 file system that is made to hurt: whatever is in it, reading it ends, well or with a line that says why,
 * and what comes out is a tar. */

#include <archive.h>
#include <archive_entry.h>

#include "daemon/worker-ext4.h"
#include "tests/fuzz.h"

/* Every member that was written can be read again, with a name that stays below the root. */
static void check_tar(int tar, bool whole) {
        struct archive *reader = archive_read_new();
        struct archive_entry *entry;
        int r;

        FUZZ_REQUIRE(lseek(tar, 0, SEEK_SET) == 0 && archive_read_support_format_tar(reader) == ARCHIVE_OK);
        if (archive_read_open_fd(reader, tar, 10240) == ARCHIVE_OK)
                while ((r = archive_read_next_header(reader, &entry)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
                        const char *path = archive_entry_pathname(entry);

                        FUZZ_REQUIRE(!path || (*path && *path != '/'));
                }
        else
                r = ARCHIVE_FATAL;
        FUZZ_REQUIRE(!whole || r == ARCHIVE_EOF);
        (void)archive_read_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_close_ int image = fuzz_file(data, size), tar = memfd_create("tar", MFD_CLOEXEC),
                            messages = memfd_create("messages", MFD_CLOEXEC);
        char path[64];
        int r;

        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", image);
        r = worker_ext4_write_tar(path, tar, messages);
        FUZZ_REQUIRE(r == 0 || lseek(messages, 0, SEEK_END) > 3);
        check_tar(tar, r == 0);
        return 0;
}
