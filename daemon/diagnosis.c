/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs lxss-diagnose, which ends within seconds, whatever the file does to it. */

#include "daemon/diagnosis.h"

#include <signal.h>
#include <sys/wait.h>

#include "daemon/elf-check.h"
#include "daemon/spawn.h"
#include "shared/util.h"

#define PATIENCE_USEC (5 * G_USEC_PER_SEC)

struct Diagnosis {
        pid_t child;
        int result; /* one ElfReport comes here */
        char *program;
        int number;
        sd_event_source *result_source, *timeout_source;
        diagnosis_done_t done;
        void *userdata;
};

/* Where even the child knew nothing, the error number remains. */
static void conclude(Diagnosis *diagnosis, const ElfReport *report) {
        g_auto(sd_bus_error) error = SD_BUS_ERROR_NULL;

        diagnosis->result_source = sd_event_source_disable_unref(diagnosis->result_source);
        diagnosis->timeout_source = sd_event_source_disable_unref(diagnosis->timeout_source);
        if (report)
                error_set(&error, report->error, "%s", report->sentence);
        else
                error_set(&error, LXSS_ERROR_PROGRAM_NOT_EXECUTABLE, "%s cannot be executed: %s", diagnosis->program,
                          g_strerror(diagnosis->number));
        diagnosis->done(&error, diagnosis->userdata);
}

static int on_result(sd_event_source *source _unused_, int fd, uint32_t events _unused_, void *userdata) {
        ElfReport report;
        bool complete = read_up_to(fd, &report, sizeof(report)) == sizeof(report);

        if (complete)
                report.sentence[sizeof(report.sentence) - 1] = '\0';
        conclude(userdata, complete ? &report : NULL);
        return 0;
}

static int on_timeout(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        conclude(userdata, NULL);
        return 0;
}

/* fd may be negative. */
static int start_child(Diagnosis *diagnosis, int fd) {
        _cleanup_close_ int write_end = -EBADF;
        g_autofree char *number = g_strdup_printf("%d", diagnosis->number);
        const char *argv[] = { "lxss-diagnose", diagnosis->program, number, NULL };
        int pair[2];

        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        diagnosis->result = pair[0];
        write_end = pair[1];
        return spawn_program(argv, environ, (int[]){ write_end, fd }, 2, &diagnosis->child);
}

int diagnosis_start(sd_event *event, const char *program, int fd, int number, diagnosis_done_t done, void *userdata,
                    Diagnosis **ret) {
        Diagnosis *diagnosis = g_new0(Diagnosis, 1);
        int r;

        *diagnosis = (Diagnosis){
                .result = -EBADF,
                .program = g_strdup(program),
                .number = number,
                .done = done,
                .userdata = userdata,
        };
        if ((r = start_child(diagnosis, fd)) < 0 ||
            (r = sd_event_add_io(event, &diagnosis->result_source, diagnosis->result, EPOLLIN, on_result, diagnosis)) <
                            0 ||
            (r = sd_event_add_time_relative(event, &diagnosis->timeout_source, CLOCK_MONOTONIC, PATIENCE_USEC, 0,
                                            on_timeout, diagnosis)) < 0) {
                diagnosis_free(diagnosis);
                return r;
        }
        *ret = diagnosis;
        return 0;
}

Diagnosis *diagnosis_free(Diagnosis *diagnosis) {
        if (!diagnosis)
                return NULL;
        diagnosis->result_source = sd_event_source_disable_unref(diagnosis->result_source);
        diagnosis->timeout_source = sd_event_source_disable_unref(diagnosis->timeout_source);
        closep(&diagnosis->result);
        if (diagnosis->child > 0) {
                (void)kill(diagnosis->child, SIGKILL);
                (void)waitpid(diagnosis->child, NULL, 0);
        }
        g_free(diagnosis->program);
        g_free(diagnosis);
        return NULL;
}
