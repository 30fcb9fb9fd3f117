#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Uninstalling: whatever somebody has put into a distribution, all of it goes, and
nothing that is outside. What interrupts it is in itest-faults.

With LXSS_TEST_SWEEP=1 (make check-faults) there are a million files instead of a
hundred thousand."""

import os
import subprocess
import tarfile

from lxss_test import Skip, equal, everywhere, expect, lengthy, main, mode, modes, read, run, sentence, tiny_tar, wait_for
from tree import snapshot

MANY = 1000000 if os.environ.get("LXSS_TEST_SWEEP") else 100000


def install(world, name="it", change=None):
    path = os.path.join(world.work, "source.tar")
    tiny_tar(path, change=change)
    world.install(path, name).good()
    world.distribution = name


def canary(world):
    """A tree outside that anyone may write to, and what is in it."""
    folder = os.path.join(world.dir, "data", "canary")
    os.makedirs(os.path.join(folder, "below"))
    for name in ("file", "below/file"):
        with open(os.path.join(folder, name), "w") as file:
            file.write("untouched")
        os.chmod(os.path.join(folder, name), 0o666)
    for name in ("", "below"):
        os.chmod(os.path.join(folder, name), 0o777)
    return folder, snapshot(folder)


def own_folder(world):
    """A directory in the root file system that is the caller's on the host too."""
    home = "/root" if mode() != "rootless" else world.launch("sh", "-c", "echo $HOME").good().text
    world.quiet(with_daemon=False)
    return world.rootfs() + home


def gone(world, *others):
    equal(world.installed(), sorted(others), "what is installed")
    wait_for("nothing is staged", lambda: not world.staged())


def make_levels(top, count):
    here = os.open(top, os.O_RDONLY)
    for _ in range(count):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


@everywhere
def test_ten_thousand_levels_go(fresh):
    install(fresh)
    make_levels(own_folder(fresh), 10000)
    fresh.lxctl("uninstall", "it").good()
    gone(fresh)


@lengthy
@modes("rootless")
def test_very_many_files_go(fresh):
    install(fresh)
    top = own_folder(fresh)
    for number in range(MANY // 20000):
        folder = os.path.join(top, f"folder{number}")
        os.mkdir(folder)
        here = os.open(folder, os.O_RDONLY)
        for name in range(20000):
            os.close(os.open(f"a file with a name that is not short, {name}", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=here))
        os.close(here)
    fresh.lxctl("uninstall", "it", seconds=1200).good()
    gone(fresh)


@everywhere
def test_whatever_belongs_to_whomever_and_may_not_be_written_goes(fresh):
    def change(add, without):
        for owner in (0, 1, 33, 1000, 1001, 65534):
            for bits in (0o000, 0o111, 0o555, 0o777, 0o1777, 0o2555):
                folder = f"owned/{owner}-{bits:o}"
                add(folder, type=tarfile.DIRTYPE, mode=bits, uid=owner, gid=owner)
                for name in ("file", "dir/file"):
                    add(f"{folder}/{name}", b"x", mode=0, uid=(owner + 1) % 65535, gid=owner)
                add(f"{folder}/pipe", type=tarfile.FIFOTYPE, mode=0)

    install(fresh, change=change)
    fresh.lxctl("uninstall", "it").good()
    gone(fresh)


@everywhere
def test_links_that_lead_out_are_removed_and_nothing_that_they_lead_to(fresh):
    folder, before = canary(fresh)

    def change(add, without):
        for number, target in enumerate((folder, folder + "/file", "../" * 40 + folder.lstrip("/"), "/", "/proc/1/root", "..", ".")):
            add(f"links/{number}", type=tarfile.SYMTYPE, linkname=target)

    install(fresh, change=change)
    install(fresh, "other")
    whole = snapshot(fresh.rootfs("other"))
    fresh.lxctl("uninstall", "it").good()
    gone(fresh, "other")
    equal(snapshot(folder), before, "the canary")
    equal(snapshot(fresh.rootfs("other")), whole, "the other distribution")


@modes("root")
def test_with_a_mount_beneath_it_nothing_is_removed(fresh):
    folder, before = canary(fresh)
    install(fresh)
    whole = snapshot(fresh.rootfs())
    for place in ("it/rootfs/mnt", "it"):
        target = os.path.join(fresh.data, "distributions", place)
        if subprocess.run(["mount", "--bind", folder, target]).returncode != 0:
            raise Skip("nothing can be mounted")
        try:
            sentence(fresh.lxctl("uninstall", "it"), target, "mounted", "nothing was removed", code=125)
            equal(snapshot(folder), before, f"the canary, mounted at {place}")
        finally:
            fresh.lxctl("shutdown")
            run("umount", target)
    equal(snapshot(fresh.rootfs()), whole, "the distribution")
    fresh.lxctl("uninstall", "it").good()
    gone(fresh)


@modes("root")
def test_what_cannot_be_removed_is_no_longer_there_and_is_tried_again_at_the_next_start(fresh):
    install(fresh)
    top = own_folder(fresh)
    os.makedirs(os.path.join(top, "a", "b"))
    for name in ("a/file", "a/b/file"):
        with open(os.path.join(top, name), "w") as file:
            file.write("x")
    for name in ("a/file", "a/b/file", "a/b", "a"):
        if subprocess.run(["chattr", "+i", os.path.join(top, name)], stderr=subprocess.DEVNULL).returncode != 0:
            raise Skip("this file system has no such flag")
    result = fresh.lxctl("uninstall", "it")
    subprocess.run(["chattr", "-R", "-i", fresh.data], stderr=subprocess.DEVNULL)
    result.good()
    equal(fresh.installed(), [])
    fresh.lxctl("shutdown")
    fresh.lxctl("list").good()
    gone(fresh)


@everywhere
def test_a_root_or_a_folder_that_is_missing_already_is_no_obstacle(fresh):
    for name in ("whole", "folder-gone", "root-gone", "file-gone"):
        install(fresh, name)
    bus = fresh.awake()  # so that lxssd has seen them all
    folder = os.path.join(fresh.data, "distributions")
    os.rename(os.path.join(folder, "folder-gone"), os.path.join(fresh.dir, "data", "elsewhere"))
    os.unlink(os.path.join(folder, "file-gone", "distribution.conf"))
    if mode() != "rootless":  # there the root file system is another user's, and cannot be moved
        os.rename(os.path.join(folder, "root-gone", "rootfs"), os.path.join(fresh.dir, "data", "rootfs"))
    for name in ("folder-gone", "root-gone", "file-gone"):
        fresh.lxctl("uninstall", name).good()
    bus.close()
    gone(fresh, "whole")
    expect(read(os.path.join(fresh.dir, "data", "elsewhere", "distribution.conf")), "what had been moved away was removed")


if __name__ == "__main__":
    main(globals())
