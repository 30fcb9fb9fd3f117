/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Unpacking, for real: each archive in a root directory of its own, in a user
 * namespace with one id. Skipped where the machine does not allow that. */

#include <archive.h>
#include <archive_entry.h>
#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "daemon/worker-extract.h"
#include "daemon/worker-limit.h"
#include "daemon/worker-remove.h"
#include "daemon/worker-root.h"

typedef struct Member {
        const char *path;
        mode_t mode; /* with the type */
        const char *data, *symlink, *hardlink;
        int64_t uid;
        const char *xattr;
        time_t mtime; /* 0: not set */
} Member;

typedef struct Outcome {
        int result;
        WorkerReport report;
} Outcome;

static char base[] = "/tmp/test-worker-extract.XXXXXX";
static int base_fd = -EBADF;
static Outcome *outcome; /* shared with the child that extracts */
static bool possible = true;
static const char *wanted_sha256; /* NULL: none */
static uint64_t max_size;         /* 0: none */
static const ImageLayers *layers; /* instead of a source; NULL: none */

static void set_up(void) {
        strcpy(base, "/tmp/test-worker-extract.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(base));
        base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_eq(mkdirat(base_fd, "rootfs", 0755), 0);
        ck_assert_int_eq(mkdirat(base_fd, "outside", 0755), 0);
        outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ck_assert_ptr_ne(outcome, MAP_FAILED);
}

static void tear_down(void) {
        WorkerReport report;

        ck_assert_int_eq(worker_remove_below(base_fd, &report), 0);
        closep(&base_fd);
        ck_assert_int_eq(rmdir(base), 0);
        (void)munmap(outcome, sizeof(*outcome));
}

static void write_member(struct archive *archive, const Member *member) {
        struct archive_entry *entry = archive_entry_new();

        archive_entry_set_pathname(entry, member->path);
        archive_entry_set_mode(entry, member->mode);
        archive_entry_set_uid(entry, member->uid);
        if (member->mtime)
                archive_entry_set_mtime(entry, member->mtime, 0);
        if (member->symlink)
                archive_entry_set_symlink(entry, member->symlink);
        if (member->hardlink)
                archive_entry_set_hardlink(entry, member->hardlink);
        if (member->xattr)
                archive_entry_xattr_add_entry(entry, member->xattr, "v", 1);
        archive_entry_set_size(entry, member->data ? (la_int64_t)strlen(member->data) : 0);
        ck_assert_int_eq(archive_write_header(archive, entry), ARCHIVE_OK);
        if (member->data)
                ck_assert_int_gt(archive_write_data(archive, member->data, strlen(member->data)), 0);
        archive_entry_free(entry);
}

static int make_archive(const Member *members, size_t n_members) {
        int fd = memfd_create("archive", MFD_CLOEXEC);
        struct archive *archive = archive_write_new();

        ck_assert_int_eq(archive_write_set_format_pax_restricted(archive), ARCHIVE_OK);
        ck_assert_int_eq(archive_write_set_bytes_in_last_block(archive, 1), ARCHIVE_OK);
        ck_assert_int_eq(archive_write_open_fd(archive, fd), ARCHIVE_OK);
        for (size_t i = 0; i < n_members; i++)
                write_member(archive, &members[i]);
        ck_assert_int_eq(archive_write_free(archive), ARCHIVE_OK);
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

static int write_file(const char *path, const char *text) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd < 0 ? -errno : write_all(fd, text, strlen(text));
}

static int enter_user_namespace(void) {
        char uids[64], gids[64];

        (void)snprintf(uids, sizeof(uids), "0 %u 1\n", (unsigned)geteuid());
        (void)snprintf(gids, sizeof(gids), "0 %u 1\n", (unsigned)getegid());
        if (unshare(CLONE_NEWUSER) < 0 || write_file("/proc/self/setgroups", "deny") < 0 ||
            write_file("/proc/self/uid_map", uids) < 0)
                return -EPERM;
        return write_file("/proc/self/gid_map", gids);
}

/* In the child, which must not return into the test's machinery. */
static void extract_and_exit(int source) {
        WorkerProgress progress = { .fd = -EBADF };
        WorkerStream *stream = NULL;
        IdMap uids, gids;
        const ExtractOrder order = {
                .uids = &uids,
                .gids = &gids,
                .sha256 = wanted_sha256,
                .max_size = max_size,
                .progress = &progress,
        };
        char root[sizeof(base) + 16];

        (void)snprintf(root, sizeof(root), "%s/rootfs", base);
        if (enter_user_namespace() < 0 || id_map_read("/proc/self/uid_map", &uids) < 0 ||
            id_map_read("/proc/self/gid_map", &gids) < 0 || worker_enter_root(root, &outcome->report) < 0)
                _exit(77);
        if (layers)
                outcome->result = worker_extract_layers(layers, &order, &outcome->report);
        else if (worker_stream_open(source, wanted_sha256, &stream) < 0)
                outcome->result = worker_report_fail(&outcome->report, LXSS_ERROR_FAILED, "The source cannot be read.");
        else
                outcome->result = worker_extract(stream, &order, &outcome->report);
        _exit(0);
}

static void extract(int source) {
        int status;
        pid_t pid = fork();

        if (pid == 0)
                extract_and_exit(source);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        possible = WEXITSTATUS(status) != 77;
        if (possible)
                ck_assert_int_eq(WEXITSTATUS(status), 0);
        else
                (void)fprintf(stderr, "skipped: no user namespaces here\n");
}

static void extract_members(const Member *members, size_t n_members) {
        _cleanup_close_ int fd = make_archive(members, n_members);

        extract(fd);
}

static void extract_bytes(const void *bytes, size_t size) {
        _cleanup_close_ int fd = memfd_create("source", MFD_CLOEXEC);

        ck_assert_int_eq(write_all(fd, bytes, size), 0);
        ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
        extract(fd);
}

static void assert_extracted(void) {
        if (possible)
                ck_assert_msg(outcome->result == 0, "%s", outcome->report.text);
}

static void assert_failed(LxssError error, const char *words) {
        if (!possible)
                return;
        ck_assert_int_lt(outcome->result, 0);
        ck_assert_msg(outcome->report.error == error, "%s", outcome->report.text);
        ck_assert_msg(strstr(outcome->report.text, words) != NULL, "%s", outcome->report.text);
}

static struct stat stat_in_root(const char *path) {
        char whole[256];
        struct stat st = { 0 };

        (void)snprintf(whole, sizeof(whole), "rootfs/%s", path);
        if (possible)
                ck_assert_msg(fstatat(base_fd, whole, &st, AT_SYMLINK_NOFOLLOW) == 0, "%s", path);
        return st;
}

static void assert_absent(const char *path) {
        ck_assert_int_lt(faccessat(base_fd, path, F_OK, AT_SYMLINK_NOFOLLOW), 0);
}

START_TEST(files_arrive_with_type_and_mode) {
        static const Member members[] = {
                { .path = "./", .mode = S_IFDIR | 0700 },
                { .path = "./etc/", .mode = S_IFDIR | 0555 },
                { .path = "/etc/hosts", .mode = S_IFREG | 0640, .data = "x" },
                { .path = "bin/su", .mode = S_IFREG | 04755, .data = "y", .xattr = "trusted.x" },
                { .path = "lib", .mode = S_IFLNK | 0777, .symlink = "/usr/lib" },
                { .path = "pipe", .mode = S_IFIFO | 0600 },
                { .path = "again", .mode = S_IFREG | 0640, .hardlink = "/etc/hosts" },
        };

        extract_members(members, ELEMENTSOF(members));
        assert_extracted();
        if (!possible)
                return;
        ck_assert_uint_eq(stat_in_root("").st_mode, S_IFDIR | 0755);
        ck_assert_uint_eq(stat_in_root("etc").st_mode, S_IFDIR | 0555);
        ck_assert_uint_eq(stat_in_root("etc/hosts").st_mode, S_IFREG | 0640);
        ck_assert_uint_eq(stat_in_root("bin/su").st_mode, S_IFREG | 04755);
        ck_assert(S_ISLNK(stat_in_root("lib").st_mode));
        ck_assert(S_ISFIFO(stat_in_root("pipe").st_mode));
        ck_assert_uint_eq(stat_in_root("again").st_ino, stat_in_root("etc/hosts").st_ino);
}
END_TEST

START_TEST(device_nodes_and_links_to_them_are_skipped) {
        static const Member members[] = {
                { .path = "dev/null", .mode = S_IFCHR | 0666 },
                { .path = "dev/sda", .mode = S_IFBLK | 0660 },
                { .path = "dev/zero", .mode = S_IFREG | 0666, .hardlink = "dev/null" },
                { .path = "file", .mode = S_IFREG | 0644, .data = "x" },
        };

        extract_members(members, ELEMENTSOF(members));
        assert_extracted();
        (void)stat_in_root("file");
        assert_absent("rootfs/dev/null");
        assert_absent("rootfs/dev/sda");
        assert_absent("rootfs/dev/zero");
}
END_TEST

START_TEST(paths_that_go_up_are_refused) {
        static const char *const paths[] = { "..", "../x", "a/../../outside/x", "/../x", "./../outside/x", "a/.." };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                Member file = { .path = paths[i], .mode = S_IFREG | 0644, .data = "x" };
                Member link = { .path = "link", .mode = S_IFREG | 0644, .hardlink = paths[i] };

                extract_members(&file, 1);
                assert_failed(LXSS_ERROR_ARCHIVE_DAMAGED, "has “..” in its path");
                extract_members(&link, 1);
                assert_failed(LXSS_ERROR_ARCHIVE_DAMAGED, "has “..” in its path");
        }
        assert_absent("outside/x");
        assert_absent("x");
}
END_TEST

