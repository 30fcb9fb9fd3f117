/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the parts of the broker share: broker.c has sides and their sockets, broker-server.c
 * servers and connections, broker-ration.c who is heard when, broker-identity.c who is who. */

#include "daemon/broker.h"
#include "daemon/id-map.h"

/* What each user of a side may have so many of, so that one cannot take what is the others'
 * (lxbus(7), "Limits"). */
typedef enum BrokerGoods {
        BROKER_CHANNELS,
        BROKER_SERVERS,
        BROKER_WAITERS,
        BROKER_GOODS_MAX,
} BrokerGoods;

#define BROKER_QUOTA 256
/* And of lxssd's descriptors an instance has no more than one in so many, since its root can be any user
 * of it; all together have half, since launches need some, too. */
#define BROKER_SIDE_PART 8
/* Ports that are open at one server: the kernel counts epoll's watches for each user. */
#define BROKER_PORTS_MAX 65536
/* Ports that are counted for one LIST, or for all properties of one turn; each takes two microseconds, in which nobody else is heard. */
#define BROKER_PORTS_LOOK 1024

/* What is in a side's epoll. */
typedef enum WatchKind {
        WATCH_LISTENER,
        WATCH_CHANNEL,
        WATCH_SERVER,
        WATCH_WAITER,
} WatchKind;

typedef struct Ration Ration;

typedef struct Watch {
        WatchKind kind;
        int fd; /* owned */
        BrokerSide *side;
        Ration *ration; /* by which it is held; NULL: it is not */
        GList link;     /* in that */
} Watch;

/* What an instance has asked lately, or a user of the host: an instance's root can be any of its users. */
struct Ration {
        Broker *broker;
        uid_t uid;              /* of the host; an instance's has none */
        gint64 due;             /* on the clock of g_get_monotonic_time(): broker-ration.c */
        GQueue held;            /* Watch, borrowed, which the side's epoll does not have meanwhile */
        sd_event_source *timer; /* for the next turn; NULL: nothing was ever held */
};

typedef struct Share {
        uid_t uid; /* the host's */
        unsigned count[BROKER_GOODS_MAX];
} Share;

/* Who is at an end, and the descriptor that stands for it; broker_party_clear(). */
typedef struct Party {
        BrokerSide *side;
        LxbusIdentity identity; /* as the host sees it */
        int pidfd;              /* owned; negative: it ended */
} Party;

struct BrokerSide {
        Watch listener; /* fd negative: the host. The first, as in all that is watched */
        Broker *broker;
        char *name;   /* NULL: the host */
        pid_t leader; /* 0: the host */
        BusReach reach;
        IdMap uids;
        int epoll;
        sd_event_source *source;
        Ration ration;        /* of an instance */
        GHashTable *channels; /* Channel, a set */
        GHashTable *servers;  /* Server, a set */
        GHashTable *names;    /* name → Server */
        GHashTable *waiters;  /* Waiter, a set */
        GHashTable *shares;   /* &uid → Share */
        unsigned n_fds;       /* descriptors of ours that all of it takes */
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BrokerSide, broker_side_free)

struct Broker {
        sd_event *event;
        BrokerEvents events;
        void *userdata;
        BrokerSide *host; /* NULL: nobody there was ever on the bus */
        GPtrArray *sides; /* all, in the order in which they began */
        GTree *servers;   /* &id → Server */
        uint64_t last_id;
        int spare;        /* a descriptor to be closed where there are no more */
        unsigned n_fds;   /* of all sides */
        unsigned max_fds; /* of this process */
        GHashTable *rations;   /* &uid → Ration, of users of the host */
        const Ration *last;    /* whose request was the last one; NULL: it is gone */
        gint64 others_until;   /* on the clock of g_get_monotonic_time(): there are two who ask */
        GHashTable *awaited;   /* name → GQueue of Waiter for whom there is no server of that name */
        uint64_t n_waiters;    /* that there ever were */
        uint64_t look_turn;    /* of the loop, in which look_left may still be looked at */
        unsigned look_left;
        gint64 look_after;     /* at a server with more than BROKER_PORTS_LOOK ports; g_get_monotonic_time() */
};

/* A bus socket: of a process, or a right to connect to an unnamed server. */
typedef struct Channel {
        Watch watch;
        Party party;     /* who opened it; whoever has a right to connect is looked up */
        Server *unnamed; /* what it is a right for; NULL: it is a process's */
} Channel;

