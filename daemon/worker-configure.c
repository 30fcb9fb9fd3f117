/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns who prevails: what was asked for with the installation, then what the
 * distribution's maker wants, then what we do for those that want nothing. That
 * a wish cannot be honoured is no reason not to install. */

#include "daemon/worker-configure.h"

#include <stdarg.h>
#include <stdio.h>

#include "daemon/user-table.h"
#include "daemon/worker-etc.h"
#include "daemon/worker-icon.h"
#include "daemon/worker-user.h"
#include "shared/wsl-distribution.h"

static void warn(const WorkerConfigure *configure, const char *format, ...) _printf_(2, 3);
static void warn(const WorkerConfigure *configure, const char *format, ...) {
        char sentence[WORKER_REPORT_TEXT_MAX + 1];
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
        va_end(arguments);
        (void)worker_report_text(configure->report, WORKER_REPORT_WARNING, sentence);
}

/* True: there are wishes. */
static bool read_wishes(const WorkerConfigure *configure, WslDistribution *wishes) {
        int r = wsl_distribution_read(wishes);

        for (char **w = wishes->warnings; w && *w; w++)
                warn(configure, "%s", *w);
        if (r == -EFBIG)
                warn(configure, WSL_DISTRIBUTION_PATH " is ignored: it has more than %u KiB.",
                     WSL_DISTRIBUTION_MAX >> 10);
        else if (r < 0 && r != -ENOENT)
                warn(configure, WSL_DISTRIBUTION_PATH " is ignored: %s", strerror(-r));
        return r == 0;
}

/* False: there is none with that id. Ours, that is made where there is none, has the usual one. */
static bool find_wished_user(const WorkerConfigure *configure, int64_t uid, char ret_name[WORKER_USER_NAME_MAX + 1]) {
        if (uid < 0)
                return false;
        if (worker_user_find((unsigned)uid, ret_name) == 0)
                return true;
        if (uid != USER_DEFAULT_UID)
                warn(configure, WSL_DISTRIBUTION_PATH ": There is no user with the id %lld, the default one's.",
                     (long long)uid);
        return false;
}

static int choose_user(const WorkerConfigure *configure, const WslDistribution *wishes, WorkerReport *reterr) {
        char name[WORKER_USER_NAME_MAX + 1] = "root";
        bool wished = !configure->user_given;
        int r = 0;

        if (configure->single_id)
                ;
        else if (wished && wishes->command && !configure->without_oobe)
                /* It makes a user; until then, as in WSL, there is root. */
                (void)worker_report_send(configure->report, &(WorkerReport){ .kind = WORKER_REPORT_OOBE });
        else if (wished && find_wished_user(configure, wishes->uid, name))
                ;
        else if (configure->user && !streq(configure->user, "root"))
                r = worker_user_configure(configure->user, name, reterr);
        if (r == 0)
                (void)worker_report_text(configure->report, WORKER_REPORT_USER, name);
        return r;
}

static void make_shortcut(const WorkerConfigure *configure, const WslDistribution *wishes) {
        const char *format = "none";
        int r = 0;

        if (wishes->icon)
                r = worker_icon_copy(wishes->icon, configure->directory, &format);
        if (r == -EBADMSG)
                warn(configure,
                     WSL_DISTRIBUTION_PATH ": The icon %.128s is no PNG, no SVG, and no ICO with a PNG in it.",
                     wishes->icon);
        else if (r == -EFBIG)
                warn(configure, WSL_DISTRIBUTION_PATH ": The icon %.128s is larger than %u KiB.", wishes->icon,
                     WORKER_ICON_MAX >> 10);
        else if (r < 0)
                warn(configure, WSL_DISTRIBUTION_PATH ": The icon %.128s cannot be taken: %s", wishes->icon,
                     strerror(-r));
        (void)worker_report_text(configure->report, WORKER_REPORT_SHORTCUT, format);
}

/* Many an /etc/profile sets PATH anew, and then a login shell finds nothing of what every instance has beside the
 * distribution's own programs. What is there already, of an export or an image of ours, stays as it is. */
static int extend_path(WorkerReport *reterr) {
        _cleanup_close_ int directory = open("/etc/profile.d", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (directory < 0 || faccessat(directory, "lxss.sh", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        return etc_file_write(directory, "lxss.sh", 0644,
                              "# Written by lxss when this distribution was installed: where it runs as an instance,\n"
                              "# login shells find lxbus and the like, too.\n"
                              "[ ! -d /run/lxss/bin ] || case :$PATH: in\n"
                              "*:/run/lxss/bin:*) ;;\n"
                              "*) PATH=$PATH:/run/lxss/bin ;;\n"
                              "esac\n",
                              reterr);
}

int worker_configure(const WorkerConfigure *configure, WorkerReport *reterr) {
        _cleanup_wsl_distribution_ WslDistribution wishes = WSL_DISTRIBUTION_DEFAULT;
        bool any = read_wishes(configure, &wishes);
        int r;

        if (wishes.name)
                (void)worker_report_text(configure->report, WORKER_REPORT_NAME, wishes.name);
        if (any && wishes.shortcut)
                make_shortcut(configure, &wishes);
        r = extend_path(reterr);
        return r < 0 ? r : choose_user(configure, &wishes, reterr);
}