START_TEST(nothing_is_written_through_a_link) {
        static const char *const targets[] = { "../outside", "/", ".", "/etc", "../../../../../../tmp" };

        for (size_t i = 0; i < ELEMENTSOF(targets); i++) {
                char name[16];
                Member members[] = {
                        { .path = name, .mode = S_IFLNK | 0777, .symlink = targets[i] },
                        { .path = "replaced below", .mode = S_IFREG | 0644, .data = "x" },
                };
                char below[32];

                (void)snprintf(name, sizeof(name), "link%zu", i);
                (void)snprintf(below, sizeof(below), "%s/canary", name);
                members[1].path = below;
                extract_members(members, ELEMENTSOF(members));
                assert_failed(LXSS_ERROR_ARCHIVE_DAMAGED, "canary");
        }
        assert_absent("outside/canary");
        ck_assert_int_lt(access("/tmp/canary", F_OK), 0);
}
END_TEST

START_TEST(names_in_errors_are_printable) {
        static const Member member = { .path = "a\033[2J/../b", .mode = S_IFREG | 0644, .data = "x" };

        extract_members(&member, 1);
        assert_failed(LXSS_ERROR_ARCHIVE_DAMAGED, "a\\x1b[2J/../b");
}
END_TEST

START_TEST(a_later_member_of_the_same_name_wins) {
        static const Member members[] = {
                { .path = "x", .mode = S_IFLNK | 0777, .symlink = "/outside" },
                { .path = "x", .mode = S_IFREG | 0644, .data = "second" },
        };

        extract_members(members, ELEMENTSOF(members));
        assert_extracted();
        if (possible)
                ck_assert_int_eq(stat_in_root("x").st_size, 6);
}
END_TEST

