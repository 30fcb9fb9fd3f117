/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who a process on the bus is. All of it comes from the kernel: the socket through which
 * it came says which instance, SO_PEERCRED which process and user. Only for rights to connect,
 * which may be anywhere by now, are processes looked up. */

#include <poll.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "daemon/broker-private.h"
#include "shared/fd-socket.h"
#include "shared/util.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/* What a user is called who has no id there. */
#define OVERFLOW_UID 65534u
/* Deeper is no family tree that we follow. */
#define ANCESTORS_MAX 256

void broker_party_clear(Party *party) {
        closep(&party->pidfd);
}

Party broker_party_copy(const Party *party) {
        Party copy = *party;

        copy.pidfd = party->pidfd < 0 ? -EBADF : fcntl(party->pidfd, F_DUPFD_CLOEXEC, 3);
        return copy;
}

static uint32_t uid_inside(const BrokerSide *side, uid_t uid) {
        if (!side->name)
                return uid;
        for (size_t i = 0; i < side->uids.n_ranges; i++) {
                const IdRange *range = &side->uids.ranges[i];

                if (uid >= range->outside && uid - range->outside < range->count)
                        return range->inside + (uid - range->outside);
        }
        return OVERFLOW_UID;
}

Party broker_party_new(BrokerSide *side, uid_t uid, pid_t pid, int pidfd) {
        Party party = {
                .side = side,
                .identity = { .uid = uid_inside(side, uid), .host_uid = uid, .pid = pid },
                .pidfd = pidfd,
        };

        g_strlcpy(party.identity.instance, side->name ?: "", sizeof(party.identity.instance));
        return party;
}

static int open_process(pid_t pid) {
        return pid > 0 ? pidfd_open(pid, 0) : -EBADF;
}

/* Before Linux 6.5 the process may be another one by now if it ended at once; it is what we can know. */
static int peer_pidfd(int fd, pid_t pid) {
        int pidfd = -EBADF;
        socklen_t size = sizeof(pidfd);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0)
                return pidfd;
        return errno == ENOPROTOOPT ? open_process(pid) : -EBADF;
}

int broker_party_of_socket(BrokerSide *side, int fd, Party *ret) {
        struct ucred credentials;
        socklen_t size = sizeof(credentials);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
                return -errno;
        *ret = broker_party_new(side, credentials.uid, credentials.pid, peer_pidfd(fd, credentials.pid));
        return 0;
}

/* Its parent's process id from /proc/PID/stat, whose second field may hold any bytes; 0: it has none, or is gone. */
static pid_t parent_of(pid_t pid) {
        _cleanup_close_ int fd = -EBADF;
        char path[32], text[512], *end;
        int parent = 0;
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return 0;
        text[n] = 0;
        end = strrchr(text, ')');
        return end && sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static BrokerSide *side_led_by(const Broker *broker, pid_t leader) {
        for (guint i = 0; i < broker->sides->len; i++) {
                BrokerSide *side = broker->sides->pdata[i];

                if (side->name && side->leader == leader)
                        return side;
        }
        return NULL;
}

/* The owner of /proc/PID: the effective user, or root where the process cannot be traced. */
static int owner_of(pid_t pid, uid_t *ret) {
        struct stat st;
        char path[32];

        snprintf(path, sizeof(path), "/proc/%d", (int)pid);
        if (stat(path, &st) < 0)
                return -ESRCH;
        *ret = st.st_uid;
        return 0;
}

static bool is_alive(int pidfd) {
        struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

        return pidfd >= 0 && poll(&poll_fd, 1, 0) == 0;
}

/* Whatever is in an instance descends from its /init, nested namespaces included, and stays
 * so: orphans become children of that or of another descendant. */
int broker_party_of_process(Broker *broker, pid_t pid, Party *ret) {
        _cleanup_close_ int pidfd = open_process(pid);
        BrokerSide *side = NULL;
        pid_t ancestor = pid;
        uid_t uid;
        int r;

        for (unsigned i = 0; !side && ancestor > 1 && i < ANCESTORS_MAX; i++) {
                side = side_led_by(broker, ancestor);
                ancestor = parent_of(ancestor);
        }
        if ((!side && ancestor != 1 && pid != 1) || owner_of(pid, &uid) < 0)
                return -ESRCH;
        if (!is_alive(pidfd)) /* then all of this may have been said of another one */
                return -ESRCH;
        if (!side && (r = broker_get_host(broker, &side)) < 0)
                return r;
        *ret = broker_party_new(side, uid, pid, steal_fd(&pidfd));
        return 0;
}

int broker_load_uids(pid_t leader, IdMap *ret) {
        _cleanup_close_ int fd = -EBADF;
        IdMap map = { 0 };
        char path[32], text[4096]; /* as much as can be written to it (user_namespaces(7)) */
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)leader);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -errno : read_up_to(fd, text, sizeof(text) - 1);
        if (n < 0)
                return (int)n;
        text[n] = 0;
        for (char *state = NULL, *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
                IdRange *range = &map.ranges[map.n_ranges];

                if (map.n_ranges == ID_MAP_MAX ||
                    sscanf(line, "%u %u %u", &range->inside, &range->outside, &range->count) != 3)
                        return -EBADMSG;
                map.n_ranges++;
        }
        *ret = map;
        return 0;
}

