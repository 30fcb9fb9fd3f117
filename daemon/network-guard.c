/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* See daemon/network-guard.h. A socket that is bound to an interface (SO_BINDTODEVICE,
 * socket(7)) finds no route of the loopback's to 127.0.0.1, and takes the default
 * one. For IPv4 a route that rejects is not enough: where there is no route, the kernel
 * takes what such a socket is bound to for a wire with the other end on it
 * (ip_route_output_key_hash_rcu()), and asks it for its neighbour. So nobody is asked, and the gateway's address is
 * entered by hand. For IPv6 a rule that prohibits is final. */

#include "daemon/network-guard.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "shared/util.h"

/* Any: pasta(1) looks at none. */
#define GATEWAY_MAC                                                                                                   \
        { 0x9a, 0x55, 0x9a, 0x55, 0x9a, 0x55 }

static void set_address(struct sockaddr *address, const char *text) {
        struct sockaddr_in in = { .sin_family = AF_INET };

        (void)inet_pton(AF_INET, text, &in.sin_addr);
        memcpy(address, &in, sizeof(in));
}

static int enter_gateway(int fd, const char *interface, const char *gateway) {
        struct arpreq request = {
                .arp_flags = ATF_PERM | ATF_COM,
                .arp_ha = { .sa_family = ARPHRD_ETHER, .sa_data = GATEWAY_MAC },
        };

        set_address(&request.arp_pa, gateway);
        snprintf(request.arp_dev, sizeof(request.arp_dev), "%s", interface);
        return ioctl(fd, SIOCSARP, &request) < 0 ? -errno : 0;
}

static int reject_loopback(int fd) {
        struct rtentry route = { .rt_flags = RTF_UP | RTF_REJECT };

        set_address(&route.rt_dst, "127.0.0.0");
        set_address(&route.rt_genmask, "255.0.0.0");
        return ioctl(fd, SIOCADDRT, &route) < 0 ? -errno : 0;
}

/* ------------------------------------------------------------- rtnetlink(7) */

typedef struct Message {
        struct nlmsghdr header;
        char body[256];
} Message;

static void *message_begin(Message *message, int type, int flags, size_t size) {
        *message = (Message){ .header = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags } };
        message->header.nlmsg_len = NLMSG_LENGTH(size);
        return NLMSG_DATA(&message->header);
}

static struct rtattr *message_add(Message *message, int type, const void *value, size_t size) {
        struct rtattr *attribute = (struct rtattr *)((char *)message + NLMSG_ALIGN(message->header.nlmsg_len));

        attribute->rta_type = type;
        attribute->rta_len = RTA_LENGTH(size);
        memcpy(RTA_DATA(attribute), value, size);
        message->header.nlmsg_len = NLMSG_ALIGN(message->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
        return attribute;
}

static int message_send(const Message *message) {
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        struct {
                struct nlmsghdr header;
                struct nlmsgerr error;
                char rest[512];
        } answer;

        if (fd < 0 || send(fd, message, message->header.nlmsg_len, 0) < 0)
                return -errno;
        if (recv(fd, &answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)))
                return -EPROTO;
        return answer.header.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EPROTO;
}

static int ask_no_neighbour(uint32_t interface) {
        static const int probes[] = { NDTPA_MCAST_PROBES, NDTPA_UCAST_PROBES, NDTPA_APP_PROBES };
        static const char table[] = "arp_cache";
        static const uint32_t none = 0;
        struct rtattr *parameters;
        Message message;
        struct ndtmsg *m = message_begin(&message, RTM_SETNEIGHTBL, 0, sizeof(*m));

        m->ndtm_family = AF_INET;
        (void)message_add(&message, NDTA_NAME, table, sizeof(table));
        parameters = message_add(&message, NDTA_PARMS | NLA_F_NESTED, "", 0);
        (void)message_add(&message, NDTPA_IFINDEX, &interface, sizeof(interface));
        for (size_t i = 0; i < ELEMENTSOF(probes); i++)
                (void)message_add(&message, probes[i], &none, sizeof(none));
        parameters->rta_len = (char *)&message + message.header.nlmsg_len - (char *)parameters;
        return message_send(&message);
}

/* After the table of local addresses, where ::1 is found by whoever is bound to nothing. */
static int prohibit_loopback6(void) {
        static const uint32_t priority = 1;
        Message message;
        struct fib_rule_hdr *rule = message_begin(&message, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, sizeof(*rule));

        rule->family = AF_INET6;
        rule->dst_len = 128;
        rule->action = FR_ACT_PROHIBIT;
        (void)message_add(&message, FRA_DST, &in6addr_loopback, sizeof(in6addr_loopback));
        (void)message_add(&message, FRA_PRIORITY, &priority, sizeof(priority));
        return message_send(&message);
}

int network_guard(const char *interface, const char *gateway) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        unsigned index = if_nametoindex(interface);
        int r;

        if (fd < 0 || index == 0)
                return -errno;
        if ((r = enter_gateway(fd, interface, gateway)) < 0 || (r = reject_loopback(fd)) < 0)
                return r;
        if ((r = ask_no_neighbour(index)) < 0)
                return r;
        r = prohibit_loopback6();
        return r == -EAFNOSUPPORT || r == -EOPNOTSUPP ? 0 : r; /* no IPv6 here */
}