START_TEST(a_directory_that_comes_again_keeps_what_is_in_it) {
        static const Member members[] = {
                { .path = "d", .mode = S_IFDIR | 0700 },
                { .path = "d/x", .mode = S_IFREG | 0644, .data = "x" },
                { .path = "d", .mode = S_IFDIR | 0750 },
        };

        extract_members(members, ELEMENTSOF(members));
        assert_extracted();
        if (!possible)
                return;
        ck_assert_uint_eq(stat_in_root("d").st_mode, S_IFDIR | 0750);
        ck_assert_int_eq(stat_in_root("d/x").st_size, 1);
}
END_TEST

START_TEST(a_directory_with_something_in_it_gives_way_to_nothing) {
        static const Member members[] = {
                { .path = "d/x", .mode = S_IFREG | 0644, .data = "x" },
                { .path = "d", .mode = S_IFREG | 0644, .data = "y" },
        };

        extract_members(members, ELEMENTSOF(members));
        assert_failed(LXSS_ERROR_ARCHIVE_DAMAGED, "member d cannot be unpacked: it contradicts another member");
}
END_TEST

START_TEST(an_empty_directory_gives_way_and_is_no_directory_in_the_end) {
        static const Member members[] = {
                { .path = "d", .mode = S_IFDIR | 0755, .mtime = 1000 },
                { .path = "d", .mode = S_IFLNK | 0777, .symlink = "." },
        };

        extract_members(members, ELEMENTSOF(members));
        assert_extracted();
        if (possible)
                ck_assert(S_ISLNK(stat_in_root("d").st_mode));
}
END_TEST

