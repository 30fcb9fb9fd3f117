/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Manifests of images, and the names of whiteouts. */

#include "daemon/worker-layout.h"
#include "daemon/worker-whiteout.h"
#include "tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        ImageLayers layers = { .blobs = -EBADF, .digests = g_ptr_array_new_with_free_func(g_free) };
        _cleanup_free_ char *text = fuzz_string(data, size);
        WorkerReport report;

        if (worker_layout_parse_manifest(text, size, &layers, &report) == 0)
                for (unsigned i = 0; i < layers.digests->len; i++)
                        FUZZ_REQUIRE(strlen(g_ptr_array_index(layers.digests, i)) == 64 &&
                                     !strchr(g_ptr_array_index(layers.digests, i), '/'));
        FUZZ_REQUIRE(layers.digests->len <= IMAGE_LAYERS_MAX);
        image_layers_done(&layers);
        (void)whiteout_kind(text);
        return 0;
}
