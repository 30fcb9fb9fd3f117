#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Operations and everybody else: list and status answer whatever goes on, operations
queue, launches wait or fail, and each way to cancel one works for every kind of them."""

import array
import fcntl
import os
import statistics
import subprocess
import tarfile
import termios
import time

from lxss_test import (
    I_MANAGER, I_OPERATION, MANAGER, equal, everywhere, expect, lengthy, main, modes, once, sentence, tiny_tar, wait_for,
)  # fmt: skip
from tree import small

ANSWER = 0.05  # seconds, the contract's
FILES = 10000  # of a distribution whose operations take a while


def large_tar(path):
    def change(add, without):
        add("many", type=tarfile.DIRTYPE)
        for number in range(FILES):
            add(f"many/{number % 100}/{number}", b"x" * 100)

    tiny_tar(path, change=change)
    return path


class Watch:
    """How long lxctl's list and status take, from fork to end, without what a process
    costs on this machine at the time, which lxctl --version shows."""

    def __init__(self, world):
        self.world, self.seconds, self.own = world, [], []

    def time(self, *words):
        started = time.monotonic()
        self.world.lxctl(*words).good()
        return time.monotonic() - started

    def once(self):
        for verb in ("list", "status"):
            self.seconds.append(self.time(verb))
            self.own.append(self.time("--version"))

    def during(self, command):
        """At least once, and as often as the command lasts."""
        self.once()
        while command.poll() is None:
            self.once()
        command.finish().good()

    def verdict(self, what):
        median, worst = statistics.median(self.seconds) - statistics.median(self.own), max(self.seconds)
        print(f"# {what}: {len(self.seconds)} answers, median {median * 1000:.1f} ms, at most {worst * 1000:.1f} ms", flush=True)
        expect(median < ANSWER, f"during {what} half of the answers took more than {median * 1000:.0f} ms")
        self.seconds.clear()
        self.own.clear()


def blocked_export(world, name):
    """An export that has filled a pipe: (command, the end to read)."""
    reader, writer = os.pipe()
    command = world.start("export", name, "-", stdout=writer)
    os.close(writer)
    wait_for("the pipe is full", lambda: pipe_holds(reader) >= 65536)
    return command, reader


def pipe_holds(reader):
    count = array.array("i", [0])
    fcntl.ioctl(reader, termios.FIONREAD, count)
    return count[0]


def drain(reader):
    with open(reader, "rb") as stream:
        while stream.read(1 << 20):
            pass


# ---------------------------------------------------------------------- answers


@lengthy
@once
def test_list_and_status_answer_at_once_during_every_operation(fresh):
    source = large_tar(os.path.join(fresh.work, "large.tar"))
    watch = Watch(fresh)
    watch.during(fresh.start("install", source, "--name", "large"))
    watch.verdict("an install")
    watch.during(fresh.start("clone", "--copy", "large", "copy"))
    watch.verdict("a clone")
    export, reader = blocked_export(fresh, "large")
    for _ in range(15):
        watch.once()
    expect(export.poll() is None, "the export did not block")
    watch.verdict("a blocked export")
    second = fresh.start("uninstall", "copy")
    watch.during(second)
    watch.verdict("an uninstall beside a blocked export")
    drain(reader)
    export.finish().good()


# -------------------------------------------------------- queues, waits, cancels


def dictionary(bus):
    return bus.dbus.Dictionary({}, "sv")


def begin(bus, kind, pipe):
    """Starts an operation of a kind that acts on or from "tiny": its object."""
    fd = bus.dbus.types.UnixFd(pipe)
    if kind == "install":
        return str(bus.manager("Install", "hsa{sv}", fd, "new", dictionary(bus)))
    if kind == "clone":
        options = bus.dbus.Dictionary({"copy": True}, "sv")  # which takes its time
        return str(bus.manager("Clone", "ssa{sv}", "tiny", "new", options))
    if kind == "export":
        return str(bus.manager("Export", "sha{sv}", "tiny", fd, dictionary(bus)))
    return str(bus.manager("Uninstall", "sa{sv}", "tiny", dictionary(bus)))


def stages(bus):
    return {str(kind): str(stage) for kind, _, stage, _, _ in bus.manager("ListOperations")}


def as_before(world):
    wait_for("nothing is staged", lambda: not world.staged())
    equal(world.installed(), ["tiny"], "what is installed")
    equal(world.launch("cat", "/etc/marker").good().text, "tiny", "/etc/marker")


class Blocked:
    """An install that waits for its archive, and so holds up the queue."""

    def __init__(self, world):
        self.data = tiny_tar()
        self.command = world.start("install", "-", "--name", "first", stdin=subprocess.PIPE)
        self.command.stdin.write(self.data[:100000])
        self.command.stdin.flush()
        wait_for("the install is at work", lambda: world.staged())

    def cancel(self):
        self.command.kill()
        self.command.ended()


@modes("root", "rootless")
def test_a_second_operation_queues_and_is_carried_out_in_its_turn(fresh):
    small(fresh)
    for kind in ("clone", "uninstall"):
        first = Blocked(fresh)
        bus = fresh.bus()
        path = begin(bus, kind, 0)
        equal(stages(bus)[kind], "queued", f"the stage of the {kind}")
        first.cancel()
        equal(str(bus.signal("Finished", path)[0]), "done", f"how the {kind} ended")
        bus.close()
    wait_for("nothing is staged", lambda: not fresh.staged())
    equal(fresh.installed(), ["new"], "what is installed")


@modes("root", "rootless")
def test_what_is_queued_is_cancelled_by_cancel_and_by_the_end_of_its_client(fresh):
    small(fresh)
    reader, writer = os.pipe()
    first = Blocked(fresh)
    watcher = fresh.bus()
    for kind in ("install", "clone", "uninstall"):
        for way in ("Cancel", "close"):
            bus = fresh.bus()
            path = begin(bus, kind, reader)
            equal(len(stages(watcher)), 2 if kind != "install" else 1, "the operations, by kind")
            if way == "Cancel":
                bus.call(path, I_OPERATION, "Cancel")
                expect(str(bus.signal("Finished", path)[0]) != "done", f"the {kind} was carried out")
            bus.close()
            if (kind, way) != ("uninstall", "close"):  # that goes on, as documented: it would be half a removal
                wait_for("one operation", lambda: len(watcher.manager("ListOperations")) == 1)
    first.cancel()
    watcher.close()
    wait_for("nothing is staged", lambda: not fresh.staged())
    wait_for("the uninstall whose client went was carried out", lambda: fresh.installed() == [])
    os.close(reader)
    os.close(writer)


@modes("root", "rootless")
def test_what_is_at_work_is_cancelled_by_cancel_and_by_the_end_of_its_client(fresh):
    fresh.install(large_tar(os.path.join(fresh.work, "large.tar")), "tiny").good()
    fresh.distribution = "tiny"
    for kind in ("install", "clone", "export"):
        for way in ("Cancel", "close"):
            reader, writer = os.pipe()
            if kind == "install":
                os.write(writer, tiny_tar()[:30000])
            bus = fresh.awake()
            path = begin(bus, kind, reader if kind == "install" else writer)
            wait_for(f"the {kind} is at work", lambda: stages(bus).get(kind) in ("extracting", "cloning", "exporting"))
            bus.fails("OperationPending", MANAGER, I_MANAGER, "Uninstall", "sa{sv}", "new" if kind == "install" else "tiny", dictionary(bus))
            if way == "Cancel":
                bus.call(path, I_OPERATION, "Cancel")
                result, error, text = bus.signal("Finished", path)
                equal((str(result), str(error)), ("canceled", "org.lxss.Error.Canceled"), f"how the {kind} ended ({text})")
            bus.close()
            as_before(fresh)
            os.close(reader)
            os.close(writer)


@everywhere
def test_a_launch_into_what_is_held_waits_or_fails_at_once(fresh):
    small(fresh)
    for kind in ("clone", "uninstall"):
        first = Blocked(fresh)
        bus = fresh.bus()
        path = begin(bus, kind, 0)
        sentence(fresh.launch("true", options=["--no-wait"]), "tiny", code=125)
        bus.fails(
            "OperationPending", MANAGER, I_MANAGER, "Launch", "sayaaya{uh}aaya{sv}", "tiny", bus.dbus.ByteArray(b""),
            bus.dbus.Array([bus.dbus.ByteArray(b"true")], "ay"), bus.dbus.Dictionary({}, "uh"), bus.dbus.Array([], "ay"),
            bus.dbus.Dictionary({"wait": False}, "sv"),
        )  # fmt: skip
        waiting = fresh.start_launch("echo", "it runs")
        waiting.says("waiting")
        expect(waiting.poll() is None, "the launch did not wait")
        first.cancel()
        bus.signal("Finished", path)
        bus.close()
        if kind == "clone":
            equal(waiting.finish().good().text, "it runs")
        else:
            sentence(waiting.finish(), "tiny", code=125)


if __name__ == "__main__":
    main(globals())
