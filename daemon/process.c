/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is known of a launched program. Moves through its states by others' hands. */

#include "daemon/process.h"

#include "daemon/text.h"
#include "shared/fd-socket.h"
#include "shared/util.h"

#define COMMAND_LINE_MAX 512
#define DIRECTORY_MAX 256

Process *process_new(uint64_t id, Client *client, LaunchRequest *request) {
        Process *process = g_new0(Process, 1);

        process->id = id;
        process->client = client;
        process->client_link.data = process;
        g_queue_push_tail_link(&client->processes, &process->client_link);
        process->request = request;
        process->pidfd = -EBADF;
        process->distribution = g_strdup(request->distribution ?: "");
        process->user = g_strdup(request->user);
        process->arguments = g_strdupv(request->argv);
        process->directory = text_printable(request->directory ?: request->cwd ?: "~", DIRECTORY_MAX);
        process->terminal = request->terminal_mask != 0;
        process->lingers = request->linger_seconds > 0;
        process->start_time = g_get_real_time();
        process->command_line = process->arguments && process->arguments[0] ?
                        text_command_line(process->arguments, COMMAND_LINE_MAX) :
                        g_strdup("(login shell)");
        return process;
}

Process *process_free(Process *process) {
        if (!process)
                return NULL;
        process_forget_client(process);
        launch_request_free(process->request);
        sd_bus_message_unref(process->launch_message);
        closep(&process->pidfd);
        g_free(process->distribution);
        g_free(process->user);
        g_strfreev(process->arguments);
        g_free(process->command_line);
        g_free(process->directory);
        g_free(process);
        return NULL;
}

void process_forget_client(Process *process) {
        if (process->client)
                g_queue_unlink(&process->client->processes, &process->client_link);
        process->client = NULL;
}

/* Root of the instance may have sent something else than a pidfd (proc(5) on fdinfo). */
static bool is_pidfd(int fd) {
        g_autofree char *path = g_strdup_printf("/proc/self/fdinfo/%d", fd);
        _cleanup_close_ int info = open(path, O_RDONLY | O_CLOEXEC);
        char text[1024];
        ssize_t n;

        n = info < 0 ? -1 : read_up_to(info, text, sizeof(text) - 1);
        if (n < 0)
                return false;
        text[n] = '\0';
        return strstr(text, "\nPid:");
}

void process_set_running(Process *process, pid_t pid, int pidfd) {
        process->state = PROCESS_RUNNING;
        process->pid = pid;
        process->pidfd = pidfd;
        if (pidfd >= 0 && !is_pidfd(pidfd))
                fd_socket_discard(&process->pidfd);
}