START_TEST(a_file_is_nobodys_directory) {
        static const Member members[] = {
                { .path = "d", .mode = S_IFREG | 0644, .data = "y" },
                { .path = "d/x", .mode = S_IFREG | 0644, .data = "x" },
        };

        extract_members(members, ELEMENTSOF(members));
        assert_failed(LXSS_ERROR_ARCHIVE_DAMAGED, "contradicts another member");
}
END_TEST

START_TEST(times_are_the_archives_for_directories_too) {
        static const Member members[] = {
                { .path = "d", .mode = S_IFDIR | 0755, .mtime = 1000 },
                { .path = "d/x", .mode = S_IFREG | 0644, .data = "x", .mtime = 2000 },
                { .path = "d/link", .mode = S_IFLNK | 0777, .symlink = "x", .mtime = 3000 },
                { .path = "d/pipe", .mode = S_IFIFO | 0600, .mtime = 4000 },
        };

        extract_members(members, ELEMENTSOF(members));
        assert_extracted();
        if (!possible)
                return;
        ck_assert_int_eq(stat_in_root("d").st_mtime, 1000);
        ck_assert_int_eq(stat_in_root("d/x").st_mtime, 2000);
        ck_assert_int_eq(stat_in_root("d/link").st_mtime, 3000);
        ck_assert_int_eq(stat_in_root("d/pipe").st_mtime, 4000);
}
END_TEST

START_TEST(directories_that_no_member_names_are_made) {
        static const Member member = { .path = "/./a//b/./c", .mode = S_IFREG | 0644, .data = "x" };

        extract_members(&member, 1);
        assert_extracted();
        if (!possible)
                return;
        ck_assert_uint_eq(stat_in_root("a").st_mode, S_IFDIR | 0755);
        ck_assert_uint_eq(stat_in_root("a/b").st_mode, S_IFDIR | 0755);
        ck_assert_int_eq(stat_in_root("a/b/c").st_size, 1);
}
END_TEST

START_TEST(hard_links_replace_files_and_survive_being_their_own) {
        static const Member members[] = {
                { .path = "x", .mode = S_IFREG | 0644, .data = "first" },
                { .path = "y", .mode = S_IFREG | 0644, .data = "second one" },
                { .path = "y", .mode = S_IFREG | 0644, .hardlink = "x" },
                { .path = "x", .mode = S_IFREG | 0644, .hardlink = "./x" },
        };

        extract_members(members, ELEMENTSOF(members));
        assert_extracted();
        if (!possible)
                return;
        ck_assert_int_eq(stat_in_root("x").st_size, 5);
        ck_assert_uint_eq(stat_in_root("x").st_ino, stat_in_root("y").st_ino);
}
END_TEST

/* Whatever a link leads to, it is itself that gets another name. */
START_TEST(hard_links_do_not_pass_through_links) {
        static const Member through[] = {
                { .path = "out", .mode = S_IFLNK | 0777, .symlink = "../outside" },
                { .path = "y", .mode = S_IFREG | 0644, .hardlink = "out/secret" },
        };
        static const Member itself[] = {
                { .path = "l", .mode = S_IFLNK | 0777, .symlink = "/etc/passwd" },
                { .path = "z", .mode = S_IFREG | 0644, .hardlink = "l" },
        };

        ck_assert_int_eq(mkdirat(base_fd, "outside/secret", 0755), 0);
        extract_members(through, ELEMENTSOF(through));
        assert_failed(LXSS_ERROR_ARCHIVE_DAMAGED, "member y");
        extract_members(itself, ELEMENTSOF(itself));
        assert_extracted();
        if (possible)
                ck_assert(S_ISLNK(stat_in_root("z").st_mode));
}
END_TEST

