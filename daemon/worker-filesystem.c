/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns the way from a file system in a file to a tar, which worker_extract() then
 * trusts no more than any other: for squashfs the program sqfs2tar, for ext2, 3 and
 * 4 our own reader (worker-ext4). Mounting would need FUSE, or the kernel's parsers
 * to be trusted with it. The image is kept as a file of our own first: what is read
 * cannot change then, need not be a file, and may be readable by the caller alone. */

#include "daemon/worker-filesystem.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "daemon/worker-ext4.h"
#include "shared/text.h"

#define NO_SUCH_PROGRAM 127
#define MESSAGES_MAX (64 * 1024)
#define BLOCK 4096

int filesystem_check(StreamImage kind, WorkerReport *reterr) {
        if (kind == STREAM_IMAGE_PARTITIONS)
                return worker_report_fail(
                                reterr, LXSS_ERROR_UNSUPPORTED_SOURCE,
                                "The source is the image of a disk with partitions. What can be installed is the file "
                                "system of one of them (squashfs or ext4); sfdisk -l shows where it begins.");
        if (kind == STREAM_IMAGE_VIRTUAL)
                return worker_report_fail(reterr, LXSS_ERROR_UNSUPPORTED_SOURCE,
                                          "The source is a virtual machine's disk. Make a plain image of it: qemu-img "
                                          "convert -O raw.");
        return 0;
}

static bool is_zero(const char *bytes, size_t n) {
        return bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0;
}

/* Blocks of zeros are left out. */
static int write_sparsely(int fd, const char *bytes, size_t size, uint64_t offset) {
        while (size > 0) {
                size_t n = size < BLOCK ? size : BLOCK;
                ssize_t written = is_zero(bytes, n) ? (ssize_t)n : pwrite(fd, bytes, n, (off_t)offset);

                if (written < 0)
                        return -errno;
                bytes += written;
                size -= (size_t)written;
                offset += (uint64_t)written;
        }
        return 0;
}

static int writing_failed(int error, WorkerReport *reterr) {
        return worker_report_fail(reterr, error == ENOSPC || error == EDQUOT ? LXSS_ERROR_NO_SPACE : LXSS_ERROR_FAILED,
                                  "The image cannot be kept: %s.", strerror(error));
}

int filesystem_keep(WorkerStream *stream, const char *path, WorkerProgress *progress, WorkerReport *reterr) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        uint64_t size = 0;
        const void *block;
        ssize_t n;

        if (fd < 0)
                return writing_failed(errno, reterr);
        while ((n = worker_stream_read(stream, &block)) > 0) {
                int r = write_sparsely(fd, block, (size_t)n, size);

                if (r < 0)
                        return writing_failed(-r, reterr);
                size += (uint64_t)n;
                worker_progress_update_part(progress, size, worker_stream_size(stream));
        }
        if (n < 0)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "The image cannot be read: %s.",
                                          worker_stream_trouble(stream));
        return ftruncate(fd, (off_t)size) < 0 ? writing_failed(errno, reterr) : 0;
}

static uint64_t le32(const uint8_t *bytes) {
        return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* ext4's superblock: blocks at 4, free ones at 12, the size of one at 24; what of these goes beyond 32 bits
 * only counts with a feature (64bit, at 96). */
static uint64_t used_bytes(const uint8_t *super) {
        bool wide = le32(super + 96) & 0x80;
        uint64_t blocks = le32(super + 4) | (wide ? le32(super + 336) << 32 : 0);
        uint64_t unused = le32(super + 12) | (wide ? le32(super + 344) << 32 : 0);
        uint64_t shift = 10 + le32(super + 24);

        return blocks < unused || shift > 16 || blocks > UINT64_MAX >> 16 ? 0 : (blocks - unused) << shift;
}

FilesystemAmount filesystem_measure(StreamImage kind, const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        FilesystemAmount amount = { 0 };
        uint8_t head[2048] = { 0 };
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0 || pread(fd, head, sizeof(head), 0) < 0)
                return amount;
        amount.packed = (uint64_t)st.st_blocks * 512;
        if (kind == STREAM_IMAGE_EXT)
                amount.bytes = used_bytes(head + 1024);
        else
                amount.members = le32(head + 4);
        return amount;
}

