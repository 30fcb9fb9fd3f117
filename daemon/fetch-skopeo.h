/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

#include "daemon/worker-report.h"

/* What skopeo wants and says. Pure. */

/* Where an image comes from, in skopeo's own words for it (containers-transports(5)). */
#define IMAGE_REGISTRY "docker"
#define IMAGE_LAYOUT_DIRECTORY "oci"
#define IMAGE_LAYOUT_ARCHIVE "oci-archive"
#define IMAGE_DOCKER_ARCHIVE "docker-archive"

/* The host (with its port) of a registry's image, borrowed from the reference, and
 * its length; where none is named it is Docker's (as docker(1) has it). */
size_t skopeo_registry(const char *reference, const char **ret);

/* The same image of a registry by another digest (SHA-256 in hexadecimal), malloc'ed. */
char *skopeo_reference_by_digest(const char *reference, const char *digest);

/* Whether that host is this machine, where nobody is in between: then, as with
 * docker(1), a registry need not have a certificate. */
bool skopeo_registry_is_loopback(const char *reference);

/* One line of its output. Keeps the reason of a failure in reason (text for
 * people, at most size bytes), of which the last that is said counts. */
void skopeo_read_line(const char *line, char *reason, size_t size);

/* Makes a sentence of that reason. Returns the negative errno. */
int skopeo_explain(const char *transport, const char *reference, const char *reason, WorkerReport *reterr);