/* Set through the link it would be another file's, beyond the archive's reach. */
START_TEST(owner_and_mode_are_the_links_own) {
        static const Member members[] = {
                { .path = "x", .mode = S_IFREG | 0600, .data = "x", .mtime = 1000 },
                { .path = "l", .mode = S_IFLNK | 0777, .symlink = "x", .mtime = 2000 },
        };

        extract_members(members, ELEMENTSOF(members));
        assert_extracted();
        if (!possible)
                return;
        ck_assert_uint_eq(stat_in_root("x").st_mode, S_IFREG | 0600);
        ck_assert_int_eq(stat_in_root("x").st_mtime, 1000);
}
END_TEST

START_TEST(with_one_id_owners_are_ignored) {
        static const Member member = { .path = "x", .mode = S_IFREG | 0644, .data = "x", .uid = 70000 };

        extract_members(&member, 1);
        assert_extracted();
        if (possible)
                ck_assert_uint_eq(stat_in_root("x").st_uid, geteuid());
}
END_TEST

START_TEST(what_is_no_archive_is_said_to_be_none) {
        char random[4096];
        unsigned seed = 1;

        for (size_t i = 0; i < sizeof(random); i++)
                random[i] = (char)rand_r(&seed);
        extract_bytes("", 0);
        assert_failed(LXSS_ERROR_NOT_AN_ARCHIVE, "not a tar or cpio archive");
        extract_bytes("just a text\n", 12);
        assert_failed(LXSS_ERROR_NOT_AN_ARCHIVE, "not a tar or cpio archive");
        extract_bytes(random, sizeof(random));
        assert_failed(LXSS_ERROR_NOT_AN_ARCHIVE, "not a tar or cpio archive");
}
END_TEST

/* header, data, header, data, two blocks of zeros: whole only where it ends with a member. */
START_TEST(an_archive_cut_anywhere_is_damaged_unless_no_data_is_missing) {
        static const Member members[] = {
                { .path = "a", .mode = S_IFREG | 0644, .data = "first" },
                { .path = "b", .mode = S_IFREG | 0644, .data = "second" },
        };
        _cleanup_close_ int fd = make_archive(members, ELEMENTSOF(members));
        char bytes[16384];
        ssize_t size = read_up_to(fd, bytes, sizeof(bytes));

        ck_assert_int_ge(size, 6 * 512);
        for (size_t n = 600; possible && n < 2048; n += 100) {
                extract_bytes(bytes, n);
                assert_failed(LXSS_ERROR_ARCHIVE_DAMAGED, "damaged or incomplete");
        }
        extract_bytes(bytes, 2048);
        assert_extracted();
        bytes[1024 + 20] ^= 1;
        extract_bytes(bytes, (size_t)size);
        assert_failed(LXSS_ERROR_ARCHIVE_DAMAGED, "damaged or incomplete");
}
END_TEST

START_TEST(a_directory_as_source_is_an_error_of_reading) {
        extract(base_fd);
        assert_failed(LXSS_ERROR_FAILED, "cannot be read");
}
END_TEST

START_TEST(more_than_may_be_unpacked_is_refused) {
        static const Member members[] = {
                { .path = "a", .mode = S_IFREG | 0644, .data = "12345678" },
                { .path = "b", .mode = S_IFREG | 0644, .data = "12345678" },
        };

        max_size = 16;
        extract_members(members, ELEMENTSOF(members));
        assert_extracted();
        max_size = 15;
        extract_members(members, ELEMENTSOF(members));
        assert_failed(LXSS_ERROR_ARCHIVE_DAMAGED, "unpacks to more than 15 bytes");
        assert_failed(LXSS_ERROR_ARCHIVE_DAMAGED, "--max-size");
        max_size = 0;
}
END_TEST

