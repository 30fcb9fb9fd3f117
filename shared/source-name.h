/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Names that sources suggest, and how URLs may be shown. Pure. */

/* A distribution's name from an archive's: without directories and the endings
 * of archives. Owned by the caller; NULL on out of memory. May be empty or not a
 * valid name, which lxssd then says. */
char *source_default_name(const char *path);

/* The same from a URL: of the last part of its path, without query and fragment. */
char *source_default_name_of_url(const char *url);

/* The same from the name of an image: its last part, without tag and digest. */
char *source_default_name_of_image(const char *image);

/* A URL for people and for what is kept: without a login (user and password), and
 * without what follows a "?", since that may be a secret as well. Owned by the
 * caller; NULL on out of memory. */
char *source_public_url(const char *url);
