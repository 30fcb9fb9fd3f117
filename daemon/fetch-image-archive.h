/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writes a tar to target, a path, with those members of the archive (a tar, compressed or not) that an OCI image
 * layout has (OCI image-spec, image-layout.md), and no others. Returns 0 or negative errno, having written why to
 * stderr. */
int image_archive_tidy(int archive, const char *target);

/* The same with all of it, only uncompressed. */
int image_archive_decompress(int archive, const char *target);
