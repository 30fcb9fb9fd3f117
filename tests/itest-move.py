#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Moving: the files of a distribution in another directory or on another file
system, whole in one place whatever happens on the way, and nothing beside them touched."""

import os
import shutil
import signal
import subprocess
import tempfile

from lxss_test import (
    Skip, contains, debian_tar, descendants, equal, everywhere, expect, main, mode, modes, program_of, read, run, sentence, wait_for,
)  # fmt: skip
from tree import ODD, listing, same, small

OTHER_DISK = "/dev/shm"


class Place:
    """A directory for distributions, with a file of somebody else's, which must stay."""

    def __init__(self, parent):
        self.path = tempfile.mkdtemp(prefix="lxss-test-", dir=parent)
        with open(os.path.join(self.path, "theirs"), "w") as file:
            file.write("precious")

    def __enter__(self):
        return self

    def names(self):
        return sorted(os.listdir(self.path))

    def of(self, name):
        return os.path.join(self.path, f"lxss-{name}")

    def untouched(self):
        equal(self.names(), ["theirs"], "what is in the directory")
        equal(read(os.path.join(self.path, "theirs"), "r"), "precious")

    def __exit__(self, *_):
        for wrapper in ([], ["unshare", "--map-root-user", "--map-auto"], ["unshare", "--map-root-user"]):
            subprocess.run([*wrapper, "rm", "-rf", self.path], stderr=subprocess.DEVNULL)


def beside(world):
    """On the file system that distributions are on."""
    return Place(world.work)


def elsewhere(world):
    """On another one."""
    try:
        if os.stat(OTHER_DISK).st_dev == os.stat(world.work).st_dev:
            raise Skip(f"{OTHER_DISK} is not another file system")
        return Place(OTHER_DISK)
    except OSError as error:
        raise Skip(f"{OTHER_DISK} cannot be used: {error.strerror}")


def works(world, name="tiny"):
    equal(world.lxctl("launch", "-d", name, "--", "cat", "/etc/marker").good().text, "tiny", f"/etc/marker of {name}")


def root_of(world, name="tiny"):
    return {d["name"]: d["root"] for d in world.lxctl("--json", "list").json()}[name]


def state_of(world, name="tiny"):
    return {d["name"]: d["state"] for d in world.lxctl("--json", "list").json()}[name]


def lxssd_is_gone(world):
    world.lxctl("shutdown")
    wait_for("lxssd is gone", lambda: not descendants())


def go_there_and_back(world, place):
    small(world)
    world.launch("sh", "-c", "echo mine >~/mine").good()
    inode = os.stat(world.rootfs()).st_ino
    said = world.lxctl("move", "tiny", place.path).good().text
    contains(said, place.of("tiny"))
    equal(place.names(), ["lxss-tiny", "theirs"])
    equal(os.stat(place.of("tiny")).st_mode & 0o7777, 0o700, "the mode of the directory")
    expect(not os.path.exists(world.rootfs()), "the former files are still there")
    equal(world.staged(), [])
    equal(root_of(world), place.of("tiny") + "/rootfs")
    works(world)
    lxssd_is_gone(world)
    works(world)
    equal(world.launch("cat", "mine", options=["-C", "~"]).good().text, "mine")
    there = os.stat(place.of("tiny") + "/rootfs").st_ino
    equal(world.lxctl("--json", "move", "--back", "tiny").json(), {"result": "done", "name": "tiny", "root": world.rootfs()})
    place.untouched()
    equal(world.staged(), [])
    works(world)
    lxssd_is_gone(world)
    works(world)
    expect("location" not in read(os.path.join(os.path.dirname(world.rootfs()), "distribution.conf"), "r"), "the place is still named")
    return inode, there, os.stat(world.rootfs()).st_ino


