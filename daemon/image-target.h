/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

/* A directory that becomes an OCI image layout with one image of one layer. Whoever
 * asked for it opened the directory, and it is written to through that descriptor alone. */
typedef struct ImageTarget ImageTarget;

/* One that is made for it, in the directory that was opened. */
typedef struct ImagePlace {
        char *name;      /* when it is complete, where there is none or an empty one; NULL: none is made */
        char *temporary; /* … and until then */
        mode_t mode;
} ImagePlace;

/* Whether both names are those of something directly in a directory. */
bool image_place_is_valid(const ImagePlace *place);

/* Whether it can be a tag. */
bool image_tag_is_valid(const char *tag);

/* Duplicates the directory, which must be empty unless another is made in it, and copies the tag. *ret_layer is
 * what the layer is to be written to, the caller's. `place` is borrowed. */
int image_target_new(int directory, const ImagePlace *place, const char *tag, ImageTarget **ret, int *ret_layer,
                     sd_bus_error *reterr);

/* What the worker says of the layer (WORKER_REPORT_LAYER). Returns 0 or -EBADMSG. */
int image_target_take_layer(ImageTarget *target, const char *text);

/* Writes what makes an image of the layer. Without it nothing that was written is left. */
int image_target_commit(ImageTarget *target, sd_bus_error *reterr);

/* Returns NULL; NULL is legal. */
ImageTarget *image_target_free(ImageTarget *target);
