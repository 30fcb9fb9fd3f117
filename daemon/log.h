/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

/* lxssd's log: the journal where there is one (sd_journal_send(3), with the
 * fields LXSS_INSTANCE and LXSS_PROCESS), else a file. One place logs what is
 * returned to it; a function either logs or returns, never both. */

/* Chooses the target. `verbose`: debug messages too, and everything on stderr as well. */
void log_open(bool verbose);
void log_close(void);

/* "journal" or the file's path; static until log_close(). */
const char *log_target(void);

/* instance may be NULL, process 0. */
void log_event(int priority, const char *instance, uint64_t process, const char *format, ...)
                __attribute__((format(printf, 4, 5)));

#define log_error(...) log_event(LOG_ERR, NULL, 0, __VA_ARGS__)
#define log_warning(...) log_event(LOG_WARNING, NULL, 0, __VA_ARGS__)
#define log_info(...) log_event(LOG_INFO, NULL, 0, __VA_ARGS__)
#define log_debug(...) log_event(LOG_DEBUG, NULL, 0, __VA_ARGS__)
