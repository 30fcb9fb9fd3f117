/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Ending with one's parent, however it ends (PR_SET_PDEATHSIG, prctl(2)). The
 * signal alone leaves a gap: a parent that ends between fork and prctl sends
 * none, and a first process of a pid namespace cannot tell by getppid(2), which
 * is 0 for it in any case. */

/* For the parent, before it forks: what its children arm with. A pidfd of the
 * calling process, closed on exec, the caller's; or negative errno. */
int parent_death_open(void);

/* In the child: SIGKILL when the parent ends, and at once where it has ended
 * already. A change of credentials disarms it (setresuid(2), setns(2) into a user
 * namespace, unshare(2) of one), so it comes after the last of them. Makes the
 * caller a session's leader where it may (setsid(2)). */
void parent_death_arm(int parent);
