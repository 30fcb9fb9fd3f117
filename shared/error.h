/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one table D-Bus error name ↔ errno ↔ exit code of lxctl. An error's name
 * says what kind of thing went wrong; its message says what to do about it.
 *
 * Exit codes follow env(1) and POSIX's shell: 125 the service or lxctl itself,
 * 126 the program was found and cannot be executed, 127 it was not found. */

#define LXSS_ERROR_PREFIX "org.lxss.Error."

/*      identifier                name                    errno            exit */
#define LXSS_ERRORS(X)                                                          \
        X(FAILED,                 "Failed",               EIO,             125) \
        X(INVALID_ARGUMENT,       "InvalidArgument",      EINVAL,          125) \
        X(INVALID_NAME,           "InvalidName",          EINVAL,          125) \
        X(ACCESS_DENIED,          "AccessDenied",         EACCES,          125) \
        X(NOTHING_INSTALLED,      "NothingInstalled",     ENOENT,          125) \
        X(NO_SUCH_DISTRIBUTION,   "NoSuchDistribution",   ENOENT,          125) \
        X(NO_SUCH_INSTANCE,       "NoSuchInstance",       ESRCH,           125) \
        X(NO_SUCH_PROCESS,        "NoSuchProcess",        ESRCH,           125) \
        X(NO_SUCH_OPERATION,      "NoSuchOperation",      ESRCH,           125) \
        X(NO_SUCH_USER,           "NoSuchUser",           ENOENT,          125) \
        X(NO_SUCH_DIRECTORY,      "NoSuchDirectory",      ENOTDIR,         125) \
        X(DISTRIBUTION_EXISTS,    "DistributionExists",   EEXIST,          125) \
        X(NO_SUCH_SNAPSHOT,       "NoSuchSnapshot",       ENOENT,          125) \
        X(SNAPSHOT_EXISTS,        "SnapshotExists",       EEXIST,          125) \
        X(DISTRIBUTION_BROKEN,    "DistributionBroken",   EUCLEAN,         125) \
        X(DISTRIBUTION_UNAVAILABLE, "DistributionUnavailable", ENODEV,         125) \
        X(DISTRIBUTION_RUNNING,   "DistributionRunning",  EBUSY,           125) \
        X(LIMIT_REACHED,          "LimitReached",         EDQUOT,          125) \
        X(OPERATION_PENDING,      "OperationPending",     EINPROGRESS,     125) \
        X(CANCELED,               "Canceled",             ECANCELED,       125) \
        X(NOT_AN_ARCHIVE,         "NotAnArchive",         EMEDIUMTYPE,     125) \
        X(ARCHIVE_DAMAGED,        "ArchiveDamaged",       EBADMSG,         125) \
        X(NOT_A_DISTRIBUTION,     "NotADistribution",     ENOTSUP,         125) \
        X(UNSUPPORTED_SOURCE,     "UnsupportedSource",    EPROTONOSUPPORT, 125) \
        X(NO_SUCH_SOURCE,         "NoSuchSource",         ENOENT,          125) \
        X(TRANSFER_FAILED,        "TransferFailed",       ECOMM,           125) \
        X(CATALOGUE_DAMAGED,      "CatalogueDamaged",     EBADMSG,         125) \
        X(BAD_SIGNATURE,          "BadSignature",         EKEYREJECTED,    125) \
        X(TOOL_MISSING,           "ToolMissing",          ENOPKG,          125) \
        X(TOOL_FAILED,            "ToolFailed",           EIO,             125) \
        X(NO_SPACE,               "NoSpace",              ENOSPC,          125) \
        X(HOST_UNSUITABLE,        "HostUnsuitable",       EOPNOTSUPP,      125) \
        X(INSTANCE_FAILED,        "InstanceFailed",       ENOTRECOVERABLE, 125) \
        X(INSTANCE_ENDED,         "InstanceEnded",        EOWNERDEAD,      125) \
        X(PROGRAM_NOT_FOUND,      "ProgramNotFound",      ENOENT,          127) \
        X(PROGRAM_NOT_EXECUTABLE, "ProgramNotExecutable", EACCES,          126) \
        X(PROGRAM_WRONG_MACHINE,  "ProgramWrongMachine",  ENOEXEC,         126) \
        X(PROGRAM_NO_INTERPRETER, "ProgramNoInterpreter", ELIBACC,         126) \
        X(PROGRAM_BAD_FORMAT,     "ProgramBadFormat",     ELIBBAD,         126) \
        X(ARGUMENTS_TOO_LONG,     "ArgumentsTooLong",     E2BIG,           126) \
        X(SERVICE_UNAVAILABLE,    "ServiceUnavailable",   ECONNREFUSED,    125)

/* What LimitReached says where the kernel lets no process of this user send descriptors. */
#define LXSS_CROWDED_TEXT                                                                   \
        "Programs of yours send descriptors to each other faster than they are received " \
        "(ETOOMANYREFS in unix(7)); no others can be sent until then."

typedef enum LxssError {
#define X(id, name, number, exit_code) LXSS_ERROR_##id,
        LXSS_ERRORS(X)
#undef X
        LXSS_ERROR_MAX,
        LXSS_ERROR_INVALID = -22, /* -EINVAL */
} LxssError;

/* "org.lxss.Error.NoSuchUser"; static. */
const char *lxss_error_to_name(LxssError error);

/* LXSS_ERROR_INVALID where the name is not in the table. */
LxssError lxss_error_from_name(const char *name);

/* Positive errno. */
int lxss_error_to_errno(LxssError error);

/* What lxctl exits with. 125 for every name that is not in the table, since
 * then it is the service, the bus or the connection that failed. */
int lxss_error_exit_code(const char *name);
