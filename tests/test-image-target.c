/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/image-target.h"

#include <glib.h>
#include <sys/stat.h>

#include "daemon/worker-remove.h"
#include "shared/util.h"
#include "tests/test.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char directory[64];
static int directory_fd = -EBADF;

static ImageTarget *open_target(int *ret_layer) {
        ImageTarget *target = NULL;

        strcpy(directory, "/tmp/test-image-target.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_eq(image_target_new(directory_fd, &(ImagePlace){ 0 }, "v1", &target, ret_layer, NULL), 0);
        return target;
}

static void remove_all(void) {
        WorkerReport report;

        ck_assert_int_eq(worker_remove_below(directory_fd, &report), 0);
        closep(&directory_fd);
        ck_assert_int_eq(rmdir(directory), 0);
}

/* Where nothing is in it. */
static void assert_empty(void) {
        closep(&directory_fd);
        ck_assert_int_eq(rmdir(directory), 0);
}

static char *read_text(const char *path) {
        char *text = NULL;

        ck_assert_int_eq(read_regular_file(directory_fd, path, 65536, &text, NULL), 0);
        return text;
}

START_TEST(a_tag_is_what_the_specification_has) {
        g_autofree char *longest = g_strnfill(128, 'a'), *longer = g_strnfill(129, 'a');

        ck_assert(image_tag_is_valid("latest") && image_tag_is_valid("1.0_a-b") && image_tag_is_valid(longest));
        ck_assert(!image_tag_is_valid("") && !image_tag_is_valid(".x") && !image_tag_is_valid("-x") &&
                  !image_tag_is_valid("a b"));
        ck_assert(!image_tag_is_valid("a\"b") && !image_tag_is_valid("a/b") && !image_tag_is_valid(longer));
}
END_TEST

START_TEST(only_what_needs_no_quoting_is_taken_of_the_worker) {
        static const char *const wrong[] = {
                "",
                "7",
                "7 " DIGEST " " DIGEST,
                "x " DIGEST " " DIGEST " /bin/sh",
                "7 " DIGEST " short /bin/sh",
                "7 " DIGEST "0 " DIGEST " /bin/sh",
                "7 ../../../../../../../../../../../../../../../../../../../etc/passwd " DIGEST " /bin/sh",
                "7 " DIGEST " " DIGEST " sh",
                "7 " DIGEST " " DIGEST " /bin/\"sh",
                "7 " DIGEST " " DIGEST " /bin/sh more",
        };
        int layer = -EBADF;
        ImageTarget *target = open_target(&layer);

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                ck_assert_msg(image_target_take_layer(target, wrong[i]) == -EBADMSG, "%s", wrong[i]);
        ck_assert_int_lt(image_target_commit(target, NULL), 0);
        closep(&layer);
        image_target_free(target);
        assert_empty();
}
END_TEST

START_TEST(an_image_has_its_layer_under_its_digest) {
        int layer = -EBADF;
        ImageTarget *target = open_target(&layer);
        g_autofree char *index = NULL, *bytes = NULL;
        static const char *const made[] = { "index.json", "oci-layout", "blobs/sha256/" DIGEST };

        ck_assert_int_eq(write_all(layer, "contents", 8), 0);
        closep(&layer);
        ck_assert_int_eq(image_target_take_layer(target, "8 " DIGEST " " DIGEST " /bin/sh"), 0);
        ck_assert_int_eq(image_target_commit(target, NULL), 0);
        image_target_free(target);
        bytes = read_text("blobs/sha256/" DIGEST);
        ck_assert_str_eq(bytes, "contents");
        index = read_text("index.json");
        ck_assert_ptr_nonnull(strstr(index, "\"org.opencontainers.image.ref.name\":\"v1\""));
        for (size_t i = 0; i < ELEMENTSOF(made); i++) {
                struct stat st;

                ck_assert_int_eq(fstatat(directory_fd, made[i], &st, 0), 0);
                ck_assert_uint_eq(st.st_mode & 0777, 0644);
        }
        remove_all();
}
END_TEST

START_TEST(what_fails_leaves_nothing) {
        int layer = -EBADF, other = -EBADF;
        ImageTarget *target = open_target(&layer), *second = NULL;

        ck_assert_int_lt(image_target_new(directory_fd, &(ImagePlace){ 0 }, "v1", &second, &other, NULL), 0);
        ck_assert_int_eq(image_target_take_layer(target, "8 " DIGEST " " DIGEST " /bin/sh"), 0);
        ck_assert_int_eq(mkdirat(directory_fd, "index.json", 0700), 0);
        ck_assert_int_lt(image_target_commit(target, NULL), 0);
        closep(&layer);
        image_target_free(target);
        ck_assert_int_eq(unlinkat(directory_fd, "index.json", AT_REMOVEDIR), 0);
        assert_empty();
}
END_TEST

START_TEST(a_name_is_no_path) {
        static char *const wrong[] = { "", ".", "..", "a/b", "/" };
        char good[] = "...";

        ck_assert(image_place_is_valid(&(ImagePlace){ good, good, 0 }));
        ck_assert(!image_place_is_valid(&(ImagePlace){ good, NULL, 0 }));
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                ck_assert(!image_place_is_valid(&(ImagePlace){ good, wrong[i], 0 }));
                ck_assert(!image_place_is_valid(&(ImagePlace){ wrong[i], good, 0 }));
        }
}
END_TEST