static bool has_option(int fd, int option, int wanted) {
        socklen_t size = sizeof(int);
        int value;

        return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

/* What listens has no peer. */
bool broker_is_listener(int fd) {
        return has_option(fd, SO_TYPE, SOCK_SEQPACKET) && has_option(fd, SO_DOMAIN, AF_UNIX) &&
               has_option(fd, SO_ACCEPTCONN, true);
}

/* Were both ends of a pair ours, then neither would ever hang up, whatever becomes of whom it was. What we keep has a
 * name, so that its other end is recognised, whichever way it comes; the ends that a listener made have that one's. */
bool broker_is_end(int fd) {
        struct sockaddr_un peer;
        socklen_t size = sizeof(peer);

        return has_option(fd, SO_TYPE, SOCK_SEQPACKET) && getpeername(fd, (struct sockaddr *)&peer, &size) == 0 &&
               peer.sun_family == AF_UNIX && size == sizeof(peer.sun_family);
}

/* The name is of the kernel's choice (unix(7), "Autobind"), and connects nobody, since it does not listen. One that
 * its owner gave it before stays, and does as well. */
int broker_mark(int fd) {
        static const struct sockaddr_un any = { .sun_family = AF_UNIX };

        return bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) < 0 ? -errno : 0;
}

static int send_reply(int fd, const LxbusReply *reply, const int *fds, size_t n_fds) {
        struct iovec part = { .iov_base = (void *)reply, .iov_len = sizeof(*reply) };

        return fd_socket_send_now(fd, &part, 1, fds, n_fds);
}

/* A pidfd gives more than a name for a process, whose user is the same on the host and in an instance: that the one
 * cannot be had by the other with it (pidfd_getfd(2)) hangs on one check of the kernel's. So the host gets those of
 * all, an instance only its own. */
int broker_tell(int fd, LxbusType type, const BrokerSide *viewer, const Party *party, int first) {
        LxbusReply reply = { .type = type, .identity = party->identity };
        size_t n = 0;
        int fds[2];

        if (first >= 0)
                fds[n++] = first;
        if (viewer->name)
                reply.identity.pid = 0; /* a number of the host's */
        if (party->pidfd >= 0 && (!viewer->name || viewer == party->side))
                fds[n++] = party->pidfd;
        return send_reply(fd, &reply, fds, n);
}

int broker_answer(int fd, int error, int attached) {
        LxbusReply reply = { .type = LXBUS_TYPE_REPLY, .error = error };

        return send_reply(fd, &reply, &attached, attached >= 0);
}
