#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is installed, and what became of it meanwhile: the list and its default,
names and directories that are occupied, distributions that broke or vanished.

How they are installed and uninstalled is in itest-install."""

import os
import subprocess
import tarfile

from lxss_test import (
    Skip, contains, descendants, equal, everywhere, expect, main, mode, modes, read, sentence, tiny_tar, wait_for,
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


# ------------------------------------------------------------------- what is broken


def folder_of(world, name):
    return os.path.join(world.data, "distributions", name)


def damage(world, name, conf):
    """distribution.conf becomes conf, or goes; lxssd reads it once, at its start."""
    world.lxctl("shutdown").good()
    path = os.path.join(folder_of(world, name), "distribution.conf")
    if conf is None:
        os.unlink(path)
    else:
        with open(path, "wb") as file:
            file.write(conf)


def state(world, name):
    return next(d["state"] for d in world.lxctl("--json", "list").json() if d["name"] == name)


@everywhere
def test_a_distribution_with_a_damaged_or_missing_conf_is_broken_until_it_is_repaired(fresh):
    for name in ("fine", "broken"):
        install(fresh, name).good()
    conf = read(os.path.join(folder_of(fresh, "broken"), "distribution.conf"))
    isolated = conf + b"\n[instance]\nisolated=yes\n"
    for number, damaged in enumerate((None, b"", conf[: len(conf) // 2], b"\xff[[[\n" + isolated)):
        damage(fresh, "broken", damaged)
        contains(fresh.lxctl("list").good().out, "broken", what="the list")
        equal(state(fresh, "broken"), "broken", "its state")
        sentence(fresh.lxctl("launch", "-d", "broken", "--", "true"), "lxctl repair broken", "lxctl uninstall broken", code=125)
        equal(fresh.lxctl("launch", "-d", "fine", "--", "cat", "/etc/marker").good().text, "fine")
        said = fresh.lxctl("repair", "broken").good().text
        contains(said, "broken is whole", *(["distribution.conf.damaged"] if number else []), what="what it says")
        equal(fresh.lxctl("launch", "-d", "broken", "--", "cat", "/etc/marker").good().text, "broken")
        fresh.lxctl("shutdown").good()
        equal(fresh.lxctl("launch", "-d", "broken", "--", "cat", "/etc/marker").good().text, "broken")
    contains(read(os.path.join(folder_of(fresh, "broken"), "distribution.conf")), "isolated=yes", "release=Tiny")
    fresh.lxctl("shutdown").good()
    fresh.lxctl("uninstall", "broken").good()
    equal(fresh.installed(), ["fine"])


def default_user(world, name):
    lines = read(os.path.join(folder_of(world, name), "distribution.conf")).splitlines()
    return [line for line in lines if line.startswith(b"default-user=")]


def with_wishes(add, without):
    add("etc", type=tarfile.DIRTYPE)
    add("etc/wsl-distribution.conf", b"[oobe]\ndefaultUid=1234\n", mode=0o644)
    without("etc")
    add("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nmade:x:1234:1234::/:/bin/sh\n", mode=0o644)
    add("etc/group", b"root:x:0:\nmade:x:1234:\n", mode=0o644)


@everywhere
def test_repair_finds_the_default_user_that_an_install_takes(fresh):
    path = os.path.join(fresh.work, "wishes.tar")
    tiny_tar(path, change=with_wishes)
    install(fresh, "usual").good()
    fresh.install(path, "wished").good()
    fresh.lxctl("clone", "usual", "layered").good()
    for name in ("usual", "wished", "layered"):
        before = default_user(fresh, name)
        expect(len(before) == 1, f"the settings of {name} have no default user")
        kept = b"".join(line for line in read(os.path.join(folder_of(fresh, name), "distribution.conf")).splitlines(True) if line.startswith(b"layers="))
        damage(fresh, name, b"rubbish\n[distribution]\n" + kept)
        fresh.lxctl("repair", name).good()
        equal(default_user(fresh, name), before, f"the default user of {name}")
    if mode() != "single":
        equal(default_user(fresh, "wished"), [b"default-user=made"])


@everywhere
def test_repair_of_what_is_whole_or_cannot_be_repaired_changes_nothing(fresh):
    install(fresh, "fine").good()
    before = read(os.path.join(folder_of(fresh, "fine"), "distribution.conf"))
    contains(fresh.lxctl("repair", "fine").good().text, "fine is whole")
    equal(fresh.lxctl("--json", "repair", "fine").json(), {"name": "fine", "aside": ""})
    equal(read(os.path.join(folder_of(fresh, "fine"), "distribution.conf")), before, "distribution.conf")
    for words, needle in (((), "repair"), (("nosuch",), "nosuch"), (("fine", "x"), "x"), (("",), "Which")):
        sentence(fresh.lxctl("repair", *words), needle, code=125)
    equal(os.listdir(folder_of(fresh, "fine")).count("distribution.conf.damaged"), 0)


@everywhere
def test_without_a_root_it_is_broken_and_can_be_uninstalled(fresh):
    install(fresh, "fine").good()
    conf = read(os.path.join(folder_of(fresh, "fine"), "distribution.conf"))
    fresh.lxctl("shutdown").good()
    for name in ("rootless", "a-file", "bad name", "h\u00e9", "nothing"):
        os.mkdir(folder_of(fresh, name), 0o700)
    for name in ("rootless", "a-file", "bad name", "h\u00e9"):
        with open(os.path.join(folder_of(fresh, name), "distribution.conf"), "wb") as file:
            file.write(conf)
    with open(os.path.join(folder_of(fresh, "a-file"), "rootfs"), "w") as file:
        file.write("not a directory")
    with open(folder_of(fresh, "no-folder"), "w") as file:
        file.write("somebody's notes")
    for name in ("rootless", "a-file", "bad name", "h\u00e9", "nothing"):
        equal(state(fresh, name), "broken", f"the state of {name}")
        sentence(fresh.lxctl("launch", "-d", name, "--", "true"), name, "lxctl uninstall", code=125)
        sentence(fresh.lxctl("repair", name), name, code=125)
        equal(fresh.lxctl("launch", "-d", "fine", "--", "cat", "/etc/marker").good().text, "fine")
        fresh.lxctl("uninstall", name).good()
    equal(fresh.installed(), ["fine", "no-folder"])
    wait_for("nothing is staged", lambda: not fresh.staged())


@everywhere
def test_uninstall_removes_a_link_and_not_what_it_leads_to(fresh):
    """Whoever has moved a distribution to another disk put a link in its place."""
    install(fresh, "moved").good()
    install(fresh, "root-moved").good()
    fresh.lxctl("shutdown").good()
    elsewhere = os.path.join(fresh.dir, "data", "elsewhere")
    os.rename(folder_of(fresh, "moved"), elsewhere)
    os.symlink(elsewhere, folder_of(fresh, "moved"))
    owner = os.lstat(elsewhere)
    equal(fresh.lxctl("launch", "-d", "moved", "--", "cat", "/etc/marker").good().text, "moved")
    fresh.lxctl("shutdown").good()
    fresh.lxctl("uninstall", "moved").good()
    equal(fresh.installed(), ["root-moved"])
    equal(read(os.path.join(elsewhere, "rootfs", "etc", "marker")), b"moved\n", "a file of what was elsewhere")
    after = os.lstat(elsewhere)
    equal((after.st_uid, after.st_mode), (owner.st_uid, owner.st_mode), "the folder elsewhere")
    os.symlink(elsewhere, os.path.join(fresh.data, "staging", "planted"))
    fresh.lxctl("shutdown").good()
    fresh.lxctl("list").good()
    wait_for("nothing is staged", lambda: not fresh.staged())
    equal(read(os.path.join(elsewhere, "rootfs", "etc", "marker")), b"moved\n", "a file of what was elsewhere")


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
