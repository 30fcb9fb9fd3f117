/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A process that has armed itself does not outlive its parent, whenever the
 * parent ends. Three processes: the test, a parent, and its child; the child
 * holds the write end of a pipe, whose end of file is the child's. */

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "daemon/parent-death.h"
#include "tests/test.h"

#define BORN 'b'
#define ARMED 'a'

static int alive[2];   /* written by the child: BORN, then ARMED */
static int release[2]; /* end of file lets the child arm itself */

static void make_pipes(void) {
        ck_assert_int_eq(pipe2(alive, O_CLOEXEC), 0);
        ck_assert_int_eq(pipe2(release, O_CLOEXEC), 0);
}

/* Unsharing a user namespace disarms; that it is armed after that counts. */
_Noreturn static void run_child(int parent, int flags) {
        char byte;

        if (unshare(flags) < 0)
                _exit(EXIT_FAILURE);
        closep(&release[1]);
        (void)!write(alive[1], &(char){ BORN }, 1);
        (void)!read(release[0], &byte, 1);
        parent_death_arm(parent);
        (void)!write(alive[1], &(char){ ARMED }, 1);
        for (;;)
                pause();
}

/* The flags are for unshare(2). Returns the parent, which only waits to be killed. */
static pid_t fork_family(int of_parent, int of_child) {
        pid_t parent = fork();

        ck_assert_int_ge(parent, 0);
        if (parent == 0) {
                int self = parent_death_open();

                if (self < 0 || unshare(of_parent) < 0)
                        _exit(EXIT_FAILURE);
                if (fork() == 0)
                        run_child(self, of_child);
                closep(&alive[1]);
                closep(&release[1]);
                for (;;)
                        pause();
        }
        closep(&alive[1]);
        return parent;
}

/* Says nothing and ends, too, where user namespaces are impossible: then expect_word() would fail. */
static bool namespaces_work(void) {
        pid_t child = fork();
        int status;

        if (child == 0)
                _exit(unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        if (status != 0)
                fprintf(stderr, "skipped: no user namespaces here\n");
        return status == 0;
}

static void kill_parent(pid_t parent) {
        ck_assert_int_eq(kill(parent, SIGKILL), 0);
        ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
}

static void expect_word(char word) {
        char byte = 0;

        ck_assert_int_eq(read(alive[0], &byte, 1), 1);
        ck_assert_int_eq(byte, word);
}

/* The child, which alone holds the other end, is gone without another word. */
static void expect_end(void) {
        char byte;

        ck_assert_int_eq(read(alive[0], &byte, 1), 0);
}

/* The parent ends when its child is armed, or before. */
static void expect_no_survivor(int of_parent, int of_child, bool before) {
        pid_t parent;

        make_pipes();
        parent = fork_family(of_parent, of_child);
        expect_word(BORN);
        if (before)
                kill_parent(parent);
        closep(&release[1]);
        if (!before) {
                expect_word(ARMED);
                kill_parent(parent);
        }
        expect_end();
}

START_TEST(a_parent_that_ends_later_takes_its_child_along) {
        expect_no_survivor(0, 0, false);
}
END_TEST

START_TEST(a_parent_that_has_ended_already_is_noticed) {
        expect_no_survivor(0, 0, true);
}
END_TEST

START_TEST(a_child_in_a_user_namespace_of_its_own_ends_too) {
        if (!namespaces_work())
                return;
        expect_no_survivor(0, CLONE_NEWUSER, false);
        expect_no_survivor(0, CLONE_NEWUSER, true);
}
END_TEST

START_TEST(a_first_process_of_a_pid_namespace_ends_too) {
        if (!namespaces_work())
                return;
        expect_no_survivor(CLONE_NEWUSER | CLONE_NEWPID, 0, false);
        expect_no_survivor(CLONE_NEWUSER | CLONE_NEWPID, 0, true);
}
END_TEST

int main(void) {
        _cleanup_close_ int self = parent_death_open();

        if (self == -ENOSYS) {
                fprintf(stderr, "skipped: no pidfd_open(2) here; older valgrinds do not know it\n");
                return 77;
        }
        return RUN_TESTS("parent-death", a_parent_that_ends_later_takes_its_child_along,
                         a_parent_that_has_ended_already_is_noticed, a_child_in_a_user_namespace_of_its_own_ends_too,
                         a_first_process_of_a_pid_namespace_ends_too);
}