START_TEST(without_a_limit_only_what_no_honest_archive_has_is_refused) {
        static const uint64_t g = UINT64_C(1) << 30;
        static const struct {
                uint64_t max_size;
                WorkerAmount amount;
                const char *refused;
        } cases[] = {
                { 0, { 1000000, 60 * g, 6 * g }, NULL },
                { 0, { 1, 4 * g, 1 }, NULL },
                { 0, { 1, 4 * g + 1, g }, NULL },
                { 0, { 1, 4 * g + 1, 1000000 }, "200 times" },
                { 0, { 1, 400 * g, g }, "200 times" },
                { 0, { 10000001, 0, g }, "10000000 members" },
                { 500 * g, { 1, 400 * g, g }, NULL },
                { 500 * g, { 20000000, 0, g }, NULL },
                { 1024, { 10000001, 0, g }, "10000000 members" },
                { g, { 1, g + 1, g }, "1073741824 bytes" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[100] = "";
                int r = worker_limit_check(cases[i].max_size, &cases[i].amount, text, sizeof(text));

                ck_assert_msg(r == (cases[i].refused ? -EFBIG : 0), "case %zu", i);
                ck_assert_msg(!cases[i].refused || strstr(text, cases[i].refused), "%s", text);
        }
}
END_TEST

static void assert_layer(const char *name, LxssError error) {
        static const Member members[] = { { .path = "file", .mode = S_IFREG | 0644, .data = "contents" } };
        _cleanup_close_ int archive = make_archive(members, ELEMENTSOF(members)), copy = -EBADF;
        ImageLayers one = { .blobs = base_fd, .digests = g_ptr_array_new() };
        char bytes[4096];
        ssize_t n = read_up_to(archive, bytes, sizeof(bytes));
        g_autofree char *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, n);

        if (!name)
                name = digest;
        copy = openat(base_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_eq(write_all(copy, bytes, n), 0);
        g_ptr_array_add(one.digests, (char *)name);
        layers = &one;
        extract(-1);
        layers = NULL;
        g_ptr_array_unref(one.digests);
        if (error < 0)
                assert_extracted();
        else
                assert_failed(error, "SHA-256");
}

START_TEST(a_layer_must_have_the_digest_that_names_it) {
        assert_layer(NULL, LXSS_ERROR_INVALID);
        assert_layer("0000000000000000000000000000000000000000000000000000000000000000", LXSS_ERROR_ARCHIVE_DAMAGED);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("worker-extract");
        TCase *tcase = tcase_create("archives");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(tcase, set_up, tear_down);
        tcase_set_timeout(tcase, 60);
        tcase_add_test(tcase, files_arrive_with_type_and_mode);
        tcase_add_test(tcase, device_nodes_and_links_to_them_are_skipped);
        tcase_add_test(tcase, paths_that_go_up_are_refused);
        tcase_add_test(tcase, nothing_is_written_through_a_link);
        tcase_add_test(tcase, names_in_errors_are_printable);
        tcase_add_test(tcase, a_later_member_of_the_same_name_wins);
        tcase_add_test(tcase, a_directory_that_comes_again_keeps_what_is_in_it);
        tcase_add_test(tcase, a_directory_with_something_in_it_gives_way_to_nothing);
        tcase_add_test(tcase, an_empty_directory_gives_way_and_is_no_directory_in_the_end);
        tcase_add_test(tcase, a_file_is_nobodys_directory);
        tcase_add_test(tcase, times_are_the_archives_for_directories_too);
        tcase_add_test(tcase, directories_that_no_member_names_are_made);
        tcase_add_test(tcase, hard_links_replace_files_and_survive_being_their_own);
        tcase_add_test(tcase, hard_links_do_not_pass_through_links);
        tcase_add_test(tcase, owner_and_mode_are_the_links_own);
        tcase_add_test(tcase, with_one_id_owners_are_ignored);
        tcase_add_test(tcase, what_is_no_archive_is_said_to_be_none);
        tcase_add_test(tcase, an_archive_cut_anywhere_is_damaged_unless_no_data_is_missing);
        tcase_add_test(tcase, a_directory_as_source_is_an_error_of_reading);
        tcase_add_test(tcase, more_than_may_be_unpacked_is_refused);
        tcase_add_test(tcase, without_a_limit_only_what_no_honest_archive_has_is_refused);
        tcase_add_test(tcase, a_layer_must_have_the_digest_that_names_it);
        suite_add_tcase(suite, tcase);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
