/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "daemon/worker-report.h"

/* An OCI image layout with one image in it (OCI image-spec, image-layout.md), as
 * far as its files are needed. */

typedef struct ImageLayers {
        int blobs;          /* the directory blobs/sha256, owned */
        GPtrArray *digests; /* the layers from the lowest on: SHA-256 in lower-case hexadecimal, the blobs' names */
        uint64_t n_bytes;   /* of them all, as the manifest says */
} ImageLayers;

/* More than any builder makes: Docker's own limit is 127. */
#define IMAGE_LAYERS_MAX 512

/* Reads the index and the manifest, whose digest is verified; that of a layer is
 * verified where it is unpacked. The bytes are hostile. Returns 0 or negative
 * errno with the reason in *reterr. */
int worker_layout_open(const char *path, ImageLayers *ret, WorkerReport *reterr);
void image_layers_done(ImageLayers *layers);

/* Of an index, the text of which names the images for several machines: the digest of the one for this machine
 * (as images call it) in *ret, g_free() it; NULL where there is none, or it is no index. */
void worker_layout_choose(const char *text, size_t size, const char *machine, char **ret);

/* The digests of the layers in the text of a manifest. */
int worker_layout_parse_manifest(const char *text, size_t size, ImageLayers *ret, WorkerReport *reterr);
