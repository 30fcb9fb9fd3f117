/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/instance.h"
#include "daemon/manager.h"

/* A client that is a descriptor: as long as anybody has it open, its instance
 * stays up; when the instance ends all the same, the descriptor hangs up. */
typedef struct Hold Hold;

typedef struct HoldEvents {
        /* Nobody has the descriptor any more, or there is no instance for it: free the hold. */
        void (*over)(Hold *hold, void *userdata);
} HoldEvents;

/* Holds the instance. The callback comes once it runs (with the other end) or cannot be started. */
int hold_new(sd_event *event, Instance *instance, uid_t uid, manager_held_t callback, void *callback_userdata,
             const HoldEvents *events, void *userdata, Hold **ret);
Hold *hold_free(Hold *hold);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Hold, hold_free)

/* The instance, or NULL once it has ended under the hold. */
Instance *hold_instance(const Hold *hold);

/* The instance that the descriptor stands for is ending. Frees nothing. */
void hold_instance_ended(Hold *hold);

/* Whether the instance has been handed out already. */
bool hold_is_given(const Hold *hold);
