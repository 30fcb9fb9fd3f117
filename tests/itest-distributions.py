#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is installed, and what became of it meanwhile: the list and its default,
names and directories that are occupied, distributions that broke or vanished.

How they are installed and uninstalled is in itest-install."""

import os
import subprocess
import tarfile

from lxss_test import (
    Skip, contains, descendants, equal, everywhere, expect, main, modes, read, sentence, tiny_tar, wait_for,
)  # fmt: skip


def install(world, name, marker=None, *options):
    path = os.path.join(world.work, f"{name}.tar")
    tiny_tar(path, marker=marker or name)
    return world.install(path, name, *options)


def default_of(world):
    """The default distribution, and that everyone agrees on it: list, JSON, launch."""
    names = [d["name"] for d in world.lxctl("--json", "list").json() if d["default"]]
    expect(len(names) <= 1, f"these are the default: {names}")
    starred = [l[2:].split()[0] for l in world.lxctl("list").good().text.splitlines() if l.startswith("* ")]
    equal(starred, names, "what the list stars")
    starred = [l[2:].split()[0] for l in world.lxctl("list", "-v").good().text.splitlines() if l.startswith("* ")]
    equal(starred, names, "what the long list stars")
    result = world.lxctl("launch", "--", "cat", "/etc/marker")
    if not names:
        expect(result.code != 0, "a distribution was launched although none is the default")
        return None
    equal(result.good().text, names[0], "what was launched without a name")
    return names[0]


# ------------------------------------------------------------------ the default


@everywhere
def test_the_default_is_starred_and_launched_and_follows_what_is_done(fresh):
    """WSL's DefaultDistro."""
    equal(default_of(fresh), None, "the default of nothing")
    for name in ("one", "two"):
        install(fresh, name).good()
        equal(default_of(fresh), "one", f"the default after the install of {name}")
    fresh.lxctl("set-default", "two").good()
    equal(default_of(fresh), "two", "the default after set-default")
    contains(fresh.lxctl("status").good().out, "two", what="lxctl status")
    fresh.lxctl("uninstall", "two", "--terminate").good()
    equal(default_of(fresh), "one", "the default after its uninstall")
    fresh.lxctl("uninstall", "one", "--terminate").good()
    equal(default_of(fresh), None, "the default of nothing")


@everywhere
def test_a_default_that_is_gone_does_not_stop_an_install_which_becomes_the_default(fresh):
    """WSL's InstallWithBrokenDefault."""
    fresh.configure("default-distribution=ghost\n")
    sentence(fresh.lxctl("launch", "--", "true"), code=125)
    install(fresh, "one").good()
    equal(default_of(fresh), "one", "the default")
    install(fresh, "two").good()
    equal(default_of(fresh), "one", "the default")
    install(fresh, "ghost").good()
    equal(default_of(fresh), "ghost", "the default once what was chosen is there")


def test_a_default_that_broke_gives_way_to_one_that_works(fresh):
    for name in ("one", "two", "three"):
        install(fresh, name).good()
    fresh.lxctl("set-default", "one").good()
    fresh.lxctl("shutdown").good()
    with open(os.path.join(fresh.data, "distributions", "one", "distribution.conf"), "wb") as file:
        file.write(b"\0[[[")
    equal(default_of(fresh), "two", "the default")
    install(fresh, "four").good()
    equal(default_of(fresh), "two", "the default")
    sentence(fresh.lxctl("launch", "-d", "one", "--", "true"), "one", "lxctl uninstall one", code=125)
    sentence(fresh.lxctl("set-default", "one"), "one", code=125)


# ----------------------------------------------------------- names and directories


@everywhere
def test_a_directory_that_is_occupied_is_left_as_it_is(fresh):
    """WSL's ImportDistro: an occupied path, an existing root; nothing is deleted."""
    folder = os.path.join(fresh.data, "distributions", "taken")
    os.makedirs(os.path.join(folder, "rootfs"), mode=0o700)
    for path in ("precious", "rootfs/precious"):
        with open(os.path.join(folder, path), "w") as file:
            file.write("years of work")
    for _ in range(2):
        sentence(install(fresh, "taken"), "taken", code=125)
        wait_for("nothing is staged", lambda: not fresh.staged())
        for path in ("precious", "rootfs/precious"):
            equal(read(os.path.join(folder, path)), b"years of work", path)
    install(fresh, "free").good()


def test_a_directory_that_was_occupied_behind_lxssds_back_is_left_as_it_is(fresh):
    fresh.awake()
    folder = os.path.join(fresh.data, "distributions", "taken")
    os.makedirs(folder, mode=0o700)
    with open(os.path.join(folder, "precious"), "w") as file:
        file.write("years of work")
    sentence(install(fresh, "taken"), "taken", code=125)
    equal(read(os.path.join(folder, "precious")), b"years of work", "the file")
    wait_for("nothing is staged", lambda: not fresh.staged())


def test_names_that_differ_by_case_are_one_name(fresh):
    install(fresh, "Alpine").good()
    sentence(install(fresh, "aLPINE"), "Alpine", code=125)
    equal(fresh.installed(), ["Alpine"])
    result = fresh.lxctl("launch", "-d", "alpine", "--", "true")
    sentence(result, '"alpine"', '"Alpine"', code=125)


# --------------------------------------------------------------- what went missing


