#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a launch costs, and an operation, here and elsewhere. Everything is measured in one run, each
against its like, in turns. Prints medians and ratios; writes them as JSON, and the
times as a chart.

  bench.py --build DIR [--output DIR] [--quick] [--only MEASURE]... [--without-slow-peers]

  --build DIR            where the programs are (make bench says it)
  --output DIR           where results.json and results.svg go (DIR/bench of the build)
  --quick                a few rounds of everything, to see that it works
  --only MEASURE         running, cold, new, rate, terminal, pipe, crowd, end, layers, memory, install,
                         uninstall, export, worker, lxbus or counts
  --without-slow-peers   not distrobox, which needs half a minute to get ready
  --guard FILE           only counts, and only whether they are those of FILE (results.json
                         of another run): says so in TAP, and fails where they have grown

As root it makes an ordinary user, since rootless is the main case, and uses the
peers that only root can use as well; an ordinary user compares with the others,
and counts nothing."""

import argparse
import contextlib
import json
import os
import platform
import select
import statistics
import subprocess
import sys
import time

import chart
import counts
import machine
import messages
import operations
import peers
from lxss_test import read, tiny_tar, wait_for

TRUE = "/bin/true"


def median(values):
    return statistics.median(values)


def paired(ours, theirs):
    """The median of the ratios, round by round."""
    return median([a / b for a, b in zip(ours, theirs)])


class Bench:
    def __init__(self, options):
        self.quick = options.quick
        self.machine = machine.Machine(options.build, not options.without_slow_peers and not options.quick)
        self.results, self.targets, self.charts, self.counted = {}, [], [], {}

    def rounds(self, many):
        return 3 if self.quick else many

    def note(self, name, value, unit, **more):
        self.results[name] = {"value": round(value, 4), "unit": unit, **more}

    def target(self, what, value, bound, at_least=False):
        """A line of the table: holds where value is at most (at least) the bound."""
        self.targets.append((what, value, bound, value >= bound if at_least else value <= bound, at_least))

    def note_times(self, measure, times):
        for name, values in times.items():
            self.note(
                f"{measure}: {name}", median(values), "ms", minimum=round(min(values), 4), maximum=round(max(values), 4),
                runs=len(values),
            )  # fmt: skip
        width = max(len(name) for name in times)
        for name, values in sorted(times.items(), key=lambda item: median(item[1])):
            print(f"    {name:{width}}  {median(values):9.3f} ms   (least {min(values):.3f})", flush=True)

    # ---------------------------------------------------------------- measures

    def start_peers(self, classes):
        started = []
        for each in classes:
            peer = each(self.machine)
            if not peer.available():
                continue
            try:
                peer.start()
                started.append(peer)
            except (RuntimeError, OSError) as error:
                print(f"    without {peer.name}: {error}", flush=True)
                peer.stop()
        return started

    def running(self):
        """One command in what runs already."""
        self.machine.user.hold()
        started = self.start_peers(peers.RUNNING)
        try:
            contestants = [
                self.machine.user.contestant("host", [TRUE]),
                self.machine.user.contestant("lxctl launch", ["lxctl", "launch", "--", TRUE]),
            ] + [peer.contestant() for peer in started]
            quick = [c for c in contestants if c["name"] not in ("podman exec", "distrobox enter")]
            times = self.machine.stopwatch(quick, self.rounds(500), 10)
            slow = [c for c in contestants if c not in quick]
            if slow:
                times.update(self.machine.stopwatch(slow, self.rounds(20)))
        finally:
            for peer in started:
                peer.stop()
        self.note_times("running", times)
        self.charts.append(("A command in a running container", [(n, median(t)) for n, t in times.items()]))
        if "nsenter" in times:
            self.target("warm launch / nsenter", paired(times["lxctl launch"], times["nsenter"]), 1.25)

    def cold(self):
        """No daemon, no instance."""
        world = self.machine.world("cold", exit_idle=0)
        world.install(self.machine.archive)
        contestants = [
            world.contestant("lxctl launch", ["lxctl", "launch", "--", TRUE], absent=world.socket),
            world.contestant("unshare --map-auto", ["unshare", "--map-root-user", "--map-auto", TRUE]),
        ]
        times = self.machine.stopwatch(contestants, self.rounds(200))
        world.close()
        self.note_times("cold", times)
        self.charts.append(("A command where nothing runs yet", [(n, median(t)) for n, t in times.items()]))
        self.target("cold launch / unshare --map-auto", paired(times["lxctl launch"], times["unshare --map-auto"]), 2.0)

    def new(self):
        """lxssd is up, the instance is not."""
        world = self.machine.world("new")
        world.install(self.machine.archive)
        started = self.start_peers(peers.NEW)
        contestants = [world.contestant("lxctl launch", ["lxctl", "launch", "--", TRUE])]
        times = self.machine.stopwatch(contestants + [peer.contestant() for peer in started], self.rounds(100))
        world.close()
        self.note_times("new", times)
        self.charts.append(("A command in a new container", [(n, median(t)) for n, t in times.items()]))
        if "bwrap" in times:
            self.target("daemon up, instance cold / bwrap", paired(times["lxctl launch"], times["bwrap"]), 1.5)

    def rate(self):
        """Launches on one connection, 64 in flight, against posix_spawn in a loop."""
        world, count = self.machine.user, str(200 if self.quick else 2000)
        holder = world.hold()
        ours, theirs = [], []
        for _ in range(self.rounds(7)):
            ours.append(float(world.run("launcher", "rate", count, "64", TRUE)))
            theirs.append(float(world.run("launcher", "spawn", count, TRUE)))
        holder.kill()
        self.note("launches per second", median(ours), "1/s")
        self.note("posix_spawn per second", median(theirs), "1/s")
        print(f"    {median(ours):.0f} launches, {median(theirs):.0f} posix_spawn, per second")
        self.target("launch rate / posix_spawn loop", paired(ours, theirs), 0.8, at_least=True)

    @contextlib.contextmanager
    def one_processor(self):
        """Where several processes pass bytes on, their placement would be measured else."""
        processors = os.sched_getaffinity(0)
        user, one = self.machine.user, {max(processors)}
        user.close()
        os.sched_setaffinity(user.status()["pid"], one)  # lxssd's, which starts with all; instances inherit it
        os.sched_setaffinity(0, one)
        try:
            yield
        finally:
            self.machine.user.close()
            os.sched_setaffinity(0, processors)

    def terminal(self):
        """Bytes through a pty, out and in, all on one processor."""
        with self.one_processor():
            self.terminal_speeds()

    def terminal_speeds(self):
        world, megabytes = self.machine.user, 4 if self.quick else 16
        holder = world.hold()
        lxc = self.start_peers([peers.LxcAttach])
        out, bytes_in = f"head -c {megabytes}M /dev/zero", megabytes << 17
        take = f"stty raw -echo; echo ready; head -c {bytes_in} >/dev/null; echo done"
        commands = {"lxctl launch": ["lxctl", "launch", "--", "sh", "-c"], "script": ["script", "-qec"]}
        if lxc:
            commands["lxc-attach"] = [*lxc[0].command("sh", "-c")]
        speeds = {}
        try:
            for _ in range(self.rounds(30)):
                for name, words in commands.items():
                    tail = ["/dev/null"] if name == "script" else []
                    run = self.run_as_root if name == "lxc-attach" else world.run
                    for what, arguments in (("output", [out]), ("input", [take])):
                        how = ["output"] if what == "output" else ["input", str(bytes_in)]
                        n, ns = run(os.path.join(self.machine.programs, "terminal"), *how, *words, *arguments, *tail).split()
                        speeds.setdefault((what, name), []).append(int(n) / int(ns) * 1000)
        finally:
            for peer in lxc:
                peer.stop()
            holder.kill()
        for (what, name), values in speeds.items():
            self.note(f"terminal {what}: {name}", median(values), "MB/s")
            print(f"    {what:6}  {name:12}  {median(values):7.1f} MB/s")
        for what in ("output", "input"):
            for name in commands:
                if name != "lxctl launch":
                    ratio = paired(speeds[what, "lxctl launch"], speeds[what, name])
                    self.target(f"terminal {what} / {name}", ratio, 1.0, at_least=True)

    @staticmethod
    def run_as_root(*words):
        return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout.decode()

    def pipe(self):
        """In and out, all on one processor; whatever relayed it would show. The kernel schedules each
        session as one (autogroup in sched(7)), so a program in a session of its own is the like of ours."""
        with self.one_processor():
            self.pipe_times()

    def pipe_times(self):
        world, size = self.machine.user, "16M" if self.quick else "512M"
        holder = world.hold()
        feed = f"head -c {size} /dev/zero | %s cat | tail -c 1"
        contestants = [
            world.contestant("lxctl launch", ["sh", "-c", feed % "lxctl launch --"]),
            world.contestant("host, own session", ["sh", "-c", feed % "setsid --wait"]),
            world.contestant("host", ["sh", "-c", feed % ""]),
        ]
        times = self.machine.stopwatch(contestants, self.rounds(25), 1)
        holder.kill()
        self.note_times("pipe", times)
        self.target("pipe in, pipe out / host, own session", paired(times["lxctl launch"], times["host, own session"]), 1.05)

    def crowd(self):
        """A launch beside a thousand processes, and beside a hundred instances."""
        alone, busy, many = (self.machine.world(name) for name in ("alone", "busy", "many"))
        n_processes, n_instances = (50, 10) if self.quick else (1000, 100)
        tiny = os.path.join(self.machine.dir, "tiny.tar")
        tiny_tar(tiny)
        for world in (alone, busy, many):
            world.install(tiny, "tiny")
        sleeper = os.path.join(busy.dir, "home", "sleeper")
        with open(sleeper, "w") as file:
            file.write("#!/bin/sh\nexec sleep 100000\n")
        os.chmod(sleeper, 0o755)
        for i in range(n_instances - 1):
            many.run("unshare", "--map-root-user", "--map-auto", "cp", "-al", f"{many.distributions}/tiny", f"{many.distributions}/tiny{i}")
        many.close()  # lxssd reads what is installed when it starts
        for i in range(n_instances - 1):
            many.start("lxctl", "hold", f"tiny{i}")
        wait_for("a hundred instances", lambda: len(many.status()["instances"]) == n_instances - 1, 120)
        for world in (alone, busy, many):
            world.hold("tiny")
        before = pss(busy.status()["pid"])
        crowd = busy.start("launcher", "hold", str(n_processes), f"/mnt/host{sleeper}")
        assert crowd.stdout.readline() == b"ready\n"
        contestants = [
            world.contestant(name, ["lxctl", "launch", "-d", "tiny", "--", TRUE])
            for name, world in (("alone", alone), ("1,000 processes", busy), ("100 instances", many))
        ]
        times = self.machine.stopwatch(contestants, self.rounds(300), 10)
        self.note_times("crowd", times)
        share = (pss(busy.status()["pid"]) - before) / n_processes
        self.note("lxssd for each live process", share, "KiB PSS")
        for world in (alone, busy, many):
            world.close()
        for name in ("1,000 processes", "100 instances"):
            self.target(f"launch beside {name} / alone", paired(times[name], times["alone"]), 1.1)
        self.target("lxssd for each live process, KiB", share, 4)

    def end(self):
        """From the end of the last client to the end of the instance's last process."""
        world, n = self.machine.world("end"), 50 if self.quick else 1000
        world.install(self.machine.archive)
        times = []
        for _ in range(self.rounds(7)):
            script = f"i=0; while [ $i -lt {n} ]; do sleep 100000 & i=$((i + 1)); done; echo ready; exec cat"
            client = world.start("lxctl", "launch", "--", "sh", "-c", script)
            assert client.stdout.readline() == b"ready\n"
            leader = os.pidfd_open(world.leader())
            start = time.monotonic()
            client.kill()
            select.select([leader], [], [])
            times.append((time.monotonic() - start) * 1000)
            os.close(leader)
            client.wait()
        world.close()
        self.note_times("end", {f"{n} processes": times})
        self.target(f"ending an instance with {n} processes, ms", median(times), 100)

    def layers(self):
        """Clones and snapshots of a small root and of a large one, and launches above layers."""
        world = self.machine.world("layers")
        for name in ("200 MB", "2 GB"):
            world.install(self.machine.archive, distribution(name))
        grow = "mkdir /more; for i in 1 2 3 4 5 6 7 8 9 10 11; do cp -a /usr /more/$i; done"
        world.run("lxctl", "-q", "launch", "-d", distribution("2 GB"), "-u", "root", "--", "sh", "-c", grow)
        times = {f"{verb}, {name}": [] for verb in ("clone", "snapshot") for name in ("200 MB", "2 GB")}
        for number in range(self.rounds(15)):
            for what, values in times.items():
                verb, name = what.split(", ")
                values.append(freeze(world, verb, distribution(name), number))
        self.note_times("layers", times)
        for verb in ("clone", "snapshot"):
            self.target(f"{verb} of 2 GB / of 200 MB", paired(times[f"{verb}, 2 GB"], times[f"{verb}, 200 MB"]), 1.2)
            self.target(f"{verb} of 2 GB, ms", median(times[f"{verb}, 2 GB"]), 30)
        self.above_layers(world)
        world.close()

    def above_layers(self, world):
        """The same Debian, as it was installed and above one layer."""
        for name in ("plain", "origin"):
            world.install(self.machine.archive, name)
        world.run("lxctl", "-q", "clone", "origin", "layered")
        for state, rounds in (("new", 60), ("running", 200)):
            if state == "running":
                world.hold("plain")
                world.hold("layered")
            contestants = [world.contestant(name, ["lxctl", "launch", "-d", name, "--", TRUE]) for name in ("plain", "layered")]
            times = self.machine.stopwatch(contestants, self.rounds(rounds))
            self.note_times(f"layers, {state}", times)
            bound = 1.4 if state == "new" else 1.1
            self.target(f"launch above a layer / in a plain one, {state}", paired(times["layered"], times["plain"]), bound)

    def memory(self):
        world = self.machine.user
        world.close()  # as it is when nothing has happened yet
        client = world.start("lxctl", "launch", "--", "cat")
        wait_for("the instance runs", world.leader)
        status = world.status()
        daemon, leader = pss(status["pid"]), pss(status["instances"][0]["leader"])
        client.kill()
        self.note("lxssd idle", daemon, "KiB PSS")
        self.note("/init of an instance", leader, "KiB PSS")
        print(f"    lxssd {daemon} KiB, /init {leader} KiB")
        self.target("lxssd idle, KiB PSS", daemon, 3 * 1024)
        self.target("/init, KiB PSS", leader, 300)

    def install(self):
        """An archive on disk becomes a distribution (tar -x: a directory); each ends with a sync."""
        world = self.machine.world("install")
        paths = operations.archives(self.machine, self.quick)
        for kind, path in paths.items():
            times = self.machine.stopwatch(operations.installing(world, kind, path), self.rounds(11), 1)
            self.note_times("install", times)
            ratio = paired(times[f"lxctl install .{kind}"], times[f"tar -x .{kind}"])
            self.target(f"install .{kind} / tar -x with its decompressor's threads", ratio, 1.15)
        started = self.start_peers(operations.PEERS) if not self.quick else []
        try:
            contestants = operations.installing(world, "tar", self.machine.archive)[:1]
            contestants += [peer.contestant() for peer in started]
            times = self.machine.stopwatch(contestants, self.rounds(5), 1) if started else {}
        finally:
            for peer in started:
                peer.stop()
        if times:
            self.note_times("install beside root's", times)
            bars = [(name, median(values)) for name, values in times.items()]
            self.charts.append(("An archive of 180 MB becomes a distribution", bars))
        for peer in started:
            self.target(f"install .tar / {peer.name}", paired(times["lxctl install .tar"], times[peer.name]), 1.0)
        world.close()

    def uninstall(self):
        """What was installed goes, files and all."""
        world = self.machine.world("uninstall")
        path = operations.archives(self.machine, self.quick)["tar"]
        times = self.machine.stopwatch(operations.removing(world, path), self.rounds(11), 1)
        self.note_times("uninstall", times)
        self.target("uninstall / rm -rf", paired(times["lxctl uninstall"], times["rm -rf"]), 1.2)
        world.close()

    def export(self):
        """Into a file, which is synced."""
        world = self.machine.world("export")
        world.install(operations.archives(self.machine, self.quick)["tar"], "measured")
        for kind in operations.COMPRESSORS if not self.quick else ("tar",):
            times = self.machine.stopwatch(operations.exporting(world, kind), self.rounds(7), 1)
            self.note_times("export", times)
            ratio = paired(times[f"lxctl export .{kind}"], times[f"tar -c .{kind}"])
            self.target(f"export .{kind} / tar -c with its compressor's threads", ratio, 1.15)
        world.close()

    def worker(self):
        """The largest resident set of lxss-worker during an installation."""
        world = self.machine.world("worker")
        paths = operations.archives(self.machine, self.quick)
        for name, command in operations.LARGE.items() if not self.quick else ():
            paths[name] = operations.compressed(self.machine, paths["tar"], name, command)
        for kind, path in paths.items():
            if not path:
                continue
            peak = operations.peak_of_worker(world, "lxctl", "-q", "install", path, "--name", "measured")
            world.run("lxctl", "-q", "uninstall", "measured")
            self.note(f"lxss-worker, {kind}", peak, "MB resident")
            print(f"    {kind:16}  {peak:6.1f} MB", flush=True)
            if kind not in operations.LARGE:
                self.target(f"lxss-worker at an installation from .{kind}, MB", peak, operations.MEMORY_MAX)
        world.close()

    def lxbus(self):
        """Messages, connections and shared memory over LxBus."""
        measure = messages.Messages(self)
        times = measure.messages()
        self.note_times("lxbus", times)
        lxbus = times["LxBus, host and instance"]
        self.target("LxBus message / socketpair", paired(lxbus, times["socketpair"]), 1.1)
        for name in ("dbus-daemon", "dbus-broker"):
            if name in times:
                self.target(f"{name} / LxBus message", paired(times[name], lxbus), 3, at_least=True)
        self.target("LxBus connect / unix connect", paired(times["LxBus connect"], times["unix connect"]), 3)
        times = measure.flood()
        self.note_times("lxbus, 99th percentile of a connect", times)
        for which in ("host", "instance"):
            for what in ("in a flood", "beside a hoard"):
                ratio = paired(times[f"{which}, {what}"], times[f"{which}, alone"])
                self.target(f"connect of a neighbour ({which}) {what} / alone, 99th percentiles", ratio, 2)
        times = measure.memory()
        self.note_times("lxbus, memory", times)
        self.target("bandwidth of a ring / of memcpy", paired(times["memcpy"], times["ring"]), 0.9, at_least=True)

    def counts(self):
        """System calls and instructions of one launch, and system calls of LxBus."""
        if os.getuid() != 0:
            print("    only root can trace newuidmap(1)")
            return
        self.counted = counts.measure(self.machine, self.quick)
        self.counted.update({f"LxBus {kind} syscalls": programs for kind, programs in counts.lxbus(self.machine).items()})
        for what, programs in self.counted.items():
            print(f"    {what:18}  {sum(programs.values()):8}  " + ", ".join(f"{k} {v}" for k, v in programs.items()))

    MEASURES = ("running", "cold", "new", "rate", "terminal", "pipe", "crowd", "end", "layers", "memory", "install", "uninstall", "export", "worker", "lxbus",
                "counts")  # fmt: skip

    # ------------------------------------------------------------------ the run

    def run(self, measures):
        self.machine.unpack()
        self.machine.user = self.machine.world("main")
        self.machine.user.install(self.machine.archive)
        for name in measures:
            print(f"{name}: {getattr(self, name).__doc__ or 'proportional set sizes'}", flush=True)
            getattr(self, name)()

    def guard(self, path):
        """The exit status."""
        if os.getuid() != 0:
            print("1..0 # SKIP only root can trace newuidmap(1)")
            return 0
        with open(path) as file:
            reference = json.load(file)["counts"]
        self.machine.unpack()
        rows = [*counts.limits(counts.measure(self.machine, True), reference), *counts.lxbus_limits(counts.lxbus(self.machine))]
        return 1 if counts.compare(rows) else 0

    def report(self):
        width = max((len(what) for what, *_ in self.targets), default=0)
        print()
        for what, value, bound, holds, at_least in self.targets:
            sign = ">=" if at_least else "<="
            print(f"{what:{width}}  {value:9.3f}  {sign} {bound:<6}  {'holds' if holds else 'DOES NOT HOLD'}")

    def write(self, directory):
        os.makedirs(directory, exist_ok=True)
        data = {
            "machine": {"kernel": platform.release(), "processors": os.cpu_count(), "architecture": platform.machine()},
            "date": time.strftime("%Y-%m-%d"),
            "results": self.results,
            "counts": self.counted,
            "targets": [
                {"what": what, "value": round(value, 4), "bound": bound, "at_least": at_least, "holds": holds}
                for what, value, bound, holds, at_least in self.targets
            ],
        }
        with open(os.path.join(directory, "results.json"), "w") as file:
            json.dump(data, file, indent=1)
            file.write("\n")
        with open(os.path.join(directory, "results.svg"), "w") as file:
            file.write(chart.draw(self.charts))
        print(f"\n{directory}/results.json, {directory}/results.svg")


