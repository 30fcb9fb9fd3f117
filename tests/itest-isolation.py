#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an instance sees and does not see, and root file systems that try to
lead its making astray. The threat model is that of SECURITY.md: instance and
archive are hostile, the user's own host processes are not."""

import ctypes
import os
import signal
import stat
import subprocess
import tarfile

from lxss_test import (
    Skip, equal, everywhere, expect, main, mode, modes, program, read, run, sentence, tiny_tar,
)  # fmt: skip

NAMESPACES = ("user", "mnt", "pid", "ipc", "uts", "cgroup")


def status_of(text):
    """/proc/PID/status as a dict."""
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def as_root(world, *argv, **more):
    return world.launch(*argv, options=["-u", "root"], **more)


# ------------------------------------------------------------------------- ids


@everywhere
def test_host_uid_0_is_never_mapped(debian):
    for name in ("uid_map", "gid_map"):
        text = debian.launch("cat", f"/proc/self/{name}").good().text
        expect(text, f"{name} is empty")
        for line in text.splitlines():
            inside, outside, count = map(int, line.split())
            if mode() == "root":
                expect(outside > 0 and count > 1000, f"{name} maps host id 0, or too few ids: {text!r}")
    # The instance of an ordinary user sees its map relative to its parent; the host has the last word.
    debian.client()
    for name in ("uid_map", "gid_map"):
        for line in read(f"/proc/{debian.leader()}/{name}", "r").splitlines():
            expect(int(line.split()[1]) > 0, f"the host's view of {name}: {line}")


@modes("rootless")
def test_instance_uid_1000_is_the_caller_and_the_rest_are_subordinate(debian):
    debian.client()
    found = {}
    for line in read(f"/proc/{debian.leader()}/uid_map", "r").splitlines():
        inside, outside, count = map(int, line.split())
        for i in range(min(count, 5000)):
            found[inside + i] = outside + i
    equal(found.get(1000), os.getuid(), "what 1000 is on the host")
    expect(0 in found and 65534 in found or len(found) > 4000, "too few ids are mapped")
    equal([i for i, o in found.items() if o == os.getuid()], [1000], "the ids that are the caller")


@modes("root")
def test_files_of_the_root_daemons_distribution_belong_to_no_user_of_the_host(debian):
    bad = run("find", debian.rootfs(), "-xdev", "(", "-uid", "-65536", "-o", "-gid", "-65536", ")", "-print").good()
    listing = bad.out.split(b"\n")[:-1]
    if listing:
        # An idmapped root keeps the archive's ids on disk: then nobody else may reach it.
        folder = os.path.dirname(debian.rootfs())
        while folder != debian.dir:
            if os.stat(folder).st_mode & 0o077 == 0:
                return
            folder = os.path.dirname(folder)
        raise AssertionError(f"host ids own {len(listing)} files that anyone can reach, such as {listing[0]!r}")


@modes("single")
def test_without_subordinate_ids_there_is_a_mode_with_one_id(debian):
    debian.client()
    text = read(f"/proc/{debian.leader()}/uid_map", "r").split()
    equal(text[2], "1", "the number of ids")
    equal(int(text[1]), os.getuid(), "the id outside")
    debian.launch("sh", "-c", "echo x >~/file && cat ~/file && rm ~/file").good()


# ------------------------------------------------------------------ namespaces


@everywhere
def test_the_instance_has_its_own_namespaces_and_the_hosts_network(debian):
    for name in NAMESPACES:
        inside = debian.launch("readlink", f"/proc/self/ns/{name}").good().text
        expect(inside != os.readlink(f"/proc/self/ns/{name}"), f"the {name} namespace is the host's")
    equal(debian.launch("readlink", "/proc/self/ns/net").good().text, os.readlink("/proc/self/ns/net"), "the network namespace")


@everywhere
def test_pid_1_is_init_and_nothing_of_the_host_is_seen(debian):
    equal(debian.launch("cat", "/proc/1/cmdline").good().out.rstrip(b"\0"), b"/init", "the command line of PID 1")
    listing = debian.launch("ps", "-eo", "pid=,args=").good().text
    for word in ("lxssd", "python3", "lxctl"):
        expect(word not in listing, f"{word} of the host is seen: {listing}")
    expect(len(listing.splitlines()) <= 6, f"these processes are seen: {listing}")


