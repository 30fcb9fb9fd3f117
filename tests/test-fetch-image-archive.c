/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What skopeo gets to see of an archive of an image. */

#include "daemon/fetch-image-archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/test.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

typedef struct Member {
        const char *path;
        unsigned type;
        const char *data, *link;
} Member;

static void write_member(struct archive *archive, const Member *member) {
        struct archive_entry *entry = archive_entry_new();
        size_t size = member->data ? strlen(member->data) : 0;

        archive_entry_set_pathname(entry, member->path);
        archive_entry_set_filetype(entry, member->type);
        archive_entry_set_perm(entry, 04777);
        archive_entry_set_uid(entry, 1234);
        archive_entry_set_size(entry, (int64_t)size);
        if (member->link && member->type == AE_IFLNK)
                archive_entry_set_symlink(entry, member->link);
        else if (member->link)
                archive_entry_set_hardlink(entry, member->link);
        ck_assert_int_eq(archive_write_header(archive, entry), ARCHIVE_OK);
        ck_assert_int_eq(archive_write_data(archive, member->data ?: "", size), size);
        archive_entry_free(entry);
}

/* Compressed, which does not matter. */
static int make_archive(const Member *members, size_t n_members) {
        int fd = memfd_create("archive", MFD_CLOEXEC);
        struct archive *archive = archive_write_new();

        ck_assert_int_eq(archive_write_add_filter_gzip(archive), ARCHIVE_OK);
        ck_assert_int_eq(archive_write_set_format_pax_restricted(archive), ARCHIVE_OK);
        ck_assert_int_eq(archive_write_open_fd(archive, fd), ARCHIVE_OK);
        for (size_t i = 0; i < n_members; i++)
                write_member(archive, &members[i]);
        ck_assert_int_eq(archive_write_free(archive), ARCHIVE_OK);
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

/* Each member as "TYPE PATH CONTENTS", one a line; none has an owner, or more rights than files need. */
static void assert_contents(const char *path, const char *wanted) {
        struct archive *archive = archive_read_new();
        struct archive_entry *entry;
        char found[2048] = "";

        ck_assert_int_eq(archive_read_support_format_tar(archive), ARCHIVE_OK);
        ck_assert_int_eq(archive_read_open_filename(archive, path, 10240), ARCHIVE_OK);
        while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
                char data[16] = "", line[256];

                ck_assert_int_ge(archive_read_data(archive, data, sizeof(data) - 1), 0);
                ck_assert_int_eq(archive_entry_perm(entry) & ~0700u, 0);
                ck_assert_int_eq(archive_entry_uid(entry), 0);
                (void)snprintf(line, sizeof(line), "%c %s %s\n", archive_entry_filetype(entry) == AE_IFREG ? 'f' : 'd',
                               archive_entry_pathname(entry), data);
                strncat(found, line, sizeof(found) - strlen(found) - 1);
        }
        ck_assert_int_eq(archive_read_free(archive), ARCHIVE_OK);
        ck_assert_str_eq(found, wanted);
}

static void assert_tidied(const Member *members, size_t n_members, const char *wanted) {
        char directory[] = "/tmp/test-fetch-image-archive.XXXXXX", path[64];
        _cleanup_close_ int archive = make_archive(members, n_members);

        ck_assert_ptr_nonnull(mkdtemp(directory));
        (void)snprintf(path, sizeof(path), "%s/tidy.tar", directory);
        ck_assert_int_eq(image_archive_tidy(archive, path), 0);
        assert_contents(path, wanted);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(rmdir(directory), 0);
}

START_TEST(the_files_of_a_layout_come_through) {
        static const Member members[] = {
                { .path = "./", .type = AE_IFDIR },
                { .path = "./oci-layout", .type = AE_IFREG, .data = "1" },
                { .path = "index.json", .type = AE_IFREG, .data = "2" },
                { .path = "./blobs/sha256/" DIGEST, .type = AE_IFREG, .data = "3" },
        };

        assert_tidied(members, ELEMENTSOF(members),
                      "d blobs/ \nd blobs/sha256/ \nf ./oci-layout 1\nf index.json 2\nf ./blobs/sha256/" DIGEST
                      " 3\n");
}
END_TEST

START_TEST(nothing_else_comes_through) {
        static const Member members[] = {
                { .path = "manifest.json", .type = AE_IFREG, .data = "x" },
                { .path = "../index.json", .type = AE_IFREG, .data = "x" },
                { .path = "/index.json", .type = AE_IFREG, .data = "x" },
                { .path = "././index.json", .type = AE_IFREG, .data = "x" },
                { .path = "index.json/", .type = AE_IFDIR },
                { .path = "index.json", .type = AE_IFLNK, .link = "/etc/passwd" },
                { .path = "oci-layout", .type = AE_IFREG, .link = "/etc/passwd" },
                { .path = "oci-layout", .type = AE_IFIFO },
                { .path = "blobs", .type = AE_IFLNK, .link = "/tmp" },
                { .path = "blobs/sha256", .type = AE_IFLNK, .link = ".." },
                { .path = "blobs/sha256/../../index.json", .type = AE_IFREG, .data = "x" },
                { .path = "blobs/sha256/" DIGEST "0", .type = AE_IFREG, .data = "x" },
                { .path = "blobs/sha256/" DIGEST "/x", .type = AE_IFREG, .data = "x" },
                { .path = "blobs/sha512/" DIGEST, .type = AE_IFREG, .data = "x" },
        };

        assert_tidied(members, ELEMENTSOF(members), "d blobs/ \nd blobs/sha256/ \n");
}
END_TEST

int main(void) {
        return RUN_TESTS("fetch-image-archive", the_files_of_a_layout_come_through, nothing_else_comes_through);
}
