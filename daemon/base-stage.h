/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The mount namespace in which all containers of an lxssd begin: its root is a
 * small tmpfs, the stage, with what they are made of. It is made once. A container's
 * own namespace, being a copy with fewer rights, can neither take apart nor loosen
 * what stands here (mount_namespaces(7), "Restrictions on mount namespaces"). */

/* What is there, beneath its root. */
#define STAGE_RAW "raw"   /* the host's tree as it is */
#define STAGE_HOST "host" /* the same without setuid, devices, /proc, /sys and /dev: for /mnt/host */
#define STAGE_SYS "sys"   /* the host's /sys, read-only */
#define STAGE_DEV "dev"   /* the device nodes that every instance has */
#define STAGE_INIT "init" /* lxinit, read-only, whoever may write to the file */
#define STAGE_TOOLS "tools" /* what every instance has in TOOLS_DIRECTORY, read-only likewise */
#define STAGE_ROOT "root" /* empty: where a container puts its root file system */

/* Where an instance has them, without the first slash. */
#define TOOLS_DIRECTORY "run/lxss/bin"
#define STAGE_TOOLS_MAX 1

/* What can be prepared before ids are mapped: copies of mounts. */
typedef struct BaseStage {
        int host, sys, init;
        int tools[STAGE_TOOLS_MAX];
} BaseStage;

#define BASE_STAGE_NONE { .host = -EBADF, .sys = -EBADF, .init = -EBADF, .tools = { -EBADF } }

/* In a mount namespace of one's own, with the rights of the calling user. lxinit:
 * its path; the tools lie beside it. 0 or negative errno, with what failed in *ret_step (static). */
int base_stage_prepare(const char *lxinit, BaseStage *ret, const char **ret_step);

/* With ids mapped: makes the stage and moves the calling process to it. Closes what was prepared. */
int base_stage_enter(BaseStage *stage, const char **ret_step);

/* The device nodes by name, ends with NULL. */
extern const char *const base_stage_nodes[];
/* Likewise the tools. */
extern const char *const base_stage_tools[];
