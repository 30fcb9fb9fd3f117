/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How fast anybody may ask. Alone, as fast as we answer. Where others ask as well, who asks without a
 * pause is given one: it is heard at a steady rate, and since its socket fills up, or it waits for its answer, it
 * sleeps meanwhile, and leaves the processors to the others.
 *
 * The algorithm is GCRA (ITU-T I.371): `due` is when all that was asked so far would have been asked at the steady
 * rate, and it is ahead of the present by a burst at most. */

#include <sys/epoll.h>

#include "daemon/broker-private.h"
#include "shared/util.h"

#define STEADY_USEC G_TIME_SPAN_MILLISECOND
#define BURST 256
/* As long after a request as who made it is one of the others. */
#define OTHERS_USEC G_TIME_SPAN_SECOND

/* No time of the clock's. */
#define AT_ONCE 0

static gint64 next_turn(const Ration *ration, gint64 now) {
        return now < ration->broker->others_until ? ration->due - (BURST - 1) * STEADY_USEC : AT_ONCE;
}

static int on_turn(sd_event_source *source, uint64_t usec, void *userdata);

static int set_timer(Ration *ration, gint64 time) {
        int r;

        if (!ration->timer)
                return sd_event_add_time(ration->broker->event, &ration->timer, CLOCK_MONOTONIC, (uint64_t)time, 1,
                                         on_turn, ration);
        r = sd_event_source_set_time(ration->timer, (uint64_t)time);
        return r < 0 ? r : sd_event_source_set_enabled(ration->timer, SD_EVENT_ONESHOT);
}

bool broker_hold(Ration *ration, Watch *watch) {
        gint64 now = g_get_monotonic_time(), turn = next_turn(ration, now);
        bool is_first = g_queue_is_empty(&ration->held);

        if (turn == AT_ONCE || (is_first && (turn <= now || set_timer(ration, turn) < 0)))
                return false;
        broker_unwatch(watch);
        watch->link.data = watch;
        watch->ration = ration;
        g_queue_push_tail_link(&ration->held, &watch->link);
        return true;
}

void broker_release(Watch *watch) {
        Ration *ration = steal_pointer(&watch->ration);

        if (ration)
                g_queue_unlink(&ration->held, &watch->link);
}

static void resume(Watch *watch) {
        broker_release(watch);
        if (watch->kind == WATCH_WAITER || broker_watch(watch, EPOLLIN) >= 0)
                broker_hear(watch);
        else if (watch->kind == WATCH_CHANNEL)
                broker_drop_channel((Channel *)watch);
}

/* Who was held first is heard first, and with that held again. */
static int on_turn(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        Ration *ration = userdata;
        Watch *watch = g_queue_peek_head(&ration->held);
        gint64 now = g_get_monotonic_time();

        if (!watch)
                return 0;
        /* Before it is heard: from then on it may be forgotten, but for that. */
        (void)set_timer(ration, next_turn(ration, now) == AT_ONCE ? AT_ONCE : now + STEADY_USEC);
        resume(watch);
        return 0;
}

void broker_spend(Ration *ration, unsigned requests, Watch *watch) {
        Broker *broker = ration->broker;
        gint64 now = g_get_monotonic_time();

        if (broker->last && broker->last != ration)
                broker->others_until = now + OTHERS_USEC;
        broker->last = ration;
        ration->due = MIN(MAX(ration->due, now) + requests * STEADY_USEC, now + BURST * STEADY_USEC);
        if (watch)
                (void)broker_hold(ration, watch);
}

void broker_heed_others(Broker *broker) {
        broker->others_until = g_get_monotonic_time() + OTHERS_USEC;
}

void broker_ration_clear(Ration *ration) {
        while (!g_queue_is_empty(&ration->held)) {
                Watch *watch = g_queue_peek_head(&ration->held);

                broker_release(watch);
                (void)broker_watch(watch, EPOLLIN);
        }
        ration->timer = sd_event_source_disable_unref(ration->timer);
        if (ration->broker->last == ration)
                ration->broker->last = NULL;
}

static void free_ration(void *ration) {
        broker_ration_clear(ration);
        g_free(ration);
}

GHashTable *broker_rations_new(void) {
        return g_hash_table_new_full(g_int_hash, g_int_equal, NULL, free_ration);
}

static gboolean is_forgotten(gpointer uid _unused_, gpointer value, gpointer now) {
        const Ration *ration = value;

        return ration->due <= *(gint64 *)now && (!ration->timer || sd_event_source_get_enabled(ration->timer, NULL) <= 0);
}

Ration *broker_ration_of(const Party *party) {
        BrokerSide *side = party->side;
        GHashTable *rations = side->broker->rations;
        gint64 now = g_get_monotonic_time();
        Ration *ration;

        if (side->name)
                return &side->ration;
        ration = g_hash_table_lookup(rations, &party->identity.host_uid);
        if (!ration) {
                g_hash_table_foreach_remove(rations, is_forgotten, &now);
                ration = g_new0(Ration, 1);
                *ration = (Ration){ .broker = side->broker, .uid = party->identity.host_uid };
                g_hash_table_insert(rations, &ration->uid, ration);
        }
        return ration;
}
