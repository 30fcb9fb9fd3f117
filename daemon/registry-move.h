/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/registry.h"

/* Distributions whose files lie elsewhere, say on another disk: what the registry
 * knows of them stays in its own place, and names the directory that it made for
 * the files, DIRECTORY/lxss-NAME. An id that stands in both makes sure that it is
 * that directory and no other.
 *
 * What lies outside and may have to be removed has a claim: a directory in staging
 * that names it. A claim on what a distribution has is void, so that a claim can be
 * made before anything changes, and followed whatever happened then. */

/* A move that is under way. */
typedef struct Move Move;

/* Makes an empty directory for the files below `directory`, or, where that is negative,
 * for their way back. 0 or negative errno with *reterr set; where there is a move then, it is to be ended all the
 * same. */
int registry_begin_move(Registry *registry, Distribution *distribution, int directory, Move **ret,
                        sd_bus_error *reterr);

/* Where "rootfs" is to be made. Borrowed. */
const char *move_place(const Move *move);

/* Moves the files by a rename, all at once. 1: done, as if committed. 0: they have to be copied to move_place(), since
 * that is another file system, or there are layers below them. Negative errno with *reterr set. */
int registry_move_at_once(Registry *registry, Distribution *distribution, Move *move, sd_bus_error *reterr);

/* The copy at move_place() is complete: from here on it is the distribution's, which stands on no layers any more. */
int registry_commit_move(Registry *registry, Distribution *distribution, Move *move, sd_bus_error *reterr);

/* What is left to be removed now, whether it was committed or not: a directory in staging (NULL: none), and claims to
 * be followed. Both the caller's. Frees the move; NULL is legal. */
void move_end(Move *move, char **ret_staging, GPtrArray *claims);

Move *move_free(Move *move);

/* Makes a claim on the files of a distribution that lie elsewhere. *ret_claim: NULL where there are none, or they
 * are not there. */
int registry_claim_place(Registry *registry, const Distribution *distribution, char **ret_claim, sd_bus_error *reterr);

/* Whether what was left in staging is a claim. */
bool claim_is_one(const char *path);

/* Follows a claim, which this lxssd made or an earlier one: *ret_place is the directory to remove (g_free() it), after
 * which claim_drop() is due; NULL: there is nothing to do, and the claim has gone or will be looked at at the next
 * start. */
void registry_follow_claim(Registry *registry, const char *claim, bool ours, char **ret_place);
void claim_drop(const char *claim);