def test_the_host_name_is_the_instances_own(debian):
    as_root(debian, "hostname", "changed-inside").good()
    expect(os.uname().nodename != "changed-inside", "the host's name was changed")


# ---------------------------------------------------------------- file systems


@everywhere
def test_mnt_host_shows_the_host_without_setuid_and_devices(debian):
    equal(debian.launch("cat", "/mnt/host/etc/hostname").good().out, read("/etc/hostname"), "the host's /etc/hostname")
    mounts = debian.launch("cat", "/proc/self/mountinfo").good().text
    seen = 0
    covered = tuple(f"/mnt/host/{name}" for name in ("proc", "sys", "dev"))
    tops = {line.split()[4]: line for line in mounts.splitlines()}  # the last mount on a point is the one seen
    for line in tops.values():
        fields = line.split()
        if fields[4].startswith(tuple(f"{point}/" for point in covered)):
            continue  # beneath a cover
        if fields[4] == "/mnt/host" or fields[4].startswith("/mnt/host/"):
            seen += 1
            options = fields[5].split(",")
            expect("nosuid" in options and "nodev" in options, f"{fields[4]} is mounted {fields[5]}")
            kind = fields[fields.index("-") + 1]
            expect(kind not in ("proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2"), f"{fields[4]} is a {kind}")
    expect(seen, "/mnt/host is no mount")


@everywhere
def test_mnt_host_has_no_proc_sys_and_dev(debian):
    for name in ("proc", "sys", "dev"):
        result = debian.launch("ls", "-A", f"/mnt/host/{name}")
        equal(result.text, "", f"what is in /mnt/host/{name}")


@everywhere
def test_root_inside_cannot_take_off_what_covers_proc_sys_and_dev(debian):
    script = "for d in proc sys dev; do for o in '' -l -f; do umount $o /mnt/host/$d; done; ls -A /mnt/host/$d; done 2>/dev/null; true"
    equal(as_root(debian, "sh", "-c", script).good().text, "", "what is beneath the covers")


@modes("root")
def test_a_drive_plugged_in_later_shows_up_and_goes_again(debian):
    debian.hold()
    folder = os.path.join(debian.work, "drive")
    os.mkdir(folder)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "drive", folder]).returncode != 0:
        raise Skip("no tmpfs can be mounted")
    try:
        with open(os.path.join(folder, "file"), "w") as file:
            file.write("on the drive")
        shared = any(l.split()[4] == "/" and "shared:" in l for l in read("/proc/self/mountinfo", "r").splitlines())
        if not shared:
            raise Skip("mounts of this machine do not propagate")
        equal(debian.launch("cat", f"/mnt/host{folder}/file").good().text, "on the drive", "the file")
    finally:
        subprocess.run(["umount", folder])
    expect(debian.launch("cat", f"/mnt/host{folder}/file").code != 0, "the drive is still there")


def test_mnt_host_keeps_other_users_rights(debian):
    """Nobody gains by looking through it: root's secrets stay secret, even to
    the instance's root."""
    result = as_root(debian, "cat", "/mnt/host/etc/shadow")
    expect(result.code != 0 and not result.out, "the host's /etc/shadow can be read")
    result = as_root(debian, "sh", "-c", "echo x >/mnt/host/etc/lxss-test-was-here")
    expect(result.code != 0 and not os.path.exists("/etc/lxss-test-was-here"), "root inside can write the host's /etc")


def test_a_setuid_file_made_through_mnt_host_is_nobodys_gain(debian):
    path = os.path.join(debian.work, "suid")
    os.chmod(debian.work, 0o777)
    as_root(debian, "sh", "-c", f"cp /usr/bin/id /mnt/host{path} && chmod 4755 /mnt/host{path}")
    try:
        if os.path.exists(path):
            expect(os.stat(path).st_uid != 0, "it belongs to the host's root")
    finally:
        os.chmod(debian.work, 0o755)


