#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Descriptors: a program holds the caller's own, and nothing stands in between.

What passes through them is in itest-launch, terminals are in itest-terminal."""

import errno
import fcntl
import hashlib
import os
import random
import socket
import subprocess

from lxss_lxbus import entries, install
from lxss_test import (
    Command, Skip, contains, counts_descriptors, descendants, equal, everywhere, expect, listens, main, modes, program, read, sentence, tiny_tar,
    wait_for,
)  # fmt: skip

BIG = 400 << 20  # bytes; more than any accident of bookkeeping amounts to
LITTLE = 8 << 20


def transferred(pid):
    """What a process has read and written since it began, in bytes, or None
    where that is not ours to see (proc(5), /proc/PID/io)."""
    text = read(f"/proc/{pid}/io", "r")
    found = dict(line.split(": ") for line in text.splitlines()) if text else None
    return found and int(found["rchar"]) + int(found["wchar"])


def same(fd):
    """device:inode, as stat -L -c %d:%i prints it."""
    found = os.fstat(fd)
    return f"{found.st_dev}:{found.st_ino}"


@everywhere
def test_hundreds_of_megabytes_pass_and_nobody_relays_them(debian):
    debian.hold()
    first = Command(["sh", "-c", f"echo ready; read x; head -c {BIG} /dev/zero; read x"], stdin=subprocess.PIPE)
    program = debian.start_launch("cat", stdin=first.stdout)
    program.reads("ready\n")
    watched = {"lxctl": program.pid, "lxssd": debian.daemon(), "/init": debian.leader()}
    before = {name: transferred(pid) for name, pid in watched.items()}
    expect(before["lxctl"] is not None, "lxctl's /proc/PID/io cannot be read")
    first.stdin.write(b"\n")
    first.stdin.flush()
    left = BIG
    while left > 0:
        left -= len(os.read(program.stdout.fileno(), 1 << 20))
    expect(program.poll() is None, "the program ended, and what it transferred counts as its parent's")
    for name, pid in watched.items():
        now = transferred(pid)
        expect(before[name] is None or now - before[name] < LITTLE, f"{name} read and wrote {now} bytes itself")
    first.stdin.write(b"\n")
    first.stdin.close()
    first.stdin = None
    equal(program.ended(), 0, "the exit code")


@everywhere
def test_a_large_file_passes_through_gzip_on_both_sides(debian):
    """WSL's DualPipeRelay: two programs of the instance between two of the host."""
    data = random.Random(7).randbytes(1 << 20) * 64
    packed = os.path.join(debian.work, "packed.gz")
    first = Command(["cat"], stdin=subprocess.PIPE)
    with open(packed, "wb") as target:
        middle = debian.start_launch("gzip", "-1", stdin=first.stdout, stdout=target)
    first.stdout.close()
    first.stdout = None
    first.finish(data).good()
    middle.finish().good()
    last = Command(["gzip", "-dc", packed])
    digest = debian.launch("sha256sum", stdin=last.stdout).good().text.split()[0]
    equal(digest, hashlib.sha256(data).hexdigest(), "the digest of what came back")
    equal(last.ended(), 0, "the exit code of gzip")


@everywhere
def test_a_pipe_at_both_ends_is_the_callers_pipe(debian):
    reading, to_program = os.pipe()
    from_program, writing = os.pipe()
    script = "stat -L -c %d:%i /proc/self/fd/0 /proc/self/fd/1; readlink /proc/self/fd/0; readlink /proc/$$/fd/1"
    wanted = [same(reading), same(writing), f"pipe:[{os.fstat(reading).st_ino}]", f"pipe:[{os.fstat(writing).st_ino}]"]
    command = debian.start_launch("sh", "-c", script, stdin=reading, stdout=writing)
    for fd in (reading, to_program, writing):
        os.close(fd)
    command.finish().good()
    with open(from_program) as stream:
        equal(stream.read().split(), wanted, "device:inode and link of stdin and stdout")


def test_flags_set_by_the_program_are_set_for_the_caller(debian):
    """It is one open file description (open(2)), not a copy of the file."""
    reading, writing = os.pipe()
    script = "use Fcntl; open F, '>&=', 1; fcntl F, F_SETFL, fcntl(F, F_GETFL, 0) | O_NONBLOCK or die $!"
    debian.launch("perl", "-e", script, stdout=writing).good()
    expect(fcntl.fcntl(writing, fcntl.F_GETFL) & os.O_NONBLOCK, "O_NONBLOCK was set for nobody but the program")
    os.close(reading)
    os.close(writing)