@everywhere
def test_a_distribution_goes_to_another_directory_and_back_by_a_rename(fresh):
    with beside(fresh) as place:
        inodes = go_there_and_back(fresh, place)
        expect(len(set(inodes)) == 1, f"its files were copied: {inodes}")


@everywhere
def test_a_distribution_goes_to_another_file_system_and_back(fresh):
    with elsewhere(fresh) as place:
        go_there_and_back(fresh, place)


@everywhere
def test_a_distribution_goes_from_one_place_outside_to_the_next(fresh):
    small(fresh)
    with beside(fresh) as first, beside(fresh) as second, elsewhere(fresh) as third:
        for place in (first, second, third, first):
            fresh.lxctl("move", "tiny", place.path).good()
            works(fresh)
        second.untouched()
        third.untouched()
        equal(fresh.staged(), [])
        fresh.lxctl("uninstall", "tiny").good()
        first.untouched()
        equal((fresh.installed(), fresh.staged()), ([], []))


@modes("rootless")
def test_a_debian_with_odd_files_is_the_same_elsewhere(fresh):
    fresh.install(debian_tar(), "first").good()
    fresh.lxctl("launch", "-d", "first", "-u", "root", "--", "sh", "-c", ODD).good()
    before = listing(fresh, "first")
    with elsewhere(fresh) as place:
        fresh.lxctl("move", "--terminate", "first", place.path).good()
        same(listing(fresh, "first"), before, "the moved distribution")
        fresh.lxctl("uninstall", "--terminate", "first").good()
        place.untouched()


@everywhere
def test_what_else_can_be_done_to_a_distribution_can_be_done_elsewhere(fresh):
    small(fresh)
    with elsewhere(fresh) as place:
        fresh.lxctl("move", "tiny", place.path).good()
        fresh.lxctl("rename", "tiny", "other").good()
        equal(root_of(fresh, "other"), place.of("tiny") + "/rootfs")
        works(fresh, "other")
        fresh.lxctl("clone", "other", "copy").good()
        equal(root_of(fresh, "copy"), fresh.rootfs("copy"))
        fresh.lxctl("config", "other", "linger", "0").good()
        fresh.lxctl("config", "other", "default-user", "root").good()
        archive = os.path.join(fresh.work, "tiny.tar.gz")
        fresh.lxctl("export", "other", archive).good()
        fresh.install(archive, "again").good()
        lxssd_is_gone(fresh)
        for name in ("other", "copy", "again"):
            works(fresh, name)
        fresh.lxctl("uninstall", "other").good()
        place.untouched()
        works(fresh, "copy")
        equal(fresh.installed(), ["again", "copy"])


@everywhere
def test_what_cannot_be_moved_stays(fresh):
    small(fresh)
    with beside(fresh) as place:
        os.symlink("nowhere", place.of("tiny"))
        file = os.path.join(place.path, "theirs")
        for words, needles in (
            ((), ("NAME",)), (("tiny",), ("DIRECTORY",)), (("tiny", "/", "x"), ("x",)), (("--back", "tiny", "x"), ("x",)),
            (("nosuch", place.path), ("nosuch",)), (("tiny", "/nonexistent/x"), ("/nonexistent/x",)), (("tiny", file), ("theirs",)),
            (("--back", "tiny"), ("usual place",)), (("tiny", fresh.data), ("--back",)), (("tiny", fresh.rootfs()), ("--back",)),
            (("tiny", "/proc"), ("/proc",)), (("tiny", "/sys/kernel"), ("/sys",)),
        ):  # fmt: skip
            sentence(fresh.lxctl("move", *words), *needles, code=125)
        os.unlink(place.of("tiny"))
        os.mkdir(place.of("tiny"))
        sentence(fresh.lxctl("move", "tiny", place.path), "already", code=125)
        os.rmdir(place.of("tiny"))
        os.chmod(place.path, 0o777)
        sentence(fresh.lxctl("move", "tiny", place.path), "others", code=125)
        os.chmod(place.path, 0o755)
        client = fresh.client()
        sentence(fresh.lxctl("move", "tiny", place.path), "running", "--terminate", code=125)
        expect(client.poll() is None, "the program ended")
        place.untouched()
        equal(fresh.staged(), [])
        fresh.lxctl("move", "--terminate", "tiny", place.path).good()
        expect(client.ended() != 0, "the program outlived it")
        sentence(fresh.lxctl("move", "tiny", place.path), "already", code=125)
        sentence(fresh.lxctl("move", "tiny", place.of("tiny") + "/rootfs"), "tiny", code=125)
        works(fresh)


