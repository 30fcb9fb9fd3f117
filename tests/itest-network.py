#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""network=private: a network of the instance's own, with a way out and none to the
host's loopback, that begins and ends with the instance."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading

from lxss_test import (
    I_MANAGER, MANAGER, Command, Skip, contains, descendants, equal, everywhere, expect, main, mode, modes, processes_saying, program_of, read, sentence,
    wait_for,
)  # fmt: skip
from tree import small

# connect.pl PROTOCOL ADDRESS PORT [DEVICE]: what the other end says, or "no: REASON".
CONNECT = r"""
use Socket qw(:all);
my ($protocol, $address, $port, $device) = @ARGV;
my ($error, @found) = getaddrinfo($address, $port, {flags => AI_NUMERICHOST, socktype => $protocol eq "tcp" ? SOCK_STREAM : SOCK_DGRAM});
$SIG{ALRM} = sub { print "no: time\n"; exit };
alarm 1;
socket(my $s, $found[0]{family}, $found[0]{socktype}, 0) or die;
if ($device) { setsockopt($s, SOL_SOCKET, 25, "$device\0") or (print("no: device $!\n"), exit); }
connect($s, $found[0]{addr}) or (print("no: $!\n"), exit);
syswrite($s, "who\n");
sysread($s, my $answer, 100) or (print("no: $!\n"), exit);
print "$answer\n";
"""
# ping.pl ADDRESS: as ping(8) does where it needs no rights.
PING = r"""
use Socket;
socket(my $s, AF_INET, SOCK_DGRAM, 1) or (print("no: $!\n"), exit);
alarm 10;
send($s, "\x08\0\0\0\0\0\0\1hello", 0, sockaddr_in(0, inet_aton($ARGV[0]))) or (print("no: $!\n"), exit);
recv($s, my $answer, 100, 0);
print ord($answer) == 0 ? "echo\n" : "no: type\n";
"""
DEVICES = "cat /proc/net/dev | while read name rest; do case $name in *:) echo $name;; esac; done"
OWN = "10.0.2.101"
GATEWAY = "10.0.2.102"
BUSYBOX = "/mnt/host" + (shutil.which("busybox") or "")


TUN = "/dev/net/tun"  # open to everybody where there is udev; run-itests sees to it


def needs_tun():
    if not os.path.exists(TUN) or os.stat(TUN).st_mode & 0o6 != 0o6:
        raise Skip(f"{TUN} is not open to everybody")


def needs_pasta():
    if not shutil.which("pasta"):
        raise Skip("pasta is not installed")
    needs_tun()


def pastas():
    return [p for p in descendants() if (program_of(p) or "").startswith(("pas", "lxss-network"))]


@contextlib.contextmanager
def network(world, value):
    """The world's distribution with this network, and nobody left who has seen another."""
    world.lxctl("config", world.distribution, "network", value).good()
    world.lxctl("shutdown").good()
    try:
        yield
    finally:
        world.lxctl("config", world.distribution, "--unset", "network").good()
        world.lxctl("shutdown").good()
        wait_for("no pasta is left", lambda: not pastas())


