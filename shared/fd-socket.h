/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Packets with descriptors over Unix sockets (unix(7), SCM_RIGHTS). */

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* As many descriptors as the kernel takes in one packet. */
#define FD_SOCKET_MAX 253

/* Closes a descriptor that a stranger sent, without being kept waiting by it. Negative: there is none. */
void fd_socket_discard(int *fd);
#define _cleanup_discard_ _cleanup_(fd_socket_discard)

/* Where descriptors cannot be sent since the processes of this user have as many under way as one may have open
 * (unix(7), ETOOMANYREFS), which passes once they are received: waits for a moment. Whether to try again.
 * error: negative errno of sendmsg(2); *tries: 0 at first. */
bool fd_socket_try_again(int error, unsigned *tries);

/* There, sends a packet, or one byte to a stream, all the same where the hard limit of open files lets us (getrlimit(2)):
 * the soft one, which the kernel counts by, is often 1024. It is of the whole process, whose other threads may
 * open or start something meanwhile, so a child with limits of its own sends it. That nobody sees but who waits
 * for children of all kinds (waitpid(2), __WALL). Never waits. Returns 0 or negative errno, -ETOOMANYREFS where
 * it changes nothing. */
int fd_socket_send_beyond(int fd, const struct msghdr *message);

/* Sends one packet. Returns 0 or negative errno: -EAGAIN where a non-blocking
 * socket is full, -EPIPE where the peer is gone (never SIGPIPE), -ETOOMANYREFS where
 * there are too many under way even for our hard limit, after some two seconds. The descriptors stay the caller's. */
int fd_socket_send(int fd, const struct iovec *parts, size_t n_parts, const int *fds, size_t n_fds);

/* The same without waiting, whatever the socket's flags are: -EAGAIN where it is full, and -ETOOMANYREFS where
 * there are too many for our soft limit. */
int fd_socket_send_now(int fd, const struct iovec *parts, size_t n_parts, const int *fds, size_t n_fds);

/* The same again after that -ETOOMANYREFS, by the hard limit: see fd_socket_send_beyond(). */
int fd_socket_send_now_beyond(int fd, const struct iovec *parts, size_t n_parts, const int *fds, size_t n_fds);

/* The same, unless pid is 0 naming a process too, as SCM_CREDENTIALS: the receiver learns its pid
 * as its own pid namespace knows it, even if the process is gone by then. It must
 * be there, a zombie at least, when the packet is sent: else -ESRCH. For processes
 * other than the sender itself its user namespace must own the pid namespace. */
int fd_socket_send_process(int fd, const struct iovec *parts, size_t n_parts, const int *fds, size_t n_fds, pid_t pid);

/* Receives one packet of at most `size` bytes. Returns its size; 0 at end of
 * file, which an empty packet is, too, its descriptors closed; -EAGAIN; -EMSGSIZE where
 * the packet was larger or came with more than max_fds descriptors, -EMFILE where a
 * descriptor found no place in this process (it is gone then, its descriptors closed); or another
 * negative errno. Received descriptors are close-on-exec and the caller's. */
ssize_t fd_socket_receive(int fd, void *buffer, size_t size, int *fds, size_t max_fds, size_t *ret_n_fds);

/* The same for a socket with SO_PASSCRED: which process the packet names (by default its sender), 0 for none here. */
ssize_t fd_socket_receive_process(int fd, void *buffer, size_t size, int *fds, size_t max_fds, size_t *ret_n_fds,
                                  pid_t *ret_pid);

/* fd_socket_receive() into several parts, one behind the other, with flags of recvmsg(2). */
ssize_t fd_socket_receive_parts(int fd, const struct iovec *parts, size_t n_parts, int flags, int *fds, size_t max_fds,
                                size_t *ret_n_fds);