struct Server {
        Watch watch; /* our end: connections go out, nothing comes in */
        uint64_t id; /* 0: not told of yet */
        Party party;
        LxbusScope scope;
        char *name;         /* NULL: an unnamed one */
        Channel *right;     /* to connect to an unnamed one; NULL: nobody has it any more */
        int ports;          /* an epoll that has each open port: broker-server.c */
        unsigned n_counted; /* ports at most, as long as nobody looks */
        gint64 looked_at;   /* the last time, on the clock of g_get_monotonic_time() */
        gint64 full_until;  /* nobody looks before, on the clock of g_get_monotonic_time() */
        GQueue waiters;     /* Waiter, borrowed, for room; who came first is first */
};

/* broker.c. The host's side is made when it is wanted first: a launch does not pay for what it does not use. */
int broker_get_host(Broker *broker, BrokerSide **ret);
/* broker_watch() changes what is watched already. 0 or negative errno. */
int broker_watch(Watch *watch, uint32_t events);
void broker_unwatch(Watch *watch);
bool broker_has_quota(const BrokerSide *side, const Party *party, BrokerGoods goods);
void broker_charge(BrokerSide *side, const Party *party, BrokerGoods goods, int change);
/* Takes fd and party over; NULL: neither. */
Channel *broker_add_channel(BrokerSide *side, int *fd, Party *party, Server *unnamed);
void broker_drop_channel(Channel *channel);
/* Handles what came in at a listener, channel or waiter. */
void broker_hear(Watch *watch);

/* broker-ration.c: who asks without a pause is not heard for a while if others ask, too. Whether a watch is held
 * now, until its turn comes; broker_release() ends that, and is needed before the watch is freed. */
bool broker_hold(Ration *ration, Watch *watch);
void broker_release(Watch *watch);
/* It gave us as much work as so many requests are, through this watch, which is held for it if need be; NULL: through
 * none that can be. */
void broker_spend(Ration *ration, unsigned requests, Watch *watch);
Ration *broker_ration_of(const Party *party);
void broker_ration_clear(Ration *ration);
GHashTable *broker_rations_new(void);

/* broker-server.c. Of a request they take *end over, to which the answer goes, where they return 0; else they
 * return the errno (negative) that is the answer. */
int broker_register(Channel *channel, const LxbusRequest *request, int *end);
int broker_connect(BrokerSide *side, const Party *client, Server *unnamed, const LxbusRequest *request, int *end);
void broker_on_server(Watch *watch, uint32_t events);
void broker_on_waiter(Watch *watch);
/* Who it is that waits. */
const Party *broker_waiting(const Watch *watch);
void broker_drop_server(Server *server);
/* A right to connect is gone. */
void broker_forget_right(Server *server);
/* All that a side has of both. */
void broker_drop_servers(BrokerSide *side);
/* LxbusEntry, in the order of names, of all; for an instance, of what it may connect to by a name. */
GArray *broker_entries(const Broker *broker, const BrokerSide *viewer);

/* broker-identity.c. */
void broker_party_clear(Party *party);
Party broker_party_copy(const Party *party);
Party broker_party_new(BrokerSide *side, uid_t uid, pid_t pid, int pidfd);
/* Of the process at the other end of a connected socket. 0 or negative errno. */
int broker_party_of_socket(BrokerSide *side, int fd, Party *ret);
/* Of a process that the kernel named, wherever it is; party->side says where. -ESRCH where that cannot be told. */
int broker_party_of_process(Broker *broker, pid_t pid, Party *ret);
int broker_load_uids(pid_t leader, IdMap *ret);
/* Whether a descriptor from a stranger is a SOCK_SEQPACKET Unix socket that listens. */
bool broker_is_listener(int fd);
/* Or one whose other end is a stranger's, too: not one of those that broker_mark() has marked. */
bool broker_is_end(int fd);
/* For every end that is kept. 0 or negative errno. */
int broker_mark(int fd);
/* Sends a REPLY or CONNECTION about this party as the other side may know it, with this descriptor, unless negative,
 * before the party's pidfd. Never blocks. 0 or negative errno. */
int broker_tell(int fd, LxbusType type, const BrokerSide *viewer, const Party *party, int first);
/* Sends a REPLY that says no; or one without more, with this descriptor unless negative. */
int broker_answer(int fd, int error, int attached);