def host_address():
    """One of the host's that is not on its loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _, name in socket.if_nameindex():
            try:
                found = fcntl.ioctl(s, 0x8915, struct.pack("256s", name.encode()))[20:24]  # SIOCGIFADDR
            except OSError:
                continue
            if found[0] != 127:
                return socket.inet_ntoa(found)
    raise Skip("the host has no address of IPv4 but that of its loopback")


def host_address6():
    """Likewise of IPv6, where the host has a route for it; None: it has not."""
    routes = [line.split() for line in (read("/proc/net/ipv6_route", "r") or "").splitlines()]
    if not any(r[0] == "0" * 32 and r[1] == "00" and int(r[8], 16) & 0x201 == 1 and r[9] != "lo" for r in routes):
        return None
    for line in (read("/proc/net/if_inet6", "r") or "").splitlines():
        fields = line.split()
        if fields[3] == "00" and fields[5] != "lo":  # of global scope
            return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(fields[0]))
    return None


class Server:
    """Says who it is to everybody who asks, by TCP and by UDP."""

    def __init__(self, address, name):
        self.name = name.encode()
        self.asked = []
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.tcp = socket.create_server((address, 0), family=family)
        self.port = self.tcp.getsockname()[1]
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.bind((address, self.port))
        for work in (self.serve_tcp, self.serve_udp):
            threading.Thread(target=work, daemon=True).start()

    def serve_tcp(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.tcp.accept()
                self.asked.append("tcp")
                with peer:
                    peer.recv(100)
                    peer.sendall(self.name)

    def serve_udp(self):
        with contextlib.suppress(OSError):
            while True:
                _, sender = self.udp.recvfrom(100)
                if not sender:
                    return
                self.asked.append("udp")
                self.udp.sendto(self.name, sender)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in (self.tcp, self.udp):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()


def ask(world, protocol, address, port, *device, options=()):
    return world.launch("perl", "-e", CONNECT, protocol, address, str(port), *device, options=options).good().text


# ------------------------------------------------------------------- what it is


@everywhere
def test_a_private_network_is_the_instances_own(debian):
    needs_pasta()
    inode = os.stat("/proc/self/ns/net").st_ino
    with network(debian, "private"):
        equal(debian.lxctl("config", debian.distribution, "network").good().text, "private")
        debian.client()
        expect(debian.launch("stat", "-L", "-c", "%i", "/proc/self/ns/net").good().text != str(inode), "the network is the host's")
        equal(sorted(debian.launch("sh", "-c", DEVICES).good().text.split()), ["eth0:", "lo:"], "the devices")
        equal(sorted(debian.launch("ls", "/sys/class/net").good().text.split()), ["eth0", "lo"], "the devices in /sys")
        contains(debian.launch("cat", "/proc/net/fib_trie").good().text, OWN, "127.0.0.1")
    equal(debian.launch("stat", "-L", "-c", "%i", "/proc/self/ns/net").good().text, str(inode), "the network by default")


@everywhere
def test_the_hosts_address_is_reached_and_its_loopback_is_not(debian):
    needs_pasta()
    address = host_address()
    with Server(address, "outside") as outside, Server("127.0.0.1", "loopback") as loopback, network(debian, "private"):
        debian.client()
        for protocol in ("tcp", "udp"):
            equal(ask(debian, protocol, address, outside.port), "outside", f"the answer by {protocol}")
            for target in ("127.0.0.1", "127.1.2.3", "0.0.0.0", "::1", "::ffff:127.0.0.1"):
                contains(ask(debian, protocol, target, loopback.port), "no:", what=f"{protocol} to {target}")
            for target in (GATEWAY, OWN, address):
                contains(ask(debian, protocol, target, loopback.port), "no:", what=f"{protocol} to {target}")
            for target in ("127.0.0.1", "0.0.0.0"):
                contains(ask(debian, protocol, target, loopback.port, "eth0"), "no:", what=f"{protocol} to {target} by eth0")
        equal(loopback.asked, [], "who asked on the host's loopback")


@everywhere
def test_ipv6_goes_where_the_host_has_it(debian):
    needs_pasta()
    address = host_address6()
    if not address:
        raise Skip("the host has no route for IPv6")
    with Server(address, "outside") as outside, Server("::1", "loopback") as loopback, network(debian, "private"):
        debian.client()
        for protocol in ("tcp", "udp"):
            equal(ask(debian, protocol, address, outside.port), "outside", f"the answer by {protocol}")
            for words in (("::1",), ("::1", "eth0"), ("fe80::1%eth0",)):
                target, *device = words
                contains(ask(debian, protocol, target, loopback.port, *device), "no:", what=f"{protocol} to {words}")
        equal(loopback.asked, [], "who asked on the host's loopback")


@everywhere
def test_root_inside_cannot_send_past_the_routes(debian):
    """Debian 12's pasta would take a packet to 127.0.0.1 to the host's."""
    needs_pasta()
    with Server("127.0.0.1", "loopback") as loopback, network(debian, "private"):
        debian.client()
        for words in (
            ("ip", "route", "add", "127.0.0.0/8", "via", GATEWAY, "dev", "eth0"), ("ip", "addr", "del", "127.0.0.1/8", "dev", "lo"),
            ("ip", "link", "set", "lo", "down"),
        ):  # fmt: skip
            result = debian.launch(BUSYBOX, *words, options=["-u", "root"])
            expect(result.code != 0, f"{words} succeeded")
            contains(result.said, "not permitted", what=f"what {words} says")
        for path in ("ipv4/conf/all/route_localnet", "ipv4/ip_forward"):
            result = debian.launch("sh", "-c", f"echo 1 >/proc/sys/net/{path}", options=["-u", "root"])
            expect(result.code != 0, f"root inside has written {path}")
        for kind in ("AF_INET, SOCK_RAW, 255", "17, SOCK_RAW, 768"):
            script = f'use Socket; socket(my $s, {kind}) ? print "there\\n" : print "no: $!\\n"'
            contains(debian.launch("perl", "-e", script, options=["-u", "root"]).good().text, "no:", what=f"a socket {kind}")
        contains(ask(debian, "tcp", "127.0.0.1", loopback.port, options=["-u", "root"]), "no:")
        equal(loopback.asked, [], "who asked on the host's loopback")


@everywhere
def test_abstract_sockets_of_the_host_are_not_reached(debian):
    needs_pasta()
    script = r'use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); print connect($s, pack_sockaddr_un($ARGV[0])) ? "there\n" : "no: $!\n"'
    with socket.socket(socket.AF_UNIX) as server:
        name = f"lxss-test-{os.getpid()}"
        server.bind("\0" + name)
        server.listen()
        words = ("perl", "-e", script.replace("$ARGV[0]", '"\\0$ARGV[0]"'), name)
        equal(debian.launch(*words).good().text, "there", "the socket in the host's network")
        with network(debian, "private"):
            contains(debian.launch(*words).good().text, "no:", what="the socket in a private one")


@everywhere
def test_nothing_comes_in_and_every_port_is_free_inside(debian):
    needs_pasta()
    script = r"""use Socket; $| = 1; for my $port (@ARGV) { socket(my $s, AF_INET, SOCK_STREAM, 0);
        bind($s, sockaddr_in($port, INADDR_ANY)) && listen($s, 5) or die "$port: $!"; push @all, $s } print "ready\n"; <STDIN>"""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with network(debian, "private"):
        debian.client("perl", "-e", script, str(port), "80")
        equal(ask(debian, "tcp", "192.0.2.255", port)[:3], "no:", "an address that nobody has")
        for address in ("127.0.0.1", "::1", host_address()):
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
                expect(s.connect_ex((address, port)) != 0, f"what listens inside is reached at {address}")


# ------------------------------------------------------------------------ names


@everywhere
def test_names_are_asked_for_as_on_the_host(debian):
    needs_pasta()
    servers = [line.split()[1] for line in (read("/etc/resolv.conf", "r") or "").splitlines() if line.startswith("nameserver ")]
    with network(debian, "private"):
        text = debian.launch("cat", "/etc/resolv.conf").good().text
    for server in servers:
        local = server.startswith("127.") or server == "::1"
        contains(text, f"nameserver {'169.254.1.1' if local else server}")
        expect(not local or server not in text, f"{server} of the host's loopback is in {text}")
    if not any(server.startswith("127.") or server == "::1" for server in servers):
        equal(text, read("/etc/resolv.conf", "r").strip(), "/etc/resolv.conf")


# A host of one's own: no route anywhere, one address, a resolver and a server on its loopback.
HOST = r"""
import os, socket, subprocess, sys, threading
address, resolv_conf = sys.argv[1:]
for words in (["link", "set", "lo", "up"], ["addr", "add", address + "/32", "dev", "lo"]):
    subprocess.run(["busybox", "ip", *words], check=True)
