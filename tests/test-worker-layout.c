/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "daemon/worker-layout.h"

#include <sys/stat.h>

#include "daemon/worker-remove.h"
#include "tests/test.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TAR "application/vnd.oci.image.layer.v1.tar+gzip"
#define LAYER(type, digest) "{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":7}"

static int parse(const char *text, ImageLayers *layers, WorkerReport *report) {
        *layers = (ImageLayers){ .blobs = -EBADF, .digests = g_ptr_array_new_with_free_func(g_free) };
        return worker_layout_parse_manifest(text, strlen(text), layers, report);
}

static void assert_refused(const char *text, LxssError error) {
        ImageLayers layers;
        WorkerReport report;

        ck_assert_msg(parse(text, &layers, &report) < 0, "%s", text);
        ck_assert_int_eq(report.error, error);
        image_layers_done(&layers);
}

START_TEST(the_layers_come_in_their_order) {
        ImageLayers layers;
        WorkerReport report;

        ck_assert_int_eq(parse("{\"layers\":[" LAYER(TAR, "sha256:" DIGEST) "," LAYER(
                                               "application/vnd.docker.image.rootfs.diff.tar.gzip",
                                               "sha256:f" DIGEST "") "]}",
                               &layers, &report),
                         -EBADMSG);
        image_layers_done(&layers);
        ck_assert_int_eq(parse("{\"layers\":[" LAYER(TAR, "sha256:" DIGEST) "," LAYER(
                                               "application/vnd.docker.image.rootfs.diff.tar.gzip",
                                               "sha256:" DIGEST) "]}",
                               &layers, &report),
                         0);
        ck_assert_uint_eq(layers.digests->len, 2);
        ck_assert_str_eq(g_ptr_array_index(layers.digests, 0), DIGEST);
        ck_assert_uint_eq(layers.n_bytes, 14);
        image_layers_done(&layers);
}
END_TEST

static void assert_chosen(const char *text, const char *wanted) {
        g_autofree char *digest = NULL;

        worker_layout_choose(text, strlen(text), "amd64", &digest);
        ck_assert_str_eq(digest ?: "none", wanted);
}

START_TEST(of_images_for_several_machines_this_one_s_is_chosen) {
#define FOR(machine, os, digest)                                                                                      \
        "{\"digest\":\"" digest "\",\"platform\":{\"architecture\":\"" machine "\",\"os\":\"" os "\"}}"
        assert_chosen("{\"manifests\":[" FOR("s390x", "linux", "sha256:f") "," FOR("amd64", "linux",
                                                                                   "sha256:" DIGEST) "]}",
                      DIGEST);
        assert_chosen("{\"manifests\":[" FOR("amd64", "windows", "sha256:" DIGEST) "]}", "none");
        assert_chosen("{\"manifests\":[" FOR("amd64", "linux", "sha256:../../x") "]}", "none");
        assert_chosen("{\"manifests\":[1,{\"platform\":[]},{\"platform\":{\"os\":1}}]}", "none");
        assert_chosen("{\"layers\":[]}", "none");
        assert_chosen("[", "none");
}
END_TEST

START_TEST(what_is_no_manifest_is_refused) {
        g_autofree char *deep = g_strnfill(1000000, '[');

        assert_refused("", LXSS_ERROR_ARCHIVE_DAMAGED);
        assert_refused("{", LXSS_ERROR_ARCHIVE_DAMAGED);
        assert_refused("[]", LXSS_ERROR_ARCHIVE_DAMAGED);
        assert_refused("{\"layers\":{}}", LXSS_ERROR_ARCHIVE_DAMAGED);
        assert_refused("{\"layers\":[1]}", LXSS_ERROR_ARCHIVE_DAMAGED);
        assert_refused("{\"layers\":[{\"mediaType\":\"tar\",\"digest\":1}]}", LXSS_ERROR_ARCHIVE_DAMAGED);
        assert_refused("{\"layers\":[" LAYER(TAR, "sha512:" DIGEST) "]}", LXSS_ERROR_ARCHIVE_DAMAGED);
        assert_refused("{\"layers\":[" LAYER(TAR, "sha256:../../../../../../../../../../../../../../../../../../../"
                                                  "etc/passwd") "]}",
                       LXSS_ERROR_ARCHIVE_DAMAGED);
        assert_refused(deep, LXSS_ERROR_ARCHIVE_DAMAGED);
}
END_TEST

START_TEST(an_artifact_is_no_distribution) {
        assert_refused("{\"layers\":[" LAYER("application/vnd.cncf.helm.chart", "sha256:" DIGEST) "]}",
                       LXSS_ERROR_NOT_A_DISTRIBUTION);
        assert_refused("{\"layers\":[" LAYER("application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
                                             "sha256:" DIGEST) "]}",
                       LXSS_ERROR_NOT_A_DISTRIBUTION);
}
END_TEST

static void put_file(int directory, const char *path, const char *text) {
        _cleanup_close_ int fd = openat(directory, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        ck_assert_int_eq(write_all(fd, text, strlen(text)), 0);
}

START_TEST(a_manifest_must_have_the_digest_that_names_it) {
        static const char manifest[] = "{\"layers\":[]}";
        g_autofree char *path = g_dir_make_tmp("test-worker-layout.XXXXXX", NULL);
        g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, manifest, -1);
        g_autofree char *index = g_strdup_printf("{\"manifests\":[{\"digest\":\"sha256:%s\"}]}", digest);
        g_autofree char *name = g_strdup_printf("blobs/sha256/%s", digest);
        _cleanup_close_ int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ImageLayers layers;
        WorkerReport report;

        ck_assert_int_lt(worker_layout_open(path, &layers, &report), 0);
        image_layers_done(&layers);
        ck_assert_int_eq(mkdirat(directory, "blobs", 0700), 0);
        ck_assert_int_eq(mkdirat(directory, "blobs/sha256", 0700), 0);
        put_file(directory, "index.json", index);
        put_file(directory, name, manifest);
        ck_assert_int_eq(worker_layout_open(path, &layers, &report), 0);
        image_layers_done(&layers);
        put_file(directory, name, "{\"layers\":[] }");
        ck_assert_int_eq(worker_layout_open(path, &layers, &report), -EBADMSG);
        image_layers_done(&layers);
        ck_assert_int_eq(worker_remove_below(directory, &report), 0);
        ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

int main(void) {
        return RUN_TESTS("worker-layout", the_layers_come_in_their_order,
                         of_images_for_several_machines_this_one_s_is_chosen, what_is_no_manifest_is_refused,
                         an_artifact_is_no_distribution, a_manifest_must_have_the_digest_that_names_it);
}