def distribution(size):
    return "root-" + size.replace(" ", "").lower()


def freeze(world, verb, name, number):
    """Milliseconds of it, where something has changed since the last time."""
    world.run("lxctl", "-q", "launch", "-d", name, "-u", "root", "--", "sh", "-c", f"echo {number} >/etc/changed")
    world.run("lxctl", "-q", "terminate", name)
    start = time.monotonic()
    world.run("lxctl", "-q", verb, name, f"made-{number}")
    taken = (time.monotonic() - start) * 1000
    if verb == "clone":
        world.run("lxctl", "-q", "uninstall", f"made-{number}")
    return taken


def pss(pid):
    """Kibibytes; 0 where it may not be read."""
    text = read(f"/proc/{pid}/smaps_rollup", "r") or ""
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)


def main():
    parser = argparse.ArgumentParser(description="Measures what launches and operations cost.")
    parser.add_argument("--build", required=True)
    parser.add_argument("--output")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", action="append", choices=Bench.MEASURES)
    parser.add_argument("--without-slow-peers", action="store_true")
    parser.add_argument("--guard")
    options = parser.parse_args()
    bench = Bench(options)
    try:
        if options.guard:
            return bench.guard(options.guard)
        bench.run(options.only or Bench.MEASURES)
    finally:
        bench.machine.close()
    bench.report()
    bench.write(options.output or os.path.join(options.build, "bench"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
