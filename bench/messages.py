# SPDX-License-Identifier: LGPL-2.1-or-later
"""What LxBus costs, in turns with what it is made of and with D-Bus: a server in an
instance, its clients on the host, messages of 64 bytes there and back."""

import contextlib
import json
import os
import shutil
import subprocess

NAME = "bench"  # of the server
FLOODER, NEIGHBOUR = "flooder", "neighbour"  # distributions
CLIENT, SERVER = "bench-lxbus", "bench-server"  # one program, by a name for each side

ROUNDS = 15
CALLS = {"roundtrip": 20000, "connect": 2000, "memory": 2048, "latency": 500}  # messages, connections, MiB, connections


def inside(machine, world):
    """Our program, as instances of this world see it."""
    place = os.path.join(world.dir, "home", SERVER)
    if not os.path.exists(place):
        shutil.copy(os.path.join(machine.programs, CLIENT), place)
    return f"/mnt/host{place}"


@contextlib.contextmanager
def inner(machine, world, distribution, *words):
    """Our program in an instance of this world, which ends with it."""
    process = world.start("lxctl", "launch", "-d", distribution, "--", inside(machine, world), *words)
    assert process.stdout.readline() == b"ready\n"
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def server(machine, world):
    """An echoing server in an instance of this world; its process id."""
    with inner(machine, world, "debian", "serve", NAME):
        yield next(s["pid"] for s in json.loads(world.run("lxctl", "--json", "bus", "list")) if s["name"] == NAME)


class DBus:
    """A message bus of its own with a service on it; ready where it could be had."""

    def __init__(self, machine, name):
        self.machine, self.name, self.processes = machine, name, []
        self.path = os.path.join(machine.folder(f"{name}-socket"), "bus")
        self.address = f"unix:path={self.path}"
        self.tool = os.path.join(machine.programs, "dbus")

    def command(self):
        if self.name == "dbus-daemon":
            return ["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address={self.address}", "--print-address"]
        # Its launcher wants systemd; it is brought up by its controller's interface instead.
        return [self.tool, "broker", self.path]

    def available(self):
        return shutil.which(self.name) is not None

    def start_one(self, *words):
        """Whether it is ready, which it says in a line."""
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process.stdout.readline() != b""

    def start(self):
        return self.start_one(*self.command()) and self.start_one(self.tool, "serve", self.address)

    def stop(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
            process.stdout.close()


class Messages:
    def __init__(self, bench):
        self.bench, self.machine, self.world = bench, bench.machine, bench.machine.user
        self.tool = os.path.join(self.machine.programs, CLIENT)
        self.buses = []

    def ask(self, *words):
        return float(self.world.run(self.tool, *words))

    def ask_dbus(self, bus, n):
        words = [bus.tool, "roundtrip", bus.address, str(n)]
        return float(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)

    @contextlib.contextmanager
    def set_up(self):
        try:
            for name in ("dbus-daemon", "dbus-broker"):
                bus = DBus(self.machine, name)
                if bus.available():
                    self.buses.append(bus)
                    if not bus.start():
                        print(f"    without {name}: it does not start here", flush=True)
                        self.buses.remove(bus)
                        bus.stop()
            with server(self.machine, self.world):
                yield
        finally:
            for bus in self.buses:
                bus.stop()

    def take_turns(self, measures):
        found = {name: [] for name in measures}
        for _ in range(self.bench.rounds(ROUNDS)):
            for name, take in measures.items():
                found[name].append(take() / 1e6)
        return found

    def calls(self, what):
        return CALLS[what] // 20 if self.bench.quick else CALLS[what]

    def messages(self):
        """All on one processor: where another sleeps, its waking is most of the time of each."""
        n, connections = self.calls("roundtrip"), str(self.calls("connect"))
        with self.bench.one_processor(), self.set_up():
            return self.take_turns({
                "LxBus, host and instance": lambda: self.ask("roundtrip", NAME, str(n)),
                "socketpair": lambda: self.ask("socketpair", str(n)),
                **{b.name: lambda b=b: self.ask_dbus(b, n // 10) for b in self.buses},
                "LxBus connect": lambda: self.ask("connect", NAME, connections),
                "unix connect": lambda: self.ask("unix", connections),
            })  # fmt: skip

    def ask_inside(self, *words):
        """The same of a program in an instance."""
        return float(self.world.run("lxctl", "launch", "-d", NEIGHBOUR, "--", inside(self.machine, self.world), *words))

    def flood(self):
        """The 99th percentile of a connect, from the host and from an instance, alone, and beside another instance that
        sends descriptors without a pause, or leaves as many unread as it may."""
        neighbours = {"host": self.ask, "instance": self.ask_inside}
        beside = {"in a flood": "flood", "beside a hoard": "hoard"}
        found = {f"{which}, {what}": [] for which in neighbours for what in ("alone", *beside)}

        def measure(what):
            for which, ask in neighbours.items():
                found[f"{which}, {what}"].append(ask("latency", NAME, str(self.calls("latency"))) / 1e6)

        for name in (FLOODER, NEIGHBOUR):
            self.world.run("lxctl", "-q", "clone", "debian", name)
        with server(self.machine, self.world):
            for _ in range(self.bench.rounds(ROUNDS)):
                measure("alone")
                for what, word in beside.items():
                    with inner(self.machine, self.world, FLOODER, word):
                        measure(what)
        for name in (FLOODER, NEIGHBOUR):
            self.world.run("lxctl", "-q", "uninstall", name)
        return found

    def memory(self):
        mebibytes = str(self.calls("memory"))
        return self.take_turns({what: lambda w=what: self.ask(w, mebibytes) for what in ("ring", "memcpy")})