@everywhere
def test_isolated_removes_mnt_host(fresh):
    fresh.distribution = "tiny"
    source = os.path.join(fresh.work, "tiny.tar")
    tiny_tar(source)
    fresh.install(source, "tiny").good()
    fresh.launch("ls", "/mnt/host/etc").good()
    fresh.lxctl("shutdown").good()
    path = os.path.join(fresh.data, "distributions", "tiny", "distribution.conf")
    with open(path, "a") as file:
        file.write("\n[instance]\nisolated=yes\n")
    result = fresh.launch("sh", "-c", "ls -A /mnt/host 2>/dev/null; pwd; cat /proc/self/mountinfo", cwd="/usr").good()
    expect("/mnt/host" not in result.text, f"/mnt/host is still there: {result.text}")


@everywhere
def test_dev_has_what_a_program_needs_and_nothing_else(debian):
    names = set(debian.launch("ls", "-A", "/dev").good().text.split())
    needed = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "fd", "stdin", "stdout", "stderr", "shm"}
    expect(needed <= names, f"/dev lacks {sorted(needed - names)}")
    equal(sorted(names - needed - {"console", "mqueue", "core", "hugepages"}), [], "what else is in /dev")
    debian.launch("sh", "-c", "test -c /dev/null && echo x >/dev/null && head -c 4 /dev/zero >/dev/null").good()
    equal(debian.launch("stat", "-c", "%t:%T", "/dev/null", "/dev/urandom").good().text.split(), ["1:3", "1:9"], "device numbers")


def test_the_mounts_are_a_volfs_and_the_kernels_own(debian):
    text = debian.launch("cat", "/proc/self/mountinfo").good().text
    found = {}
    for line in text.splitlines():
        fields = line.split()
        found[fields[4]] = (fields[fields.index("-") + 1], fields[5].split(","))
    for path, kind in (("/proc", "proc"), ("/sys", "sysfs"), ("/tmp", "tmpfs"), ("/run", "tmpfs"), ("/dev/pts", "devpts")):
        expect(path in found, f"nothing is mounted on {path}")
        equal(found[path][0], kind, f"the file system of {path}")
    for path, (kind, options) in found.items():
        if kind in ("cgroup", "cgroup2") or (kind == "sysfs"):
            continue
        expect(path == "/" or path.startswith("/mnt/host") or "nosuid" in options or path.startswith("/dev"), f"{path} is {options}")
    equal(debian.launch("stat", "-c", "%a", "/", "/tmp", "/run", "/root").good().text.split()[:2], ["755", "1777"], "modes")


def test_nothing_of_sys_and_the_hosts_kernel_settings_can_be_written(debian):
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/vm/swappiness", "/proc/sysrq-trigger"):
        before = read(path)
        result = as_root(debian, "sh", "-c", f"cat {path} >/tmp/x 2>/dev/null; echo w >{path}")
        expect(result.code != 0, f"{path} was written")
        equal(read(path), before, path)
    script = "find /sys -xdev -type f -writable 2>/dev/null | while read f; do (: >>\"$f\") 2>/dev/null && echo $f; done | head -5"
    equal(as_root(debian, "sh", "-c", script).text, "", "files of /sys that root inside may write")


def test_the_hosts_files_are_not_seen_beneath_the_root(debian):
    result = debian.launch("ls", "-A", "/").good()
    for name in (".old", "oldroot", "old", ".pivot"):
        expect(name not in result.text.split(), f"/{name} is left from the making of the instance")
    equal(as_root(debian, "sh", "-c", "readlink -f /proc/1/root; cd /; cd ../../..; pwd").good().text.split(), ["/", "/"], "the root")


# -------------------------------------------------------- the state of programs


@everywhere
def test_a_program_starts_with_default_signals(debian):
    """Whatever lxctl and lxssd were started with."""

    def odd():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD])
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    for more in ({}, {"preexec_fn": odd}):
        found = status_of(debian.launch("cat", "/proc/self/status", **more).good().text)
        for name in ("SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"):
            equal(int(found[name], 16), 0, name)
        debian.quiet()


