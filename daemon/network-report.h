/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What lxss-network tells lxssd, a packet each over the SOCK_SEQPACKET socket that
 * is its descriptor 3: first NETWORK_REPORT_UP with the network namespace, and one
 * day _ENDED; or one of those that say why there is none. */

#define NETWORK_REPORT_FD 3

/* Where an instance asks for names that the host asks for on its own loopback; what follows lxss-network's
 * name on its command line. A link-local address that nobody else has, as podman(1) has it. */
#define NETWORK_RESOLVER "169.254.1.1"

/* What every program needs that makes a network interface. */
#define NETWORK_DEVICE "/dev/net/tun"

typedef enum NetworkReportKind {
        NETWORK_REPORT_UP,
        NETWORK_REPORT_MISSING, /* there is no pasta */
        NETWORK_REPORT_CLOSED,  /* there is, and it may not open NETWORK_DEVICE */
        NETWORK_REPORT_FAILED,
        NETWORK_REPORT_ENDED, /* pasta is gone, and with it the way out */
        NETWORK_REPORT_KIND_MAX,
} NetworkReportKind;

typedef struct NetworkReport {
        int kind;
        int error;      /* CLOSED: positive errno; FAILED: likewise, of the step that text names; 0: pasta failed */
        int status;     /* FAILED, ENDED: of pasta, as waitpid(2) has it */
        char text[200]; /* the last that pasta said; foreign bytes */
} NetworkReport;
