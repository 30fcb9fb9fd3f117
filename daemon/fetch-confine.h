/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"

/* Gives up what a program that reads a stranger's bytes from the network needs
 * least: root's rights for nobody's, gaining any by execve(2), and writing to
 * files where the kernel has Landlock. Descriptors that are open stay usable.
 * Returns 0 or negative errno with the reason in *reterr. */
int fetch_confine(WorkerReport *reterr);