@everywhere
def test_init_blocks_no_signals(debian):
    found = status_of(as_root(debian, "cat", "/proc/1/status").good().text)
    equal(int(found["SigBlk"], 16), 0, "SigBlk of PID 1")


def test_a_program_has_no_capability_that_it_should_not(debian):
    user = status_of(debian.launch("cat", "/proc/self/status").good().text)
    root = status_of(as_root(debian, "cat", "/proc/self/status").good().text)
    for found in (user, root):
        for name in ("CapInh", "CapAmb"):
            equal(int(found[name], 16), 0, name)
        equal(found["NoNewPrivs"], "0", "NoNewPrivs")
    if user["Uid"].split()[0] != "0":
        for name in ("CapPrm", "CapEff"):
            equal(int(user[name], 16), 0, f"{name} of the default user")


def test_init_offers_nothing_to_those_inside(debian):
    debian.client()
    user = debian.launch("sh", "-c", "ls -l /proc/1/fd /proc/1/exe 2>&1 | grep -c -- '->'").text
    if debian.launch("id", "-u").good().text != "0":
        equal(user, "0", "the links of /proc/1 that an ordinary user inside can read")
    for path in ("/proc/1/exe",):
        result = as_root(debian, "sh", "-c", f"echo x >>{path}")
        expect(result.code != 0, f"{path} could be opened for writing")


@everywhere
def test_init_is_there_for_everyone_to_see_and_for_nobody_to_change(debian):
    result = as_root(debian, "stat", "-c", "%a %F", "/init").good()
    built = stat.S_IMODE(os.stat(program("lxinit")).st_mode)  # 755 where it is installed
    equal(result.text, f"{built:o} regular file", "mode and type of /init")
    equal(built & 0o757, 0o755, "what all but its group may do with /init")
    equal(as_root(debian, "readlink", "/proc/1/exe").good().text, "/init", "what PID 1 executes")
    script = "mount -o remount,bind,rw /init; umount /proc/1/exe; echo x >>/init; echo x >>/proc/1/exe; exec 3<>/init"
    expect(as_root(debian, "sh", "-c", script).code != 0, "/init could be opened for writing")
    mounts = debian.launch("cat", "/proc/self/mountinfo").good().text
    options = [line.split()[5] for line in mounts.splitlines() if line.split()[4] == "/init"]
    expect(options and "ro" in options[0].split(","), f"/init is mounted {options}")


def test_an_init_of_the_distributions_own_is_not_hidden_by_ours(fresh):
    def change(add, without):
        add("init", type=tarfile.SYMTYPE, linkname="/sbin/somebodys-init")

    path = os.path.join(fresh.work, "own.tar")
    tiny_tar(path, change=change)
    fresh.install(path, "own").good()
    fresh.distribution = "own"
    result = fresh.launch("sh", "-c", "cat /proc/1/comm; test -h /init && echo link").good()
    equal(result.text, "init\nlink", "PID 1 and /init")


def test_lxinit_cannot_be_overwritten_from_inside(debian):
    before = read(program("lxinit"))
    debian.client()
    script = "for p in /proc/[0-9]*; do for f in $p/exe $p/root/init $p/fd/*; do (echo x >>$f) 2>/dev/null; done; done; (echo x >/init); true"
    as_root(debian, "sh", "-c", script)
    equal(read(program("lxinit")), before, "lxinit on the host")
    debian.launch("true").good()


def test_the_hosts_keyring_is_not_seen(debian):
    """The session keyring inside is another than this process's (keyctl(2), KEYCTL_GET_KEYRING_ID)."""
    number, session = 250, -3
    mine = ctypes.CDLL(None).syscall(number, 0, session, 0)
    inside = int(debian.launch("perl", "-e", f"print syscall({number}, 0, {session}, 0)").good().text)
    expect(inside > 0 and inside != mine, f"the session keyring inside is {inside}, the host's {mine}")