@everywhere
def test_what_vanished_while_lxssd_ran_can_be_uninstalled(fresh):
    """WSL's BrokenDistroUnregister."""
    for name in ("fine", "vanished"):
        install(fresh, name).good()
    bus = fresh.awake()  # so that lxssd stays and knows it
    folder = os.path.join(fresh.data, "distributions", "vanished")
    os.rename(folder, os.path.join(fresh.work, "elsewhere"))
    result = fresh.lxctl("launch", "-d", "vanished", "--", "true")
    sentence(result, "vanished", code=125)
    fresh.lxctl("uninstall", "vanished").good()
    equal(fresh.lxctl("list", "-q").good().text, "fine", "the list")
    bus.close()
    equal(default_of(fresh), "fine", "the default")
    install(fresh, "vanished").good()
    equal(sorted(fresh.lxctl("list", "-q").good().text.split()), ["fine", "vanished"], "the list")


@everywhere
def test_what_was_interrupted_between_staging_and_its_place_is_removed_at_the_next_start(fresh):
    """As kill -9 leaves it just before the rename of an install, or just after that of an uninstall."""
    install(fresh, "one").good()
    fresh.lxctl("shutdown").good()
    wait_for("lxssd is gone", lambda: not descendants())
    os.rename(os.path.join(fresh.data, "distributions", "one"), os.path.join(fresh.data, "staging", "AbCdEf"))
    fresh.lxctl("list").good()
    wait_for("nothing is staged", lambda: not fresh.staged())
    equal(fresh.installed(), [])


def test_an_archive_of_nothing_but_directories_is_no_distribution(fresh):
    """WSL's BrokenDistroImport."""
    path = os.path.join(fresh.work, "hollow.tar")
    with tarfile.open(path, "w") as archive:
        for name in ("bin", "etc", "usr", "proc"):
            member = tarfile.TarInfo(name)
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
    sentence(fresh.install(path, "hollow"), "/bin/sh", code=125)
    equal(fresh.installed(), [])
    wait_for("nothing is staged", lambda: not fresh.staged())


# ------------------------------------------------------------------ surplus words


@everywhere
def test_uninstall_with_a_word_too_many_removes_nothing(fresh):
    """WSL's UninstallRejectsArguments."""
    for name in ("one", "two"):
        install(fresh, name).good()
    for words in (["one", "two"], ["one", "everything"], ["--terminate", "one", "two"], ["one", "--nosuch"], [], [""]):
        result = fresh.lxctl("uninstall", *words)
        equal(result.code, 125, f"the exit code of uninstall {words} ({result.said})")
    equal(fresh.installed(), ["one", "two"])
    for verb in (["shutdown", "one"], ["set-default", "one", "two"], ["terminate", "one", "two"], ["list", "one"], ["status", "x"]):
        sentence(fresh.lxctl(*verb), verb[-1], code=125)


# ------------------------------------------------------- two distributions at once


@everywhere
def test_the_end_of_one_instance_leaves_the_others_mounts_alone(fresh):
    """WSL's SharedMountSurvivesDistroTermination."""
    shared = os.path.join(fresh.work, "shared")
    with open(shared, "w") as file:
        file.write("on the host")
    os.chmod(shared, 0o644)
    for name in ("one", "two"):
        install(fresh, name).good()
    host = read("/proc/self/mountinfo")
    fresh.distribution = "two"
    fresh.client()
    before = fresh.launch("cat", "/proc/self/mountinfo").good().text
    fresh.distribution = "one"
    fresh.client()
    root = ["-u", "root"]
    fresh.launch("sh", "-c", "echo x >/tmp/one; echo x >/dev/shm/one", options=root).good()
    fresh.lxctl("terminate", "one").good()
    fresh.distribution = "two"
    equal(fresh.launch("cat", "/proc/self/mountinfo").good().text, before, "the mounts of the other instance")
    equal(fresh.launch("cat", f"/mnt/host{shared}").good().text, "on the host", "a file of the host seen by the other instance")
    equal(fresh.launch("sh", "-c", "ls -A /tmp/one /dev/shm/one 2>/dev/null", options=root).text, "", "what it has of the first one's")
    equal(read("/proc/self/mountinfo"), host, "the mounts of the host")


@modes("root")
def test_a_mount_of_the_host_survives_the_instances_that_see_it(fresh):
    for name in ("one", "two"):
        install(fresh, name).good()
    folder = os.path.join(fresh.work, "drive")
    os.mkdir(folder)
    fresh.quiet()  # where mounts do not propagate, only an lxssd that starts later sees it
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "drive", folder]).returncode != 0:
        raise Skip("no tmpfs can be mounted")
    try:
        with open(os.path.join(folder, "file"), "w") as file:
            file.write("on the drive")
        for name in ("one", "two"):
            fresh.distribution = name
            fresh.client()
            equal(fresh.launch("cat", f"/mnt/host{folder}/file").good().text, "on the drive", f"the file seen by {name}")
        fresh.distribution = "one"
        fresh.launch("sh", "-c", f"umount -l /mnt/host{folder} /mnt/host", options=["-u", "root"])
        fresh.lxctl("terminate", "one").good()
        equal(read(os.path.join(folder, "file")), b"on the drive", "the file on the host")
        fresh.distribution = "two"
        equal(fresh.launch("cat", f"/mnt/host{folder}/file").good().text, "on the drive", "the file seen by the other")
        fresh.lxctl("shutdown").good()
        wait_for("lxssd is gone", lambda: not descendants())
        equal(read(os.path.join(folder, "file")), b"on the drive", "the file on the host")
    finally:
        subprocess.run(["umount", folder])


if __name__ == "__main__":
    main(globals())
