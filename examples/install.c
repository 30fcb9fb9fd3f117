/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Installs an archive as a distribution, and shows how far it is; Ctrl-C undoes it:
 *
 *   cc install.c -o install $(pkg-config --cflags --libs lxss)
 *   ./install debian.tar.xz debian */

#include <errno.h>
#include <fcntl.h>
#include <lxss.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signo) {
        (void)signo;
        interrupted = 1;
}

static void on_progress(LxssOperation *operation, const LxssProgress *progress, void *userdata) {
        (void)operation;
        (void)userdata;
        if (progress->warning)
                fprintf(stderr, "\nwarning: %s\n", progress->warning);
        else if (progress->fraction >= 0)
                fprintf(stderr, "\r%-13s %3.0f %%", progress->stage, progress->fraction * 100);
        else
                fprintf(stderr, "\r%-13s     ", progress->stage);
}

/* A fifth of a second at a time, so that Ctrl-C is noticed. */
static int stand_by(LxssOperation *operation, LxssFailure *failure) {
        int canceled = 0, r;

        lxss_operation_watch(operation, on_progress, NULL);
        while ((r = lxss_operation_wait(operation, 200, failure)) == -ETIMEDOUT || r == -EINTR)
                if (interrupted && !canceled++)
                        lxss_operation_cancel(operation);
        fputc('\n', stderr);
        return r;
}

int main(int argc, char **argv) {
        LxssFailure failure = LXSS_FAILURE_NONE;
        LxssInstall install = LXSS_INSTALL_NONE;
        LxssOperation *operation = NULL;
        LxssClient *client = NULL;
        int r;

        if (argc != 3 || (install.fd = open(argv[1], O_RDONLY | O_CLOEXEC)) < 0) {
                fprintf(stderr, "usage: install ARCHIVE NAME\n");
                return 2;
        }
        signal(SIGINT, on_interrupt);
        install.name = argv[2];
        r = lxss_connect(LXSS_FOR_INSTANCE, &client, &failure);
        if (r == 0)
                r = lxss_install(client, &install, &operation, &failure);
        if (r == 0)
                r = stand_by(operation, &failure);
        if (r < 0)
                fprintf(stderr, "install: %s\n", failure.message ? failure.message : strerror(-r));
        else
                printf("installed %s\n", lxss_operation_distribution(operation));
        lxss_failure_clear(&failure);
        lxss_operation_free(operation);
        lxss_disconnect(client);
        return r < 0;
}