def test_another_instance_is_not_seen(fresh):
    source = os.path.join(fresh.work, "tiny.tar")
    tiny_tar(source)
    for name in ("one", "two"):
        fresh.install(source, name).good()
    fresh.distribution = "one"
    fresh.client()
    one = fresh.leader()
    fresh.distribution = "two"
    fresh.client()
    two = fresh.leader()
    expect(one and two and one != two, f"the leaders are {one} and {two}")
    for name in NAMESPACES:
        expect(os.readlink(f"/proc/{one}/ns/{name}") != os.readlink(f"/proc/{two}/ns/{name}"), f"they share the {name} namespace")


# -------------------------------------------------------- hostile root file systems


PLACES = ("dev", "proc", "mnt", "run", "sys", "tmp", "etc", "root", "home", "init")


def hostile(world, canary, kind, place):
    """Installs a distribution whose `place` is something else than a
    directory, and launches in it. What comes of it is either a working
    instance or a sentence."""
    up = "../" * 30 + canary.lstrip("/")
    member = {
        "absolute": (tarfile.SYMTYPE, canary),
        "relative": (tarfile.SYMTYPE, up),
        "dangling": (tarfile.SYMTYPE, "/no/where"),
        "loop": (tarfile.SYMTYPE, place),
        "magic": (tarfile.SYMTYPE, "/proc/self/root" + canary),
        "fifo": (tarfile.FIFOTYPE, ""),
        "file": (tarfile.REGTYPE, ""),
    }[kind]

    def change(add, without):
        if place == "etc":
            without("etc")
        add(place, b"" if member[0] == tarfile.REGTYPE else None, type=member[0], linkname=member[1])

    path = os.path.join(world.work, "hostile.tar")
    tiny_tar(path, change=change)
    name = f"{kind}-{place}"
    result = world.install(path, name)
    expect(result.code in (0, 125), f"{name}: install ended with {result.code}: {result.said}")
    if result.code == 125:
        sentence(result)
        return
    for user in ("root", None):
        options = ["-u", user] if user else []
        result = world.lxctl("launch", "-d", name, *options, "--", "sh", "-c", "echo touched >/tmp/new; exit 0", seconds=60)
        expect(result.code in (0, 125, 126, 127), f"{name}: launch ended with {result.code}: {result.said}")
        if result.code != 0:
            sentence(result)
    world.quiet(with_daemon=False)
    world.lxctl("uninstall", name).good()


def attack(world, kind):
    canary = os.path.join(world.work, "canary")
    os.mkdir(canary)
    os.chmod(canary, 0o777)
    with open(os.path.join(canary, "file"), "w") as file:
        file.write("untouched")
    before = (os.stat(canary).st_mode, os.stat(canary).st_uid, os.stat(canary).st_mtime_ns)
    for place in PLACES:
        hostile(world, canary, kind, place)
        equal(os.listdir(canary), ["file"], f"{kind} as /{place}: what is in the canary directory")
        equal(read(os.path.join(canary, "file")), b"untouched", f"{kind} as /{place}: the canary")
        after = (os.stat(canary).st_mode, os.stat(canary).st_uid, os.stat(canary).st_mtime_ns)
        equal(after, before, f"{kind} as /{place}: mode, owner and time of the canary directory")
        expect(canary not in read("/proc/self/mountinfo", "r"), f"{kind} as /{place}: something is mounted on the canary")


@everywhere
def test_absolute_links_in_the_root_file_system_lead_nowhere(fresh):
    attack(fresh, "absolute")


def test_relative_links_in_the_root_file_system_lead_nowhere(fresh):
    attack(fresh, "relative")


def test_magic_links_in_the_root_file_system_lead_nowhere(fresh):
    attack(fresh, "magic")


def test_dangling_links_in_the_root_file_system_are_no_harm(fresh):
    attack(fresh, "dangling")


def test_looping_links_in_the_root_file_system_are_no_harm(fresh):
    attack(fresh, "loop")


def test_fifos_in_the_root_file_system_block_nothing(fresh):
    attack(fresh, "fifo")


def test_files_in_place_of_directories_are_no_harm(fresh):
    attack(fresh, "file")