def test_stdout_and_stderr_in_one_file_do_not_overwrite_each_other(debian):
    path = os.path.join(debian.work, "both")
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done"
    with open(path, "wb") as file:
        file.write(b"before\n")
        file.flush()
        debian.launch("sh", "-c", script, stdout=file, stderr=file).good()
        os.write(file.fileno(), b"after\n")
    wanted = "before\n" + "".join(f"out {i}\nerr {i}\n" for i in range(1, 10)) + "after\n"
    equal(read(path, "r"), wanted, "the file")


def test_stderr_is_appended_where_the_caller_appends(debian):
    path = os.path.join(debian.work, "appended")
    with open(path, "wb") as file:
        file.write(b"first\n")
    with open(path, "ab") as file:
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        command = debian.client("sh", "-c", "echo ready; read x; echo third >&2", stderr=file)
        with open(path, "ab") as other:
            other.write(b"second\n")
        command.communicate(b"\n")
    equal(read(path), b"first\nsecond\nthird\n", "the file")


def test_output_to_a_full_disk_is_the_programs_to_notice(debian):
    if not os.path.exists("/dev/full"):
        raise Skip("no /dev/full")
    with open("/dev/full", "w") as full:
        result = debian.launch("perl", "-e", '$| = 1; print "x" or exit 0 + $!; exit 0', stdout=full)
    equal(result.code, errno.ENOSPC, f"the error of the write ({result.said})")


def test_a_directory_may_be_stdin(debian):
    folder = os.path.join(debian.work, "folder")
    os.mkdir(folder)
    os.chmod(folder, 0o755)
    open(os.path.join(folder, "a-file-in-it"), "w").close()
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    equal(debian.launch("ls", "/proc/self/fd/0/", stdin=fd).good().text, "a-file-in-it", "the listing")
    os.close(fd)


def test_each_of_the_three_may_be_a_socket_of_its_own(debian):
    pairs = [socket.socketpair() for _ in range(3)]
    command = debian.start_launch(
        "sh", "-c", "read x; echo out $x; echo err $x >&2", stdin=pairs[0][1], stdout=pairs[1][1], stderr=pairs[2][1]
    )
    for _, theirs in pairs:
        theirs.close()
    pairs[0][0].sendall(b"word\n")
    equal(command.ended(), 0, "the exit code")
    equal(pairs[1][0].recv(100), b"out word\n", "what came by stdout")
    equal(pairs[2][0].recv(100), b"err word\n", "what came by stderr")
    for ours, _ in pairs:
        equal(ours.recv(1), b"", "what comes after the end")
        ours.close()


def test_a_listening_socket_passes_as_under_inetd(debian):
    path = os.path.join(debian.work, "listener")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    number = fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD, 60)
    script = "use Socket; open L, '+<&=', shift; accept C, L or die $!; syswrite C, 'hello'"
    command = debian.start_launch("perl", "-e", script, str(number), options=["--fd", str(number)], pass_fds=[number])
    os.close(number)
    listener.close()
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    equal(client.recv(100, socket.MSG_WAITALL), b"hello", "what the program sent")
    client.close()
    command.finish().good()


@everywhere
def test_two_hundred_descriptors_pass_each_at_its_number(debian):
    numbers, options, wanted = range(300, 500), [], []
    for number in numbers:
        memory = os.memfd_create(f"number-{number}")
        os.dup2(memory, number)
        os.close(memory)
        options += ["--fd", str(number)]
        wanted.append(f"{number} /memfd:number-{number}")
    script = 'opendir D, "/proc/self/fd"; print "$_ ", readlink "/proc/self/fd/$_", "\\n" for sort { $a <=> $b } grep { /^\\d/ && $_ > 50 } readdir D'
    result = debian.launch("perl", "-e", script, options=options, pass_fds=numbers).good()
    equal(result.text.replace(" (deleted)", "").splitlines(), wanted, "the descriptors")
    for number in numbers:
        os.close(number)


