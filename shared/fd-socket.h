/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Packets with descriptors over Unix sockets (unix(7), SCM_RIGHTS). */

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* As many descriptors as the kernel takes in one packet. */
#define FD_SOCKET_MAX 253

/* Sends one packet. Returns 0 or negative errno: -EAGAIN where a non-blocking
 * socket is full, -EPIPE where the peer is gone (never SIGPIPE). The
 * descriptors stay the caller's. */
int fd_socket_send(int fd, const struct iovec *parts, size_t n_parts, const int *fds, size_t n_fds);

/* Receives one packet of at most `size` bytes. Returns its size; 0 at end of
 * file; -EAGAIN; -EMSGSIZE where the packet was larger or came with more than
 * max_fds descriptors (it is gone then, its descriptors closed); or another
 * negative errno. Received descriptors are close-on-exec and the caller's. */
ssize_t fd_socket_receive(int fd, void *buffer, size_t size, int *fds, size_t max_fds, size_t *ret_n_fds);
