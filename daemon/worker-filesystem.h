/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/worker-report.h"
#include "daemon/worker-stream.h"

/* A source that is no archive but a file system in a file. */

typedef struct FilesystemReader {
        pid_t pid;
        int tar;      /* to read */
        int messages; /* what it said, a file */
} FilesystemReader;

#define FILESYSTEM_READER_NONE ((FilesystemReader){ .pid = -1, .tar = -EBADF, .messages = -EBADF })

/* Whether it is one that can be read here. Returns 0 or negative errno with the reason in *reterr. */
int filesystem_check(StreamImage kind, WorkerReport *reterr);

/* Writes the rest of the stream to a new file, holes as holes. */
int filesystem_keep(WorkerStream *stream, const char *path, WorkerProgress *progress, WorkerReport *reterr);

/* How much there is in it, by its own account, which is good for nothing but progress; 0: not known. */
typedef struct FilesystemAmount {
        uint64_t packed;  /* bytes that it takes where it is kept, which is true */
        uint64_t bytes;   /* ext2, 3, 4: in use */
        uint64_t members; /* squashfs, whose account of bytes is of compressed ones */
} FilesystemAmount;

FilesystemAmount filesystem_measure(StreamImage kind, const char *path);

/* Starts a process that writes the file system's files as a tar. It has what the
 * caller has: that the image is hostile matters as little as with an archive. */
int filesystem_reader_start(StreamImage kind, const char *path, FilesystemReader *ret, WorkerReport *reterr);

/* Waits for its end. r and *reterr: what became of the tar, which is the answer
 * unless the reason is the reader's. */
int filesystem_reader_finish(FilesystemReader *reader, int r, WorkerReport *reterr);