def test_more_descriptors_than_the_kernel_passes_are_refused(debian):
    numbers = range(300, 600)
    options = []
    for number in numbers:
        os.dup2(1, number)
        options += ["--fd", str(number)]
    sentence(debian.launch("true", options=options, pass_fds=numbers), "too many", "descriptors", code=126)
    for number in numbers:
        os.close(number)


@everywhere
def test_what_a_program_opens_anew_by_its_number_is_the_same_file(debian):
    """/dev/stdin, /dev/stdout and /dev/fd, as shells' scripts and tee use them."""
    path = os.path.join(debian.work, "input")
    with open(path, "w") as file:
        file.write("one\ntwo\n")
    os.chmod(path, 0o644)
    for name in ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"):
        with open(path) as file:
            equal(debian.launch("cat", name, stdin=file).good().out, b"one\ntwo\n", f"what {name} gives")
    links = debian.launch("readlink", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr").good().text.split()
    equal(links, ["/proc/self/fd", *(f"/proc/self/fd/{n}" for n in range(3))], "the links in /dev")
    script = "cat <(echo from a substitution); echo x | tee /dev/stderr 2>&1 >/dev/null | cat /dev/fd/0"
    equal(debian.launch("bash", "-c", script).good().text, "from a substitution\nx", "what bash gives")


@modes("rootless", "single")
def test_the_callers_own_pipe_can_be_opened_anew(debian):
    """Root's pipes are the host's root's, whom no instance has: there the kernel refuses it, as after su(1)."""
    equal(debian.launch("sh", "-c", "cat /dev/stdin >/dev/stdout", input=b"word").good().out, b"word", "stdout")
    equal(debian.launch("sh", "-c", "echo word >/dev/stderr").good().err, b"word\n", "stderr")


CROWD = '''
import os, socket, sys
null, pairs = os.open("/dev/null", os.O_RDWR), []
try:
    while True:
        pairs.append(socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        pairs[-1][0].setblocking(False)
        try:
            while True:
                socket.send_fds(pairs[-1][0], [b"x"], [null] * 100)
        except BlockingIOError:
            pass
except OSError as error:
    print(error.errno, flush=True)
sys.stdin.read()
'''
FEW = ["prlimit", "--nofile=256:256"]  # what others of this user may have under way is not concerned


def crowd(world):
    """A program of this user that has more descriptors under way than FEW (unix(7), ETOOMANYREFS)."""
    words = ["prlimit", "--nofile=400:400", "/usr/bin/python3", "-c", CROWD]
    program = Command(words, env=world.environment(), stdin=subprocess.PIPE)
    program.reads(f"{errno.ETOOMANYREFS}\n")
    return program


def start_with_few(world, with_python=False, limit=FEW):
    """A distribution, and an lxssd that may have few descriptors, as may all in its instances."""
    if with_python:
        install(world, "tiny")
    else:
        tiny_tar(os.path.join(world.work, "tiny.tar"))
        world.install(os.path.join(world.work, "tiny.tar"), "tiny").good()
        world.distribution = "tiny"
    world.lxctl("shutdown")
    wait_for("nothing runs", lambda: not descendants())
    daemon = Command([*limit, program("lxssd")], env=world.environment())
    wait_for("lxssd listens", lambda: listens(world.socket))
    return daemon


def crowd_inside(world):
    """The same as root of an instance, and as high as that may raise its limit."""
    script = 'ulimit -n "$(ulimit -H -n)"; exec "$@"'
    words = ["sh", "-c", script, "sh", os.path.realpath("/usr/bin/python3"), "-I", "-S", "-c", CROWD]
    program = world.start_launch(*words, options=["-u", "root"], stdin=subprocess.PIPE)
    program.reads(f"{errno.ETOOMANYREFS}\n")
    return program


def with_few(world, *words, **options):
    return Command([*FEW, program("lxctl"), *words], env=world.environment(), **options)


def tries_again(pid):
    """Whether a process is in a poll(2) of nothing."""
    return (read(f"/proc/{pid}/syscall", "r") or "").startswith("7 0x0 0x0 ")


@modes("rootless", "single")
@counts_descriptors
def test_while_no_descriptors_can_be_sent_all_that_needs_some_says_so(fresh):
    daemon, target = start_with_few(fresh), os.path.join(fresh.work, "out.tar")
    holder = with_few(fresh, "hold", "tiny")
    wait_for("it runs", fresh.leader)
    other = crowd(fresh)
    for words in (["launch", "--", "true"], ["hold"], ["export", "tiny", target]):
        sentence(with_few(fresh, *words).finish(), "send descriptors to each other faster than they are received", code=125)
    expect(not os.path.exists(target), "the export left a file")
    sentence(with_few(fresh, "bus", "connect", "x").finish(), "sends descriptors faster than they are received", code=125)
    with_few(fresh, "list").finish().good()
    other.kill()
    other.let_go()
    with_few(fresh, "launch", "--", "true").finish().good()
    holder.kill()
    holder.let_go()
    daemon.ended()


@modes("rootless", "single")
@counts_descriptors
def test_without_descriptors_to_send_no_instance_begins(fresh):
    daemon, other = start_with_few(fresh), crowd(fresh)
    sentence(fresh.launch("true"), "send descriptors to each other faster than they are received", code=125)
    other.kill()
    other.let_go()
    with_few(fresh, "launch", "--", "true").finish().good()
    daemon.ended()


@modes("rootless", "single")
@counts_descriptors
def test_a_launch_waits_for_a_moment_until_descriptors_can_be_sent(fresh):
    daemon, other = start_with_few(fresh), crowd(fresh)
    launched = with_few(fresh, "launch", "--", "echo", "here")
    wait_for("it tries again", lambda: tries_again(launched.pid))
    other.kill()
    other.let_go()
    equal(launched.finish().good().text, "here")
    daemon.ended()


@modes("root", "rootless")
@counts_descriptors
def test_init_survives_that_its_user_cannot_send_descriptors(fresh):
    daemon = start_with_few(fresh, with_python=True)
    other, leader = crowd_inside(fresh), fresh.leader()
    equal(fresh.launch("echo", "here").good().text, "here")
    equal(fresh.leader(), leader, "/init")
    other.kill()
    other.let_go()
    daemon.ended()


@modes("rootless", "single")
@counts_descriptors
def test_a_clients_hard_limit_is_the_one_that_counts(fresh):
    """The soft one is often 1024, for the sake of select(2)."""
    limits = ["prlimit", "--nofile=256:4096"]
    daemon, other = start_with_few(fresh, limit=["prlimit", "--nofile=4096"]), crowd(fresh)
    result = Command([*limits, program("lxctl"), "launch", "--", "echo", "here"], env=fresh.environment()).finish()
    equal(result.good().text, "here")
    server = Command([*limits, program("lxctl"), "bus", "listen", "name", "--", "cat"], env=fresh.environment())
    wait_for("it serves", lambda: entries(fresh))
    client = Command([*limits, program("lxctl"), "bus", "connect", "name"], env=fresh.environment(), stdin=subprocess.PIPE)
    equal(client.finish(b"through").good().out, b"through")
    for process in (server, other):
        process.kill()
        process.let_go()
    daemon.ended()


@everywhere
@counts_descriptors
def test_what_an_instance_leaves_unread_keeps_nobody_else_from_lxssd(fresh):
    """Neither the host nor other instances, whose limit is as low as that one's."""
    daemon = start_with_few(fresh, with_python=True, limit=["prlimit", "--nofile=1024:1024"])
    fresh.lxctl("clone", "tiny", "other").good()
    other = crowd_inside(fresh)
    equal(fresh.launch("echo", "here").good().text, "here")
    fresh.distribution = "other"
    server = fresh.start_launch("lxbus", "listen", "name", "--visible=all", "--", "cat", options=["-u", "root"])
    wait_for("it serves", lambda: entries(fresh))
    for words in (["connect", "name"], ["connect", "name", "--wait"]):
        result = fresh.launch("lxbus", *words, options=["-u", "root"], input=b"through")
        equal(result.good().out, b"through", " ".join(words))
    contains(fresh.launch("lxbus", "list", options=["-u", "root"]).good().text, "name")
    equal(fresh.lxctl("bus", "connect", "name", input=b"from the host").good().out, b"from the host")
    for process in (server, other):
        process.kill()
        process.let_go()
    daemon.ended()


if __name__ == "__main__":
    main(globals())