/* In the child. What a hostile image has it say is not endless. */
_Noreturn static void run_child(StreamImage kind, const char *path, int tar, int messages) {
        const struct rlimit limit = { .rlim_cur = MESSAGES_MAX, .rlim_max = MESSAGES_MAX };

        (void)signal(SIGXFSZ, SIG_IGN);
        (void)signal(SIGPIPE, SIG_DFL);
        if (dup2(tar, STDOUT_FILENO) < 0 || dup2(messages, STDERR_FILENO) < 0 || setrlimit(RLIMIT_FSIZE, &limit) < 0 ||
            close_range(3, ~0U, 0) < 0)
                _exit(EXIT_FAILURE);
        if (kind == STREAM_IMAGE_EXT)
                _exit(worker_ext4_write_tar(path, STDOUT_FILENO, STDERR_FILENO) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        (void)execlp("sqfs2tar", "sqfs2tar", path, (char *)NULL);
        _exit(NO_SUCH_PROGRAM);
}

int filesystem_reader_start(StreamImage kind, const char *path, FilesystemReader *ret, WorkerReport *reterr) {
        _cleanup_close_ int messages = memfd_create("messages", MFD_CLOEXEC), theirs = -EBADF;
        int pair[2];
        pid_t pid;

        if (messages < 0 || pipe2(pair, O_CLOEXEC) < 0)
                return worker_report_fail(reterr, LXSS_ERROR_FAILED, "The image's reader cannot be started: %s.",
                                          strerror(errno));
        theirs = pair[1];
        pid = fork();
        if (pid == 0)
                run_child(kind, path, theirs, messages);
        *ret = (FilesystemReader){ .pid = pid, .tar = pair[0], .messages = steal_fd(&messages) };
        if (pid > 0)
                return 0;
        return worker_report_fail(reterr, LXSS_ERROR_FAILED, "The image's reader cannot be started: %s.",
                                  strerror(errno));
}

/* Without its line break. */
static void read_last_line(int messages, char *ret, size_t size) {
        char text[MESSAGES_MAX + 1];
        ssize_t n = pread(messages, text, MESSAGES_MAX, 0);
        char *line;

        while (n > 0 && text[n - 1] == '\n')
                n--;
        text[n > 0 ? n : 0] = '\0';
        line = strrchr(text, '\n');
        line = line ? line + 1 : text;
        text_escape(line, strlen(line), ret, size);
}

static int judge(const FilesystemReader *reader, int status, int r, WorkerReport *reterr) {
        char line[512];

        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return r;
        /* Nobody listened to it any more. */
        if (r < 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE)
                return r;
        if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SUCH_PROGRAM)
                return worker_report_fail(
                                reterr, LXSS_ERROR_TOOL_MISSING,
                                "sqfs2tar is not installed, which reads squashfs images. Install it: apt-get install "
                                "squashfs-tools-ng.");
        if (WIFSIGNALED(status))
                return worker_report_fail(reterr, LXSS_ERROR_ARCHIVE_DAMAGED,
                                          "The image's reader was killed by signal %d (%s).", WTERMSIG(status),
                                          strsignal(WTERMSIG(status)));
        read_last_line(reader->messages, line, sizeof(line));
        return worker_report_fail(reterr, LXSS_ERROR_ARCHIVE_DAMAGED, "The image cannot be read: %s.",
                                  line[0] ? line : "it is damaged");
}

int filesystem_reader_finish(FilesystemReader *reader, int r, WorkerReport *reterr) {
        int status;

        closep(&reader->tar);
        while (reader->pid > 0 && waitpid(reader->pid, &status, 0) < 0)
                if (errno != EINTR)
                        return worker_report_fail(reterr, LXSS_ERROR_FAILED, "The image's reader was lost: %s.",
                                                  strerror(errno));
        if (reader->pid > 0)
                r = judge(reader, status, r, reterr);
        closep(&reader->messages);
        return r;
}
