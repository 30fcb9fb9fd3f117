/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where lxssd's messages go. The file is for machines without a journal
 * (containers, CI); it is cut off when it has grown to a megabyte, so that it
 * never needs anyone's care. */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include "daemon/log.h"

#include <glib.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "daemon/text.h"
#include "shared/paths.h"
#include "shared/util.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define FILE_MAX (1 << 20)

static int file = -EBADF;
static char *file_path;
static bool verbose_log;

void log_open(bool verbose) {
        struct stat st;

        log_close();
        verbose_log = verbose;
        if (access(JOURNAL_SOCKET, W_OK) == 0)
                return;
        if (path_log_file(&file_path) < 0)
                return;
        file = open(file_path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        if (file >= 0 && fstat(file, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_uid != geteuid()))
                closep(&file);
        else if (file >= 0 && st.st_size > FILE_MAX)
                (void)!ftruncate(file, 0);
}

void log_close(void) {
        closep(&file);
        g_clear_pointer(&file_path, free);
}

const char *log_target(void) {
        return file_path ?: "journal";
}

static void write_line(int fd, const char *instance, uint64_t process, const char *message) {
        g_autofree char *line = NULL, *number = NULL;
        char stamp[32];
        time_t now = time(NULL);
        struct tm tm;

        strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S%z", localtime_r(&now, &tm));
        if (process > 0)
                number = g_strdup_printf("[%" PRIu64 "]", process);
        line = g_strdup_printf("%s lxssd[%d]: %s%s%s%s\n", stamp, getpid(), instance ?: "", number ?: "",
                               instance ? ": " : "", message);
        (void)write_all(fd, line, strlen(line));
}

void log_event(int priority, const char *instance, uint64_t process, const char *format, ...) {
        g_autofree char *message = NULL, *safe = NULL;
        va_list arguments;

        if (priority >= LOG_DEBUG && !verbose_log)
                return;
        va_start(arguments, format);
        message = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        safe = text_printable(message, SIZE_MAX); /* names and paths in it may be hostile */

        if (verbose_log)
                write_line(STDERR_FILENO, instance, process, safe);
        if (file >= 0)
                write_line(file, instance, process, safe);
        else if (!file_path)
                (void)sd_journal_send("MESSAGE=%s%s%s", instance ?: "", instance ? ": " : "", safe, "PRIORITY=%i", priority, "SYSLOG_IDENTIFIER=lxssd",
                                      "LXSS_INSTANCE=%s", instance ?: "", "LXSS_PROCESS=%" PRIu64, process, NULL);
}