static ImageTarget *open_place(const ImagePlace *place) {
        ImageTarget *target = NULL;
        int layer = -EBADF;

        strcpy(directory, "/tmp/test-image-target.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(directory));
        directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_eq(image_target_new(directory_fd, place, "v1", &target, &layer, NULL), 0);
        closep(&layer);
        ck_assert_int_eq(image_target_take_layer(target, "8 " DIGEST " " DIGEST " /bin/sh"), 0);
        return target;
}

START_TEST(a_directory_that_is_made_has_its_name_when_it_is_complete) {
        char name[] = "image", temporary[] = ".image.1";
        const ImagePlace place = { name, temporary, 0710 };
        ImageTarget *target = open_place(&place);
        struct stat st;

        ck_assert_int_eq(faccessat(directory_fd, "image", F_OK, 0), -1);
        ck_assert_int_eq(mkdirat(directory_fd, "image", 0700), 0); /* an empty one is replaced */
        ck_assert_int_eq(image_target_commit(target, NULL), 0);
        image_target_free(target);
        ck_assert_int_eq(fstatat(directory_fd, "image", &st, 0), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0710);
        ck_assert_int_eq(faccessat(directory_fd, "image/index.json", F_OK, 0), 0);
        ck_assert_int_eq(faccessat(directory_fd, ".image.1", F_OK, 0), -1);
        closep(&directory_fd);
        directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        remove_all();
}
END_TEST

START_TEST(a_directory_that_is_made_goes_with_what_fails) {
        char name[] = "image", temporary[] = ".image.1";
        const ImagePlace place = { name, temporary, 0755 };
        ImageTarget *target = open_place(&place), *second = NULL;
        int layer = -EBADF;

        ck_assert_int_lt(image_target_new(directory_fd, &place, "v1", &second, &layer, NULL), 0);
        ck_assert_int_eq(faccessat(directory_fd, ".image.1/blobs", F_OK, 0), 0); /* it is the first one's */
        ck_assert_int_eq(mkdirat(directory_fd, "image", 0700), 0);
        ck_assert_int_eq(mkdirat(directory_fd, "image/inside", 0700), 0);
        ck_assert_int_lt(image_target_commit(target, NULL), 0);
        image_target_free(target);
        ck_assert_int_eq(unlinkat(directory_fd, "image/inside", AT_REMOVEDIR), 0);
        ck_assert_int_eq(unlinkat(directory_fd, "image", AT_REMOVEDIR), 0);
        assert_empty();
}
END_TEST

int main(void) {
        return RUN_TESTS("image-target", a_tag_is_what_the_specification_has,
                         only_what_needs_no_quoting_is_taken_of_the_worker, an_image_has_its_layer_under_its_digest,
                         what_fails_leaves_nothing, a_name_is_no_path,
                         a_directory_that_is_made_has_its_name_when_it_is_complete,
                         a_directory_that_is_made_goes_with_what_fails);
}