def test_a_passwd_that_is_no_file_blocks_nothing(fresh):
    """A07: a FIFO, a link outwards, a huge sparse file, and one that lies."""

    def install(name, change):
        path = os.path.join(fresh.work, f"{name}.tar")
        tiny_tar(path, change=change)
        result = fresh.install(path, name)
        if result.code == 0:
            result = fresh.lxctl("launch", "-d", name, "-u", "root", "--", "true", seconds=30)
        expect(result.code in (0, 125), f"{name}: it ended with {result.code}: {result.said}")
        fresh.lxctl("list", seconds=10).good()

    def etc(add, without, **passwd):
        without("etc")
        add("etc", type=tarfile.DIRTYPE)
        data = passwd.pop("data", None)
        add("etc/passwd", data, **passwd)

    install("fifo", lambda add, without: etc(add, without, type=tarfile.FIFOTYPE))
    install("link", lambda add, without: etc(add, without, type=tarfile.SYMTYPE, linkname="../" * 30 + "etc/passwd"))
    install("folder", lambda add, without: etc(add, without, type=tarfile.DIRTYPE))
    install("loop", lambda add, without: etc(add, without, type=tarfile.SYMTYPE, linkname="passwd"))
    install("rubbish", lambda add, without: etc(add, without, data=b"::::\0\n" * 1000 + b"root:x:99999999999:0"))
    install("long", lambda add, without: etc(add, without, data=b"root:x:0:0:" + b"x" * 3000000 + b":/root:/bin/sh\n"))
    install("empty", lambda add, without: etc(add, without, data=b""))


def test_names_with_escape_sequences_do_not_reach_the_terminal(debian):
    debian.hold()
    evil = b"evil\x1b[31mred\x07\n\xff"
    debian.client("sh", "-c", "echo ready; exec sleep 1000", b"\x1b]0;title\x07\x1b[2J")
    for words in (["ps"], ["list", "-v"], ["status"]):
        result = debian.lxctl(*words).good()
        expect(b"\x1b" not in result.out + result.err and b"\x07" not in result.out, f"{words} prints {result.out!r}")
    for words in (["launch", "-d", evil, "--", "true"], ["launch", "-d", "debian", "--", evil], ["uninstall", evil]):
        result = debian.lxctl(*words)
        expect(result.code != 0 and b"\x1b" not in result.err and b"\x07" not in result.err, f"{words} says {result.err!r}")


def test_a_malicious_os_release_does_not_reach_the_terminal(fresh):
    def change(add, without):
        without("etc")
        add("etc", type=tarfile.DIRTYPE)
        add("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        add("etc/os-release", b'PRETTY_NAME="\x1b[2Jowned\x07\xff"\nID="\x1b]0;x\x07"\n')

    path = os.path.join(fresh.work, "evil.tar")
    tiny_tar(path, change=change)
    fresh.install(path, "evil").good()
    for words in (["list", "-v"], ["status"], ["--json", "list"]):
        result = fresh.lxctl(*words).good()
        expect(b"\x1b" not in result.out and b"\x07" not in result.out, f"{words} prints {result.out!r}")


def test_settings_inside_the_image_gain_nothing(fresh):
    """A06: what the image says may only reduce its rights."""

    def change(add, without):
        add("etc", type=tarfile.DIRTYPE)
        text = b"[instance]\nhome=host\nnetwork=host\nmounts=/etc:/stolen\nisolated=no\n[boot]\ncommand=touch /run/booted\n[user]\ndefault=root\n"
        for name in ("etc/lxss.conf", "etc/distribution.conf", "distribution.conf", "etc/wsl.conf"):
            add(name, text)

    path = os.path.join(fresh.work, "greedy.tar")
    tiny_tar(path, change=change)
    fresh.install(path, "greedy").good()
    text = fresh.lxctl("launch", "-d", "greedy", "-u", "root", "--", "sh", "-c", "ls /; cat /proc/self/mountinfo").good().text
    expect("stolen" not in text, "the image mounted something of the host")


if __name__ == "__main__":
    main(globals())
