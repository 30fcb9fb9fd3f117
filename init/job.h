/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <signal.h>

#include "shared/init-protocol.h"

/* A launched program inside the instance, from LAUNCH to EXITED. */
typedef struct Job {
        uint64_t id;
        pid_t child;   /* our own child: the program, or with a terminal its session leader */
        pid_t program; /* 0 until it is known */
        int report;    /* the child's end of the story; -EBADF once there is no more to come */
        bool terminal;
        int master, terminal_socket; /* until the program has started: what is typed earlier stays with the caller */
        bool started;  /* STARTED was sent */
        bool ended;    /* the leader reported the program's end: code and status hold */
        int code, status;
        uint64_t kill_at; /* CLOCK_MONOTONIC milliseconds at which a hung-up job is killed; 0: not hung up */
        struct Job *next;
} Job;

/* What a child of ours writes to its report socket, one packet each: at most
 * one of FAILED and PROGRAM; STOPPED and ENDED only from a session leader. End
 * of file without FAILED: exec succeeded. */
typedef enum JobReportKind {
        JOB_REPORT_FAILED = 1, /* first: InitStep, second: errno; perhaps the program's descriptor */
        JOB_REPORT_STARTED,    /* first: the program's pid */
        JOB_REPORT_STOPPED,    /* first: signal */
        JOB_REPORT_ENDED,      /* first: CLD_…, second: status */
} JobReportKind;

typedef struct JobReport {
        int kind, first, second;
} JobReport;

/* What tells the session leader where its program is to be; it is told by signals,
 * since a signal is what it waits for. */
#define JOB_SIGNAL_FOREGROUND SIGUSR1
#define JOB_SIGNAL_BACKGROUND SIGUSR2

/* Starts the program; takes the request over. Returns 0 and the job, which the
 * caller frees; or negative errno with the step that failed in *ret_step. The
 * program runs once the report socket says so. */
int job_start(uint64_t id, LaunchRequest *request, InitStep *ret_step, Job **ret);

/* Returns NULL; NULL is legal. Ends nothing. */
Job *job_free(Job *job);

/* The program has started: its terminal goes to the caller. */
void job_hand_over_terminal(Job *job);

/* Sends a signal to the program or its process group. Returns 0 or negative errno. */
int job_signal(const Job *job, int signal, bool group);

/* Puts the program into its terminal's foreground or background, and continues it. */
void job_set_foreground(const Job *job, bool foreground);

/* SIGHUP and SIGCONT to the group, and a deadline for SIGKILL. */
void job_hangup(Job *job, uint64_t now);
