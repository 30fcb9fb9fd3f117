#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A directory of the host as the source of a distribution: what is in it arrives,
and belongs to whom it belonged in the distribution that it was made as."""

import os
import signal
import subprocess

from lxss_test import (
    contains, debian_tar, descendants, equal, everywhere, expect, main, modes, processes_saying, program, program_of,
    read, sentence, tiny_tar, wait_for,
)  # fmt: skip
from tree import ODD, listing, same

NUMBERS = "for f in /etc /etc/marker /mine /theirs; do stat -c '%n %u:%g' $f; done"


def unpacked(world, prefix=(), change=None, name="tree"):
    """A directory with a distribution, unpacked by tar(1) as whoever the prefix makes it."""
    path = os.path.join(world.work, name)
    os.mkdir(path)
    subprocess.run([*prefix, "tar", "-C", path, "--numeric-owner", "-xpf", "-"], input=tiny_tar(change=change), check=True)
    return path


def owned_files(add, _):
    add("mine", b"x", uid=0, gid=0)
    add("theirs", b"x", uid=33, gid=34)


def owners(world):
    return world.lxctl("launch", "-d", "copy", "-u", "root", "--", "sh", "-c", NUMBERS).good().text


@everywhere
def test_the_user_s_own_tree_becomes_root_s(fresh):
    path = unpacked(fresh, ["env"] if os.getuid() == 0 else [])
    said = fresh.lxctl("install", path, "--name", "copy").good().text
    contains(said, "copy")
    fresh.distribution = "copy"
    equal(fresh.launch("stat", "-c", "%u:%g", "/etc/marker", options=["-u", "root"]).good().text, "0:0")
    equal(fresh.launch("cat", "/etc/marker").good().text, "tiny")
    expect(os.path.exists(os.path.join(path, "etc/marker")), "the source is gone")
    with open(os.path.join(path, "etc/marker"), "w") as file:
        file.write("changed")
    equal(fresh.launch("cat", "/etc/marker").good().text, "tiny", "a file of the copy after a change of the original")


@modes("rootless")
def test_a_tree_of_a_user_namespace_keeps_its_owners(fresh):
    path = unpacked(fresh, ["unshare", "--map-auto", "--map-root-user", "--setuid", "0", "--setgid", "0"], owned_files)
    equal(os.stat(os.path.join(path, "mine")).st_uid, os.getuid(), "the owner outside")
    try:
        fresh.lxctl("install", path, "--name", "copy").good()
        equal(owners(fresh), "/etc 0:0\n/etc/marker 0:0\n/mine 0:0\n/theirs 33:34")
    finally:
        subprocess.run(["unshare", "--map-auto", "--map-root-user", "rm", "-rf", path], check=True)


@modes("root")
def test_root_s_tree_keeps_its_owners(fresh):
    path = unpacked(fresh, change=owned_files)
    equal(os.stat(os.path.join(path, "theirs")).st_gid, 34, "the group outside")
    fresh.lxctl("install", path, "--name", "copy").good()
    equal(owners(fresh), "/etc 0:0\n/etc/marker 0:0\n/mine 0:0\n/theirs 33:34")


@modes("root")
def test_another_distribution_s_root_keeps_its_owners(fresh):
    fresh.install(debian_tar(), "first").good()
    fresh.lxctl("launch", "-d", "first", "-u", "root", "--", "sh", "-c", ODD).good()
    before = listing(fresh, "first")
    fresh.lxctl("terminate", "first").good()
    fresh.lxctl("install", fresh.rootfs("first"), "--name", "second").good()
    same(listing(fresh, "second"), before, "what came of the directory")


@everywhere
def test_a_directory_is_called_by_its_name(fresh):
    path = unpacked(fresh, name="named")
    fresh.lxctl("install", path + "//").good()
    equal(fresh.installed(), ["named"])
    fresh.lxctl("uninstall", "named").good()
    fresh.lxctl("install", ".", cwd=path).good()
    equal(fresh.installed(), ["named"])


@everywhere
def test_what_is_no_distribution_changes_nothing(fresh):
    path = os.path.join(fresh.work, "empty")
    os.mkdir(path)
    sentence(fresh.lxctl("install", path, "--name", "bad"), "/bin/sh", code=125)
    sentence(fresh.lxctl("install", path, "--name", "bad", "--sha256", "0" * 64), "SHA-256", code=125)
    fresh.lxctl("list").good()
    for above in (fresh.data, os.path.join(fresh.data, "distributions"), os.path.dirname(fresh.data), "/"):
        if above.startswith(fresh.data + "/") and not os.path.exists(above):
            continue
        if above.startswith(fresh.data + "/"):
            continue
        sentence(fresh.lxctl("install", above, "--name", "bad"), fresh.data, code=125)
    equal(fresh.installed(), [])
    wait_for("nothing is staged", lambda: not fresh.staged())


@modes("rootless")
def test_what_the_user_may_not_read_is_said(fresh):
    path = unpacked(fresh)
    secret = os.path.join(path, "etc", "secret")
    with open(secret, "w") as file:
        file.write("x")
    os.chmod(secret, 0)
    sentence(fresh.lxctl("install", path, "--name", "bad"), "etc/secret", "ermission denied", code=125)
    equal(fresh.installed(), [])
    wait_for("nothing is staged", lambda: not fresh.staged())


def held_up(world):
    """An install whose lxss-fetch does not begin: (lxctl, the pid of what waits to become it)."""
    programs = os.path.join(world.work, "programs")
    os.makedirs(programs, exist_ok=True)
    for name in ("lxbus", "lxssd", "lxinit", "lxss-base", "lxss-diagnose", "lxss-worker"):
        if not os.path.exists(os.path.join(programs, name)):
            os.symlink(program(name), os.path.join(programs, name))
    with open(os.path.join(programs, "lxss-fetch"), "w") as file:
        file.write(f"#!/bin/sh\nkill -STOP $$\nexec {program('lxss-fetch')} \"$@\"\n")
        os.fchmod(file.fileno(), 0o755)
    path = os.path.join(world.work, "tree")
    command = world.start(
        "install", path if os.path.exists(path) else unpacked(world), "--name", "half", env={"LXSS_LIBEXEC_DIR": programs}
    )
    wait_for("lxss-worker runs", lambda: workers(world))
    return command, wait_for("lxss-fetch is stopped", stopped)[0]


def stopped():
    return [pid for pid in processes_saying("/programs/lxss-fetch") if b") T" in (read(f"/proc/{pid}/stat") or b"")]


def workers(world):
    return [pid for pid in descendants() if program_of(pid) == "lxss-worker"]


@everywhere
def test_a_signal_ends_both_programs(fresh):
    command, _ = held_up(fresh)
    command.send_signal(signal.SIGINT)
    expect(command.ended() != 0, "lxctl returned 0")
    wait_for("no worker is left", lambda: not stopped() and not workers(fresh))
    wait_for("nothing is staged", lambda: not fresh.staged())
    equal(fresh.installed(), [])


@everywhere
def test_kill_9_of_either_program_fails_the_install(fresh):
    for victims in (lambda: stopped(), lambda: workers(fresh)):
        command, _ = held_up(fresh)
        for pid in victims():
            os.kill(pid, signal.SIGKILL)
        sentence(command.finish(b""), "unexpectedly", code=125)
        wait_for("no worker is left", lambda: not stopped() and not workers(fresh))
        wait_for("nothing is staged", lambda: not fresh.staged())
        equal(fresh.installed(), [])


@everywhere
def test_kill_9_of_lxssd_ends_an_lxss_fetch_that_only_begins_then(fresh):
    command, fetcher = held_up(fresh)
    os.kill(fresh.daemon(), signal.SIGKILL)
    command.ended()
    os.kill(fetcher, signal.SIGCONT)
    wait_for("nothing is left", lambda: not descendants())
    fresh.lxctl("list").good()
    wait_for("nothing is staged", lambda: not fresh.staged())
    equal(fresh.installed(), [])


@everywhere
def test_an_install_that_was_held_up_is_done_in_the_end(fresh):
    command, fetcher = held_up(fresh)
    os.kill(fetcher, signal.SIGCONT)
    command.finish(b"").good()
    equal(fresh.installed(), ["half"])


if __name__ == "__main__":
    main(globals())
