/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "init/account.h"
#include "shared/init-protocol.h"

/* Everything that a child needs between fork and exec, made before the fork. */
typedef struct JobPlan {
        const LaunchRequest *request;
        const Account *account;
        char *program; /* a path, or a name to look for in env's PATH */
        char **argv;
        char **env;
        char *directory;
        bool fall_back_home;
        int slave; /* the terminal, or -EBADF */
} JobPlan;

static inline void job_plan_clear(JobPlan *plan) {
        free(plan->program);
        strv_free(plan->argv);
        strv_free(plan->env);
        free(plan->directory);
        closep(&plan->slave);
}

/* What is to become of the request, as this user: program, arguments (which may be taken out of it), environment,
 * directory. Returns 0 or -ENOMEM. */
int job_plan_make(LaunchRequest *request, const Account *account, JobPlan *plan);

/* Becomes the program, or reports why not (init/job.h, JobReport) and exits. */
_Noreturn void job_child_run(const JobPlan *plan, int report);

/* Becomes the program in this very process, which has its descriptors already. Returns why it could not, as
 * negative errno, with the file that could not be executed, if there is one, in *ret_path. */
int job_child_become(const JobPlan *plan, InitStep *ret_step, char **ret_path);

/* The words with a space between each two. Returns 0 or -ENOMEM; the caller frees *ret. */
int job_join_words(char *const *words, char **ret);