@modes("rootless")
def test_where_the_user_may_not_write_nothing_is_moved(fresh):
    small(fresh)
    sentence(fresh.lxctl("move", "tiny", "/usr"), "/usr", code=125)
    works(fresh)
    equal(fresh.staged(), [])


@modes("root")
def test_a_file_system_without_owners_and_links_is_refused(fresh):
    small(fresh)
    image, mounted = os.path.join(fresh.work, "vfat"), os.path.join(fresh.work, "mounted")
    os.mkdir(mounted)
    if not shutil.which("mkfs.vfat"):
        raise Skip("mkfs.vfat is not installed")
    run("truncate", "-s", "16M", image).good()
    run("mkfs.vfat", image).good()
    if run("mount", "-o", "loop", image, mounted).code != 0:
        raise Skip("no vfat can be mounted here")
    try:
        sentence(fresh.lxctl("move", "tiny", mounted), "owners", "links", code=125)
        equal((os.listdir(mounted), fresh.staged()), ([], []))
        run("mount", "-o", "remount,ro", mounted).good()
        sentence(fresh.lxctl("move", "tiny", mounted), "read-only", code=125)
        works(fresh)
    finally:
        run("umount", mounted)


@modes("root")
def test_a_disk_that_is_full_or_not_for_programs_leaves_everything_as_it_was(fresh):
    small(fresh)
    mounted = os.path.join(fresh.work, "mounted")
    os.mkdir(mounted)
    for options, needle in (("size=1M,mode=755", "space"), ("size=64M,mode=755,noexec", "noexec")):
        run("mount", "-t", "tmpfs", "-o", options, "tmpfs", mounted).good()
        try:
            sentence(fresh.lxctl("move", "tiny", mounted), needle, code=125)
            equal((os.listdir(mounted), fresh.staged()), ([], []), "what is left")
            works(fresh)
        finally:
            run("umount", mounted)


@everywhere
def test_a_disk_that_is_not_there_is_said_and_works_when_it_is_back(fresh):
    small(fresh)
    with elsewhere(fresh) as place:
        fresh.lxctl("move", "tiny", place.path).good()
        held = fresh.hold()
        away = place.path + ".away"
        for lxssd_goes in (False, True):
            held.let_go()
            fresh.quiet(with_daemon=False)
            if lxssd_goes:
                lxssd_is_gone(fresh)
            os.rename(place.path, away)
            try:
                sentence(fresh.launch("true"), "tiny", place.of("tiny"), "not there", "plugged in", code=125)
                sentence(fresh.lxctl("launch", "--", "true"), "not there", code=125)
                for words in (("export", "tiny", "-"), ("clone", "tiny", "x"), ("config", "tiny", "linger", "1"), ("move", "--back", "tiny")):
                    sentence(fresh.lxctl(*words), "not there", code=125)
                equal(state_of(fresh), "unavailable")
            finally:
                os.rename(away, place.path)
            equal(state_of(fresh), "stopped")
            works(fresh)
        os.rename(place.path, away)
        try:
            fresh.lxctl("uninstall", "tiny").good()
            equal(fresh.installed(), [])
        finally:
            os.rename(away, place.path)
        expect(os.path.exists(place.of("tiny") + "/rootfs/etc/marker"), "what was not there was removed")


