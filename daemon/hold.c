/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One end of a socketpair and the instance that it keeps up. Nothing is ever
 * read from it: only its end matters. */

#include "daemon/hold.h"

#include <sys/socket.h>

#include "shared/util.h"

struct Hold {
        Client client;
        Instance *instance;
        int ours, theirs; /* theirs until it is given */
        sd_event_source *source;
        manager_held_t callback;
        void *callback_userdata;
        HoldEvents events;
        void *userdata;
};

static int on_hangup(sd_event_source *source, int fd _unused_, uint32_t revents, void *userdata) {
        Hold *hold = userdata;

        if (!(revents & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)))
                return 0;
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        hold->events.over(hold, hold->userdata);
        return 0;
}

static void on_ready(Instance *instance _unused_, const sd_bus_error *error, void *userdata) {
        Hold *hold = userdata;
        manager_held_t callback = hold->callback;

        hold->callback = NULL;
        if (!error) {
                callback(steal_fd(&hold->theirs), NULL, hold->callback_userdata);
                return;
        }
        callback(-EBADF, error, hold->callback_userdata);
        hold->instance = NULL;
        closep(&hold->theirs); /* over follows from the loop */
}

int hold_new(sd_event *event, Instance *instance, uid_t uid, manager_held_t callback, void *callback_userdata,
             const HoldEvents *events, void *userdata, Hold **ret) {
        g_autoptr(Hold) hold = g_new0(Hold, 1);
        int pair[2], r;

        hold->ours = hold->theirs = -EBADF;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        hold->ours = pair[0];
        hold->theirs = pair[1];
        hold->client.uid = uid;
        hold->client.fd = hold->ours;
        hold->events = *events;
        hold->userdata = userdata;
        r = sd_event_add_io(event, &hold->source, hold->ours, EPOLLRDHUP, on_hangup, hold);
        if (r < 0)
                return r;
        hold->callback = callback;
        hold->callback_userdata = callback_userdata;
        hold->instance = instance;
        instance_hold(instance, &hold->client, on_ready, hold);
        *ret = g_steal_pointer(&hold);
        return 0;
}

Hold *hold_free(Hold *hold) {
        Instance *instance;

        if (!hold)
                return NULL;
        hold->source = sd_event_source_disable_unref(hold->source);
        closep(&hold->ours);
        closep(&hold->theirs);
        instance = g_steal_pointer(&hold->instance);
        if (instance) {
                instance_cancel_ready(instance, hold);
                instance_remove_client(instance, &hold->client);
        }
        g_free(hold);
        return NULL;
}

Instance *hold_instance(const Hold *hold) {
        return hold->instance;
}

bool hold_is_given(const Hold *hold) {
        return hold->callback == NULL;
}

void hold_instance_ended(Hold *hold) {
        hold->instance = NULL;
        (void)shutdown(hold->ours, SHUT_RDWR); /* hangs up both ends; over follows from the loop */
}