subprocess.run(["mount", "--bind", resolv_conf, "/etc/resolv.conf"], check=True)
with open("/proc/sys/net/ipv4/ping_group_range", "w") as file:
    file.write("0 2147483647")  # as systemd has it

def say(where, what):
    s = socket.create_server((where, 8000))
    while True:
        peer, _ = s.accept()
        peer.recv(100)
        peer.sendall(what)
        peer.close()

def names(s):
    while True:
        query, sender = s.recvfrom(512)
        end = query.index(b"\0", 12) + 5
        is_a = query[end - 4:end - 2] == b"\0\1"
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton("203.0.113.9") if is_a else b""
        s.sendto(query[:2] + b"\x81\x80\0\1\0" + bytes([is_a]) + b"\0\0\0\0" + query[12:end] + answer, sender)

udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.53", 53))
threading.Thread(target=names, args=(udp,), daemon=True).start()
threading.Thread(target=say, args=("127.0.0.1", b"loopback"), daemon=True).start()
threading.Thread(target=say, args=(address, b"outside"), daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""


@modes("root")
def test_on_a_host_with_no_route_and_names_on_its_loopback(debian):
    needs_pasta()
    address = "198.51.100.7"
    resolv_conf = os.path.join(debian.work, "resolv.conf")
    with open(resolv_conf, "w") as file:
        file.write("search example.org\nnameserver 127.0.0.53\noptions edns0\n")
    host = Command(
        ["unshare", "--net", "--mount", "--propagation", "slave", "/usr/bin/python3", "-c", HOST, address, resolv_conf],
        stdin=subprocess.PIPE, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    host.reads("ready")
    libc = ctypes.CDLL(None, use_errno=True)
    namespaces = [os.open(f"/proc/{host.pid}/ns/{name}", os.O_RDONLY) for name in ("net", "mnt")]

    def enter():
        for fd in namespaces:
            if libc.setns(fd, 0) != 0:
                os._exit(99)

    with network(debian, "private"):
        client = debian.client(preexec_fn=enter)
        equal(debian.launch("cat", "/etc/resolv.conf").good().text, "search example.org\nnameserver 169.254.1.1\noptions edns0")
        found = debian.launch("perl", "-e", 'use Socket; print inet_ntoa(scalar gethostbyname("name.example.org")), "\\n"').good().text
        equal(found, "203.0.113.9", "the address of a name")
        equal(ask(debian, "tcp", address, 8000), "outside", "the answer of the host's address")
        for target in ("127.0.0.1", "169.254.1.1", GATEWAY):
            contains(ask(debian, "tcp", target, 8000), "no:", what=f"tcp to {target}")
        for options in ([], ["-u", "root"]):
            equal(debian.launch("perl", "-e", PING, address, options=options).good().text, "echo", f"what ping says with {options}")
        client.let_go()
    for fd in namespaces:
        os.close(fd)


# --------------------------------------------------------------- how it ends


@everywhere
def test_pasta_ends_with_the_last_client(debian):
    needs_pasta()
    with network(debian, "private"):
        first, second = debian.client(), debian.client()
        equal(len([p for p in pastas() if (program_of(p) or "").startswith("pas")]), 1, "the number of pastas")
        first.let_go()
        expect(pastas(), "pasta went with the first client")
        second.let_go()
        wait_for("no pasta is left", lambda: not pastas())


@everywhere
def test_kill_9_of_lxssd_leaves_no_pasta(debian):
    needs_pasta()
    with network(debian, "private"):
        debian.client()
        expect(pastas(), "there is no pasta")
        os.kill(debian.daemon(), signal.SIGKILL)
        wait_for("no pasta is left", lambda: not pastas())
        debian.launch("true").good()


@everywhere
def test_an_instance_goes_on_without_its_pasta(debian):
    needs_pasta()
    with network(debian, "private"):
        debian.client()
        pasta = next(p for p in pastas() if (program_of(p) or "").startswith("pas"))
        kill_of_another_user(debian, pasta)
        wait_for("no pasta is left", lambda: not pastas())
        if os.path.exists(debian.log):  # and no journal
            wait_for("the log says so", lambda: "no network any more: pasta ended (signal 9)" in read(debian.log, "r"))
        equal(debian.launch("sh", "-c", DEVICES).good().text, "lo:", "the devices afterwards")


def kill_of_another_user(world, pid):
    """Its ids are the instance's: where root is not at hand, lxssd's namespace has the right."""
    if os.getuid() == 0:
        os.kill(pid, signal.SIGKILL)
        return
    leader = world.leader()
    script = (
        "import ctypes, os, sys; libc = ctypes.CDLL(None); fd = os.open(f'/proc/{sys.argv[1]}/ns/user', 0);"
        "parent = __import__('fcntl').ioctl(fd, 0xb701); sys.exit(libc.setns(parent, 0) or os.kill(int(sys.argv[2]), 9) or 0)"
    )
    subprocess.run(["/usr/bin/python3", "-c", script, str(leader), str(pid)], check=True)


# ----------------------------------------------------------- what goes wrong


def with_programs(world, **scripts):
    """An environment whose PATH has these programs, and what lxssd needs beside them."""
    bin = os.path.join(world.work, "bin")
    shutil.rmtree(bin, ignore_errors=True)
    os.mkdir(bin)
    for name in ("newuidmap", "newgidmap", "getsubids", "sleep"):
        if shutil.which(name):
            os.symlink(shutil.which(name), os.path.join(bin, name))
    for name, text in scripts.items():
        with open(os.path.join(bin, name), "w") as file:
            file.write("#!/bin/sh\n" + text)
        os.chmod(file.name, 0o755)
    for folder in (world.work, bin):
        os.chmod(folder, 0o755)  # pasta runs with an id of the instance's
    return {"PATH": bin}


@everywhere
def test_without_pasta_the_package_is_named_and_what_else_to_do(fresh):
    small(fresh)
    fresh.lxctl("config", "tiny", "network", "private").good()
    fresh.lxctl("shutdown").good()
    environment = with_programs(fresh)
    result = fresh.launch("true", env=environment)
    sentence(result, "pasta", "is not installed", "apt-get install passt", "lxctl config tiny network host", "none", code=125)
    expect(fresh.leader() is None, "an instance runs")
    fresh.lxctl("config", "tiny", "network", "none").good()
    fresh.launch("true", env=environment).good()


@everywhere
def test_a_pasta_that_fails_is_told_with_its_reason(fresh):
    needs_tun()
    small(fresh)
    fresh.lxctl("config", "tiny", "network", "private").good()
    for script, needles in (
        ("echo first >&2; echo 'Not today \33[31m' >&2; exit 3", ("exit status 3", "Not today")),
        ("kill -SEGV $$", ("signal 11",)),
        ("exit 0", ("exit status 0",)),
    ):
        fresh.lxctl("shutdown").good()
        result = fresh.launch("true", env=with_programs(fresh, pasta=script))
        sentence(result, "pasta", *needles, "lxctl config tiny network host", code=125)
        expect("\33" not in result.said, "what pasta says reaches the terminal as it is")
        expect(fresh.leader() is None, "an instance runs")
    # The error's name, for programs.
    bus = fresh.awake(with_programs(fresh, pasta="exit 0"))
    bus.fails("ToolFailed", MANAGER, I_MANAGER, "Hold", "s", "tiny")
    bus.close()


@modes("root")
def test_without_tun_the_remedy_is_named(fresh):
    small(fresh)
    fresh.lxctl("config", "tiny", "network", "private").good()
    fresh.lxctl("shutdown").good()
    libc = ctypes.CDLL(None)

    def without_tun():
        """In the mount namespace of lxssd, which this lxctl starts."""
        if libc.unshare(0x20000) or libc.mount(b"none", b"/", None, 0x84000, None):  # CLONE_NEWNS; MS_REC | MS_SLAVE
            os._exit(98)
        if libc.mount(b"none", b"/dev/net", b"tmpfs", 0, None):
            os._exit(99)

    environment = with_programs(fresh, pasta="echo no tun >&2; exit 1")
    result = fresh.launch("true", env=environment, preexec_fn=without_tun)
    sentence(result, TUN, "modprobe tun", "chmod 0666", "lxctl config tiny network host", code=125)
    contains(fresh.lxctl("doctor", preexec_fn=without_tun).out, f"chmod 0666 {TUN}", what="lxctl doctor")


@modes("root")
def test_doctor_says_whether_there_is_pasta(fresh):
    needs_pasta()
    contains(fresh.lxctl("doctor").out, "pasta is there", what="lxctl doctor")
    libc = ctypes.CDLL(None)
    pasta = os.path.realpath("/usr/bin/pasta").encode()

    def without_pasta():
        if libc.unshare(0x20000) or libc.mount(b"none", b"/", None, 0x84000, None):
            os._exit(98)
        if libc.mount(b"/dev/null", pasta, None, 0x1000, None):  # MS_BIND
            os._exit(99)

    contains(fresh.lxctl("doctor", preexec_fn=without_pasta).out, "pasta is not installed", "apt install passt", what="lxctl doctor")


@everywhere
def test_who_does_not_wait_for_the_network_leaves_nothing(fresh):
    small(fresh)
    fresh.lxctl("config", "tiny", "network", "private").good()
    fresh.lxctl("shutdown").good()
    mark = f"sleep 86{os.getpid()}"
    command = fresh.start_launch("true", env=with_programs(fresh, pasta=f"exec {mark}"))
    wait_for("pasta starts", lambda: processes_saying(mark) or command.poll() is not None)
    expect(command.poll() is None, "the launch did not wait")
    command.kill()
    wait_for("nothing of it is left", lambda: not processes_saying(mark) and not pastas())


if __name__ == "__main__":
    main(globals())