@everywhere
def test_a_directory_that_is_not_the_distributions_own_is_never_touched(fresh):
    """Another disk at the same path, or a distribution.conf that somebody changed."""
    small(fresh)
    with elsewhere(fresh) as place, beside(fresh) as other:
        fresh.lxctl("move", "tiny", place.path).good()
        lxssd_is_gone(fresh)
        conf = os.path.join(fresh.data, "distributions", "tiny", "distribution.conf")
        text = read(conf, "r")
        os.mkdir(os.path.join(other.path, "rootfs"))
        for line in (f"location={other.path}", "location=relative", "location=", "location=/"):
            with open(conf, "w") as file:
                file.write("".join((line + "\n" if l.startswith("location=") else l) for l in text.splitlines(True)))
            expect(fresh.launch("true").code == 125, f"with {line} it runs")
            lxssd_is_gone(fresh)
        with open(conf, "w") as file:
            file.write(text.replace("location=" + place.path, "location=" + other.path))
        fresh.lxctl("uninstall", "tiny").good()
        equal(other.names(), ["rootfs", "theirs"])
        expect(os.path.exists(place.of("tiny") + "/rootfs/etc/marker"), "the files are gone")
        equal(fresh.staged(), [])


@modes("rootless")
def test_a_signal_cancels_a_move_and_the_distribution_stays(fresh):
    fresh.install(debian_tar(), "first").good()
    with elsewhere(fresh) as place:
        for number in (signal.SIGINT, signal.SIGKILL):
            command = fresh.start("move", "first", place.path)
            wait_for("the move is at work", lambda: any(n.startswith(".lxss-") for n in place.names()) or command.poll() is not None)
            command.send_signal(number)
            equal(command.ended(), -number, "how lxctl ended")
            wait_for("nothing is left", lambda: place.names() == ["theirs"] and not fresh.staged())
            fresh.lxctl("launch", "-d", "first", "--", "true").good()
            equal(root_of(fresh, "first"), fresh.rootfs("first"))


@modes("rootless")
def test_killed_lxssd_leaves_the_distribution_whole_in_one_place(fresh):
    """At twenty moments of a move of some files to another file system, and back."""
    small(fresh)
    fresh.launch("sh", "-c", "i=0; while [ $i -lt 400 ]; do echo $i >f$i; i=$((i+1)); done", options=["-C", "~"]).good()
    count = ("sh", "-c", "set -- ~/f*; echo $#")
    with elsewhere(fresh) as place:
        for number in range(20):
            words = ("--back", "tiny") if os.path.exists(place.of("tiny")) else ("tiny", place.path)
            command = fresh.start("move", *words)
            wait_for("lxssd runs", lambda: daemons() or command.poll() is not None)
            moments = [lambda: fresh.staged(), lambda: worker_runs(), lambda: not worker_runs(), lambda: command.poll() is not None]
            for moment in moments[: number % 4 + 1]:
                wait_for("the moment", lambda: moment() or command.poll() is not None)
            for pid in daemons():
                os.kill(pid, signal.SIGKILL)
            command.ended()
            wait_for("all of lxssd's are gone", lambda: not descendants())
            equal(fresh.launch(*count).good().text, "400", "the files after a kill")
            wait_for("nothing is left", lambda: not fresh.staged())
            root = root_of(fresh)
            expect(root in (fresh.rootfs(), place.of("tiny") + "/rootfs"), f"it is in {root}")
            equal(place.names(), ["theirs"] if root == fresh.rootfs() else ["lxss-tiny", "theirs"])
            equal(os.path.exists(fresh.rootfs()), root == fresh.rootfs(), "whether files are in the usual place")


def daemons():
    return [pid for pid in descendants() if program_of(pid) == "lxssd"]


def worker_runs():
    return any(program_of(pid) == "lxss-worker" for pid in descendants())


if __name__ == "__main__":
    main(globals())
