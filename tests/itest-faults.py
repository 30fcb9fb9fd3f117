#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Operations under faults: whole or not at all, whatever dies or fails in the middle
of them, and the next start of lxssd cleans up by itself.

Every test goes through a spread of all points at which something may die, always
the same ones; with LXSS_TEST_SWEEP=1 (make check-faults) through every one."""

import json
import os
import shutil
import tempfile

from lxss_test import (
    SOURCE, Command, Failure, Skip, descendants, equal, everywhere, expect, lengthy, listens, main, modes, program, read, run, sentence,
    show, tiny_tar, wait_for,
)  # fmt: skip
from tree import snapshot

SWEEP = bool(os.environ.get("LXSS_TEST_SWEEP"))
POINTS = {"lxssd": 10, "child": 5, "worker": 12}  # of each operation, where not all are wanted
FEWER = {"lxssd": 8, "child": 0, "worker": 8}  # where it is not the process that dies
ROLES = {"SIGKILL": ("lxssd", "child", "worker"), "ENOSPC": ("lxssd", "worker"), "EDQUOT": ("worker",), "EIO": ("lxssd", "worker")}


class Swept:
    """A world in which an operation is interrupted again and again. The distribution
    that is cloned, exported and uninstalled is "it"."""

    def __init__(self, world):
        self.world = world
        world.configure("exit-idle=60\n")  # it ends when it is told to, or killed
        self.out = os.path.join(world.work, "out")
        os.mkdir(self.out)
        self.source = os.path.join(world.work, "source.tar")
        tiny_tar(self.source)
        self.report = os.path.join(world.work, "report")
        self.install()
        world.lxctl("launch", "-d", "it", "--", "true").good()  # which makes what is mounted upon
        self.whole_root = snapshot(world.rootfs("it"))
        expect(len(self.whole_root) > 20, f"the reference has only {sorted(self.whole_root)}")
        world.lxctl("export", "--terminate", "it", os.path.join(world.work, "whole.tar")).good()
        self.whole_archive = read(os.path.join(world.work, "whole.tar"))

    def install(self):
        self.world.install(self.source, "it").good()

    def end(self):
        """lxssd is told to end, and nothing is left."""
        self.world.lxctl("shutdown")
        wait_for("nothing runs", lambda: not descendants())

    def traced(self, role, fault, number, words):
        """lxctl with words at an lxssd of which something goes wrong: (its result, what fault_at.py reports)."""
        arguments = ["/usr/bin/python3", os.path.join(SOURCE, "tests", "fault_at.py"), self.report, role, fault, str(number)]
        if os.path.exists(self.report):
            os.unlink(self.report)
        tracer = Command([*arguments, program("lxssd")], env=self.world.environment({"LXSS_TEST_DISK": self.world.data}))
        wait_for("lxssd listens or is dead", lambda: listens(self.world.socket) or tracer.poll() is not None)
        result = self.world.lxctl(*words)
        self.world.lxctl("shutdown")
        tracer.finish().good()
        with open(self.report) as file:
            report = json.load(file)
        wait_for("nothing runs", lambda: not descendants())
        return result, report

    # -- what has to hold afterwards

    def names(self):
        """After the next start, which has to clean up: what is installed, all of it whole."""
        names = self.world.lxctl("list", "-q").good().text.split()
        wait_for("nothing is staged", lambda: not self.world.staged())
        equal(self.world.installed(), sorted(names), "what is in the data directory")
        for name in names:
            found = self.tree(name)
            wrong = {path for path in {*found, *self.whole_root} if found.get(path) != self.whole_root.get(path)}
            expect(not wrong, f"{name} is not whole: {sorted(wrong)[:5]} of {len(wrong)}")
            self.world.lxctl("launch", "-d", name, "--", "true").good()
        return names

    def tree(self, name):
        """With what it stands on; nothing is ever removed here."""
        (d,) = [d for d in self.world.lxctl("--json", "list").json() if d["name"] == name]
        found = {}
        for root in [*reversed(d["layers"]), d["root"]]:
            found.update(snapshot(root))
        return found

    def archive_is_there(self):
        names = os.listdir(self.out)
        expect(names in ([], ["it.tar"]), f"these are beside the archive: {names}")
        if names:
            expect(read(os.path.join(self.out, "it.tar")) == self.whole_archive, "the archive is not whole")
        return bool(names)


class Install:
    words = lambda swept: ["install", swept.source, "--name", "it"]

    def prepare(swept):
        if swept.world.installed():
            swept.world.lxctl("uninstall", "it").good()

    def done(swept):
        return swept.names() == ["it"]


class Uninstall:
    words = lambda swept: ["uninstall", "it"]

    def prepare(swept):
        if not swept.world.installed():
            swept.install()

    def done(swept):
        return swept.names() == []


class Copy:
    words = lambda swept: ["clone", "--copy", "it", "copy"]

    def prepare(swept):
        if "copy" in swept.world.installed():
            swept.world.lxctl("uninstall", "copy").good()

    def done(swept):
        names = swept.names()
        expect(names in (["it"], ["copy", "it"]), f"these are there: {names}")
        return "copy" in names


class Clone(Copy):
    words = lambda swept: ["clone", "it", "copy"]

    def prepare(swept):
        """Something is written, the same as before, so that there is something to freeze."""
        Copy.prepare(swept)
        if len(swept.world.lxctl("--json", "list").json()[0]["layers"]) > 50:
            swept.world.lxctl("uninstall", "it").good()
            swept.install()
            swept.world.lxctl("launch", "-d", "it", "--", "true").good()
        swept.world.lxctl("launch", "-d", "it", "-u", "root", "--", "chmod", "644", "/etc/marker").good()


class Export:
    words = lambda swept: ["export", "it", os.path.join(swept.out, "it.tar")]

    def prepare(swept):
        for name in os.listdir(swept.out):
            os.unlink(os.path.join(swept.out, name))

    def done(swept):
        equal(swept.names(), ["it"])
        return swept.archive_is_there()


class ExportImage(Export):
    words = lambda swept: ["export", "it", f"oci:{swept.out}/image"]

    def prepare(swept):
        shutil.rmtree(os.path.join(swept.out, "image"), ignore_errors=True)

    def done(swept):
        equal(swept.names(), ["it"])
        names = os.listdir(swept.out)
        expect(names in ([], ["image"]), f"these are beside the image: {names}")
        if names:
            equal(sorted(os.listdir(os.path.join(swept.out, "image"))), ["blobs", "index.json", "oci-layout"])
            equal(len(os.listdir(os.path.join(swept.out, "image", "blobs", "sha256"))), 3, "the number of blobs")
        return bool(names)


class Move:
    """To a directory on the same file system; Elsewhere, on another."""

    parent = lambda swept: swept.world.work
    words = lambda swept: ["move", "it", swept.target]

    @classmethod
    def prepare(cls, swept):
        if not hasattr(swept, "target"):
            swept.target = tempfile.mkdtemp(prefix="lxss-test-", dir=cls.parent(swept))
        elif os.listdir(swept.target):
            swept.world.lxctl("move", "--back", "it").good()

    def done(swept):
        (it,) = swept.world.lxctl("--json", "list").json()
        wait_for("nothing is staged", lambda: not swept.world.staged())
        moved = it["root"] != swept.world.rootfs("it")
        equal(it["root"], os.path.join(swept.target, "lxss-it", "rootfs") if moved else swept.world.rootfs("it"), "where it is")
        found = snapshot(it["root"])
        wrong = {path for path in {*found, *swept.whole_root} if found.get(path) != swept.whole_root.get(path)}
        expect(not wrong, f"it is not whole: {sorted(wrong)[:5]} of {len(wrong)}")
        equal(os.listdir(swept.target), ["lxss-it"] if moved else [], "what is there")
        equal(os.path.exists(swept.world.rootfs("it")), not moved, "whether files are in the usual place")
        swept.world.lxctl("launch", "-d", "it", "--", "true").good()
        return moved


class MoveElsewhere(Move):
    parent = lambda swept: "/dev/shm"


class MoveBack(Move):
    parent = lambda swept: "/dev/shm"
    words = lambda swept: ["move", "--back", "it"]

    @classmethod
    def prepare(cls, swept):
        if not hasattr(swept, "target"):
            swept.target = tempfile.mkdtemp(prefix="lxss-test-", dir=cls.parent(swept))
        if not os.listdir(swept.target):
            swept.world.lxctl("move", "it", swept.target).good()

    def done(swept):
        return not Move.done(swept)


def one_point(swept, operation, role, fault, number):
    operation.prepare(swept)
    swept.end()
    result, report = swept.traced(role, fault, number, operation.words(swept))
    expect(result.code in (0, 125), f"lxctl ended with {result.code}: {result.said}")
    if result.code != 0:
        sentence(result)
    done = operation.done(swept)
    if result.code == 0:
        expect(done, "lxctl said that it is done, and it is not")
    elif (role, fault) != ("lxssd", "SIGKILL"):
        expect(not done, f"lxctl said that it failed, and it is done: {show(result.said)}")
    swept.end()
    return result, report["calls"], report["hit"]


def points(role, fault, total):
    if SWEEP:
        return range(1, total + 1)
    count = min(total, (POINTS if fault == "SIGKILL" else FEWER)[role])
    return [1 + (2 * i + 1) * total // (2 * count) for i in range(count)]


def sweep(world, operation, fault="SIGKILL", *needles):
    """needles: what the sentence says of the fault, one of them."""
    swept = Swept(world)
    try:
        sweep_all(swept, operation, fault, needles)
    finally:
        if hasattr(swept, "target"):
            swept.world.lxctl("uninstall", "it")
            swept.end()
            shutil.rmtree(swept.target, ignore_errors=True)


def sweep_all(swept, operation, fault, needles):
    _, calls, _ = one_point(swept, operation, "none", fault, 0)
    hit = tried = 0
    for role in ROLES[fault]:
        for number in points(role, fault, calls[role]):
            try:
                result, _, struck = one_point(swept, operation, role, fault, number)
                if result.code != 0 and needles:
                    expect(any(needle in result.said for needle in needles), f"lxctl does not say why: {result.said}")
            except Failure as failure:
                raise Failure(f"{fault} at system call {number} of {calls[role]} of {role}: {failure}")
            hit, tried = hit + (struck is not None), tried + 1
    expect(tried > 2, f"nothing was tried: {calls}")
    print(f"# {operation.__name__}, {fault}: {hit} of {tried} points hit, of {calls}", flush=True)
    expect(hit > tried * 9 // 10, f"only {hit} of {tried} points were hit")


@lengthy
@everywhere
def test_an_install_killed_at_any_system_call_is_there_whole_or_not_at_all(fresh):
    sweep(fresh, Install)


@lengthy
def test_an_uninstall_killed_at_any_system_call_leaves_all_or_nothing(fresh):
    sweep(fresh, Uninstall)


@lengthy
def test_a_clone_killed_at_any_system_call_is_there_whole_or_not_at_all(fresh):
    sweep(fresh, Clone)


@lengthy
def test_a_copy_killed_at_any_system_call_is_there_whole_or_not_at_all(fresh):
    sweep(fresh, Copy)


@lengthy
def test_an_export_killed_at_any_system_call_leaves_a_whole_archive_or_none(fresh):
    sweep(fresh, Export)


@lengthy
@modes("rootless")
def test_an_export_to_an_image_killed_at_any_system_call_leaves_a_whole_one_or_none(fresh):
    sweep(fresh, ExportImage)


@modes("rootless")
def test_a_move_killed_at_any_system_call_leaves_it_whole_in_one_place(fresh):
    sweep(fresh, Move)


@lengthy
@modes("rootless")
def test_a_move_to_another_disk_killed_at_any_system_call_leaves_it_whole_in_one_place(fresh):
    sweep(fresh, MoveElsewhere)


@lengthy
@modes("rootless")
def test_a_move_back_killed_at_any_system_call_leaves_it_whole_in_one_place(fresh):
    sweep(fresh, MoveBack)


# ------------------------------------------------------------------ disks


def only_where_calls_can_fail():
    if os.uname().machine != "x86_64":
        raise Skip("fault_at.py lets calls fail on x86-64 only")


@everywhere
def test_an_install_on_a_disk_that_becomes_full_at_any_call_says_so_and_leaves_nothing(fresh):
    only_where_calls_can_fail()
    sweep(fresh, Install, "ENOSPC", "No space left")


def test_an_install_beyond_a_quota_says_so_and_leaves_nothing(fresh):
    only_where_calls_can_fail()
    sweep(fresh, Install, "EDQUOT", "quota")


@lengthy
@modes("rootless")
def test_a_clone_on_a_disk_that_becomes_full_at_any_call_says_so_and_leaves_nothing(fresh):
    only_where_calls_can_fail()
    sweep(fresh, Clone, "ENOSPC", "No space left")


@modes("rootless")
def test_a_copy_on_a_disk_that_becomes_full_at_any_call_says_so_and_leaves_nothing(fresh):
    only_where_calls_can_fail()
    sweep(fresh, Copy, "ENOSPC", "No space left")


@modes("rootless")
def test_an_export_to_a_disk_that_becomes_full_at_any_call_says_so_and_leaves_nothing(fresh):
    only_where_calls_can_fail()
    sweep(fresh, Export, "ENOSPC", "No space left")


def test_an_uninstall_on_a_full_disk_is_carried_out(fresh):
    only_where_calls_can_fail()
    sweep(fresh, Uninstall, "ENOSPC", "No space left")


def test_an_install_on_a_disk_that_fails_at_any_call_says_so_and_leaves_nothing(fresh):
    only_where_calls_can_fail()
    sweep(fresh, Install, "EIO")


@lengthy
@modes("rootless")
def test_a_clone_of_a_disk_that_fails_at_any_call_says_so_and_leaves_nothing(fresh):
    only_where_calls_can_fail()
    sweep(fresh, Clone, "EIO")


@modes("rootless")
def test_a_copy_of_a_disk_that_fails_at_any_call_says_so_and_leaves_nothing(fresh):
    only_where_calls_can_fail()
    sweep(fresh, Copy, "EIO")


@modes("rootless")
def test_an_image_on_a_disk_that_becomes_full_at_any_call_says_so_and_leaves_nothing(fresh):
    only_where_calls_can_fail()
    sweep(fresh, ExportImage, "ENOSPC", "No space left")


@modes("rootless")
def test_an_export_of_a_disk_that_fails_at_any_call_says_so_and_leaves_nothing(fresh):
    only_where_calls_can_fail()
    sweep(fresh, Export, "EIO")


def test_an_uninstall_on_a_disk_that_fails_at_any_call_leaves_all_or_nothing(fresh):
    only_where_calls_can_fail()
    sweep(fresh, Uninstall, "EIO")


@modes("rootless")
def test_a_move_to_a_disk_that_becomes_full_at_any_call_says_so_and_leaves_it_where_it_was(fresh):
    only_where_calls_can_fail()
    sweep(fresh, MoveElsewhere, "ENOSPC", "No space left")


def order_of(swept, operation):
    operation.prepare(swept)
    swept.end()
    result, report = swept.traced("none", "SIGKILL", 0, operation.words(swept))
    result.good()
    return [f"{role} {call}" for role, call in report["order"]]


@everywhere
def test_a_power_cut_finds_it_whole_or_not_at_all(fresh):
    """What is in the files is on disk before the name is, and the name before anybody is told."""
    only_where_calls_can_fail()
    swept = Swept(fresh)
    for operation in (Install, Copy):
        order = order_of(swept, operation)
        name = order.index("lxssd renameat2")
        expect("worker syncfs" in order[:name], f"{operation.__name__}: the files are not synced before the rename: {order}")
        written = len(order[:name]) - 1 - order[:name][::-1].index("worker syncfs")
        between = order[written + 1 : name]
        equal(between[:2], ["lxssd fsync", "lxssd rename"], f"{operation.__name__}: how distribution.conf is written")
        equal(between[2:][-1:], ["lxssd fsync"], f"{operation.__name__}: what comes between distribution.conf and the rename")
        equal(order[name + 1 :], ["lxssd fsync", "lxssd fsync"], f"{operation.__name__}: what follows the rename, for both directories")
    order = order_of(swept, Clone)
    synced, moved, fsync = order.index("worker syncfs"), ["lxssd renameat2"], ["lxssd fsync"]
    first, last = order.index(*moved), len(order) - 1 - order[::-1].index(*moved)
    expect(synced < first, f"what a clone stands on is not synced first: {order}")
    equal(order[first - 2 : first + 6], 2 * fsync + 2 * moved + 4 * fsync, "how the original becomes a layer")
    equal(order[last - 2 :], 2 * fsync + moved + 2 * fsync, "how the clone gets its name")
    order = order_of(swept, Uninstall)
    equal(order[:3], ["lxssd renameat2", "lxssd fsync", "lxssd fsync"], "how an uninstall begins")


@modes("root")
def test_on_a_small_disk_that_is_really_full_the_others_work_and_room_can_be_made(fresh):
    image = os.path.join(fresh.work, "disk")
    with open(image, "wb") as file:
        file.truncate(24 << 20)
    os.makedirs(fresh.data, mode=0o700, exist_ok=True)
    for words in (["mkfs.ext4", "-q", "-m", "0", image], ["mount", "-o", "loop", image, fresh.data]):
        if not shutil.which(words[0]) or run(*words).code != 0:
            raise Skip(f"{words[0]} does not work here")
    try:
        os.chmod(fresh.data, 0o700)
        source = os.path.join(fresh.work, "source.tar")
        tiny_tar(source)
        fresh.install(source, "one").good()
        big = os.path.join(fresh.work, "big.tar")
        tiny_tar(big, change=lambda add, without: add("big", bytes(range(256)) * (30 << 12)))
        for words in (["install", big, "--name", "two"], ["export", "one", os.path.join(fresh.data, "it.tar")]):
            with open(os.path.join(fresh.data, "filler"), "wb") as filler:
                if words[0] == "export":
                    fill(filler)
            sentence(fresh.lxctl(*words), "No space left", code=125)
            wait_for("nothing is staged", lambda: not fresh.staged())
            equal(fresh.installed(), ["one"], "what is installed")
            expect("it.tar" not in os.listdir(fresh.data), "a part of the archive was left")
            equal(fresh.lxctl("launch", "-d", "one", "--", "cat", "/etc/marker").good().text, "tiny")
        fresh.lxctl("uninstall", "one").good()
        equal(fresh.installed(), [], "what is installed")
        wait_for("nothing is staged", lambda: not fresh.staged())
        fresh.lxctl("shutdown").good()
        wait_for("lxssd is gone", lambda: not descendants())
    finally:
        run("umount", fresh.data)


def fill(file):
    """Until the disk takes not one byte more."""
    for size in (1 << 20, 1 << 12, 1):
        try:
            while True:
                os.write(file.fileno(), b"x" * size)
        except OSError:
            pass


if __name__ == "__main__":
    main(globals())
