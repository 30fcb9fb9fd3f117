#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The D-Bus interface: on a bus for programs that we did not write (busctl,
gdbus), and on the private socket for everything that they cannot say.

busctl (systemd 252) cannot pass a descriptor at all, gdbus only as an argument
of its own; so with them a program's output goes to a file."""

import os
import shutil
import time
import xml.etree.ElementTree as ElementTree

from lxss_test import (
    I_DISTRIBUTION, I_INSTANCE, I_MANAGER, I_OBJECTS, I_OPERATION, I_PROCESS, I_PROPERTIES, I_SERVER, MANAGER, SOURCE, Bus, Command, Failure, Skip,
    contains, descendants, equal, everywhere, expect, lengthy, main, mode, modes, needs_network, processes_saying, program, program_of,
    read, run, sentence, tiny_tar, wait_for,
)  # fmt: skip

NAME = "org.lxss.Manager1"
CLD_EXITED, CLD_KILLED = 1, 2


def on_bus(world, services=()):
    """Puts the world on a bus of its own, lxssd too."""
    world.start_bus(services)
    return world


def service_file(world):
    return {"org.lxss.Manager1.service": f"[D-BUS Service]\nName={NAME}\nExec={program('lxssd')}\n"}


def owned(world):
    result = run("busctl", f"--address={world.bus_address}", "status", NAME, env=world.environment())
    return result.code == 0


def with_lxssd(world):
    """lxssd runs, started by lxctl, and has its name on the bus."""
    on_bus(world)
    keeper = world.awake()
    wait_for(f"{NAME} is on the bus", lambda: owned(world))
    return keeper


def which_bus():
    return "--system" if os.getuid() == 0 else "--user"


def busctl(world, *words, **more):
    return run("busctl", which_bus(), *words, env=world.environment(), **more)


def gdbus(world, method, *arguments, path=MANAGER, **more):
    bus = "--system" if os.getuid() == 0 else "--session"
    words = ["gdbus", "call", bus, "-d", NAME, "-o", path, "-m", f"{NAME}.{method}", *arguments]
    return run(*words, env=world.environment(), **more)


def ay(text):
    """A word as busctl takes an array of bytes: length, then each byte."""
    data = text.encode()
    return [str(len(data)), *map(str, data)]


def gay(text):
    """The same for gdbus."""
    return "[" + ", ".join(f"byte 0x{b:02x}" for b in text.encode()) + "]" if text else "@ay []"


def shared_file(world, name):
    """A file that programs of the instance may write, and its path there."""
    path = os.path.join(world.work, name)
    open(path, "w").close()
    os.chmod(path, 0o666)
    return path, f"/mnt/host{path}"


def registered(world, bus):
    """A server on LxBus; returns its object."""
    world.start("bus", "listen", "known", "--", "cat")
    wait_for("it serves", lambda: bus.manager("ListServers"))
    paths = bus.call(MANAGER, I_OBJECTS, "GetManagedObjects")
    return next(str(path) for path in paths if str(path).startswith(f"{MANAGER}/server/"))


# ------------------------------------------------- programs that we did not write


@everywhere
def test_busctl_lists_and_launches(tiny):
    with_lxssd(tiny)
    listing = busctl(tiny, "call", NAME, MANAGER, NAME, "ListDistributions").good()
    contains(listing.text, '"tiny"', '"installed"', f"{MANAGER}/distribution/tiny", what="busctl's output")
    path, inside = shared_file(tiny, "from-busctl")
    words = ["sh", "-c", f"echo launched >{inside}"]
    argv = [word for argument in words for word in ay(argument)]
    result = busctl(
        tiny, "call", NAME, MANAGER, NAME, "Launch", "sayaaya{uh}aaya{sv}", "tiny", *ay("/"), str(len(words)), *argv, "0", "0",
        "1", "linger", "t", "60",
    ).good()  # fmt: skip
    contains(result.text, f'ou "{MANAGER}/process/', what="busctl's output")
    wait_for("the program ran to its end", lambda: read(path) == b"launched\n")
    busctl(tiny, "call", NAME, MANAGER, NAME, "Terminate", "s", "tiny").good()


def test_busctl_shows_the_tree_and_the_properties(tiny):
    with_lxssd(tiny)
    contains(busctl(tiny, "tree", "--list", NAME).good().text, f"{MANAGER}/distribution/tiny", what="busctl tree")
    contains(
        busctl(tiny, "introspect", NAME, MANAGER).good().text, "Launch", "sayaaya{uh}aaya{sv}", "ou", what="busctl introspect"
    )
    equal(busctl(tiny, "get-property", NAME, MANAGER, NAME, "Distributions").good().text, "u 1", "Distributions")
    result = busctl(tiny, "call", NAME, MANAGER, NAME, "Terminate", "s", "nosuch")
    expect(result.code != 0, "Terminate of an unknown distribution succeeded")
    contains(result.err, "nosuch", what="busctl's error")


@lengthy
@modes("rootless")
def test_busctl_drives_install_and_launch_in_a_bootstrapped_debian(fresh):
    if not shutil.which("mmdebstrap"):
        raise Skip("mmdebstrap is not installed")
    needs_network()
    with_lxssd(fresh)
    busctl(fresh, "call", NAME, MANAGER, NAME, "InstallFrom", "ssa{sv}", "bootstrap:bookworm", "made", "1", "detach", "b", "true").good()
    bus = fresh.awake()
    wait_for("the operation is over", lambda: not bus.manager("ListOperations"), 600)
    contains(busctl(fresh, "call", NAME, MANAGER, NAME, "ListDistributions").good().text, '"made"', '"installed"')
    path, inside = shared_file(fresh, "version")
    words = ["sh", "-c", f"cat /etc/debian_version >{inside}"]
    argv = [word for argument in words for word in ay(argument)]
    busctl(
        fresh, "call", NAME, MANAGER, NAME, "Launch", "sayaaya{uh}aaya{sv}", "made", *ay("/"), str(len(words)), *argv, "0", "0",
        "1", "linger", "t", "5",
    ).good()  # fmt: skip
    wait_for("the program ran to its end", lambda: (read(path) or b"").startswith(b"12."))


@everywhere
def test_gdbus_installs_launches_and_lists(fresh):
    with_lxssd(fresh)
    source = os.path.join(fresh.work, "tiny.tar")
    tiny_tar(source)
    fd = os.open(source, os.O_RDONLY)
    result = gdbus(fresh, "Install", f"handle {fd}", "byhand", "{'detach': <true>}", pass_fds=[fd]).good()
    os.close(fd)
    contains(result.text, f"{MANAGER}/operation/", what="gdbus's output")
    bus = fresh.awake()
    wait_for("the operation is over", lambda: not bus.manager("ListOperations"))
    contains(gdbus(fresh, "ListDistributions").good().text, "'byhand', 'installed'", what="gdbus's output")
    path, inside = shared_file(fresh, "from-gdbus")
    argv = "[" + ", ".join(gay(w) for w in ("sh", "-c", f"cat /etc/marker >{inside}")) + "]"
    result = gdbus(fresh, "Launch", "byhand", gay("/"), argv, "@a{uh} {}", "@aay []", "{'linger': <uint64 60>}").good()
    contains(result.text, f"{MANAGER}/process/", what="gdbus's output")
    wait_for("the program ran to its end", lambda: read(path) == b"tiny\n")
    gdbus(fresh, "Uninstall", "byhand", "{'terminate': <true>, 'detach': <true>}").good()
    wait_for("it is gone", lambda: fresh.installed() == [] and not bus.manager("ListOperations"))


# The same in HACKING.md and lxssd(8): these programs say Hello first, to whatever they connect to.
@everywhere
def test_gdbus_and_busctl_work_on_the_private_socket(tiny):
    bus = tiny.awake()
    address = f"unix:path={tiny.socket}"

    def tool(name, verb, *words):
        place = ["-d", NAME, "-o", MANAGER] if name == "gdbus" else [NAME, MANAGER]
        where = [verb, "--address", address] if name == "gdbus" else [f"--address={address}", verb]
        return run(name, *where, *place, *words, env=tiny.environment())

    equal(tool("gdbus", "call", "-m", f"{NAME}.ListInstances").good().text, "(@a(ssuo) [],)", "gdbus's output")
    contains(tool("gdbus", "introspect", "--recurse").good().text, "ListServers(out", f"node {MANAGER}/distribution/tiny")
    contains(tool("busctl", "call", NAME, "ListDistributions").good().text, '"tiny"', what="busctl's output")
    contains(tool("busctl", "introspect").good().text, "Launch", "sayaaya{uh}aaya{sv}", what="busctl introspect")
    shown = run("dbus-send", f"--peer={address}", "--print-reply", MANAGER, f"{NAME}.ListInstances", env=tiny.environment())
    contains(shown.good().text, "method return", what="dbus-send's output")
    equal(tool("busctl", "get-property", NAME, "Distributions").good().text, "u 1", "Distributions")
    tree = run("busctl", f"--address={address}", "tree", "--list", NAME, env=tiny.environment())
    contains(tree.good().text, f"{MANAGER}/distribution/tiny", what="busctl tree")
    result = tool("gdbus", "call", "-m", f"{NAME}.Terminate", "nosuch")
    contains(result.err, "NoSuchDistribution", "nosuch", what="gdbus's error")
    run("gdbus", "wait", "--address", address, "--timeout", "60", NAME, env=tiny.environment()).good()
    bus.close()


@everywhere
def test_gdbus_monitor_hears_on_the_private_socket_who_comes_and_goes(tiny):
    bus = tiny.awake()
    monitor = Command(["gdbus", "monitor", "--address", f"unix:path={tiny.socket}", "-d", NAME], env=tiny.environment())
    monitor.reads("is owned by")
    path = registered(tiny, bus)
    monitor.reads(f"ObjectManager.InterfacesAdded (objectpath '{path}'")
    process, _ = bus.launch("tiny", [b"true"])
    monitor.reads(f"InterfacesRemoved (objectpath '{process}'")
    monitor.let_go()


def test_who_says_hello_gets_no_more_of_a_bus_than_that(tiny):
    bus = tiny.awake()

    dbus = ("/org/freedesktop/DBus", "org.freedesktop.DBus")

    def ask(method, signature="", *arguments):
        return bus.call(*dbus, method, signature, *arguments)

    def refused(error, *words):
        equal(bus.error(*dbus, *words), error, f"the error of {words}")

    own = str(ask("Hello"))
    equal(str(ask("GetNameOwner", "s", own)), own)
    lxssd = str(ask("GetNameOwner", "s", NAME))
    expect(lxssd.startswith(":") and lxssd != own, f"{NAME} is owned by {lxssd}, we are {own}")
    equal([int(ask("NameHasOwner", "s", name)) for name in (NAME, "org.lxss.Other")], [1, 0])
    refused("org.freedesktop.DBus.Error.NameHasNoOwner", "GetNameOwner", "s", "org.lxss.Other")
    refused("org.freedesktop.DBus.Error.ServiceUnknown", "StartServiceByName", "su", "org.lxss.Other", 0)
    refused("org.freedesktop.DBus.Error.InvalidArgs", "GetNameOwner", "u", 1)
    refused("org.lxss.Error.AccessDenied", "RequestName", "su", "org.lxss.Other", 0)
    refused("org.lxss.Error.AccessDenied", "ListNames")
    equal(str(bus.get(f"{MANAGER}/distribution/tiny", I_DISTRIBUTION, "Name")), "tiny")


@everywhere
def test_a_call_on_the_bus_starts_lxssd(tiny):
    on_bus(tiny, service_file(tiny))
    expect(not [p for p in descendants() if program_of(p) == "lxssd"], "an lxssd runs already")
    contains(busctl(tiny, "call", NAME, MANAGER, NAME, "ListDistributions").good().text, '"tiny"', what="busctl's output")
    expect(os.path.exists(tiny.socket), "the lxssd that the bus started has no private socket")
    equal(tiny.lxctl("launch", "-d", "tiny", "--", "echo", "x").good().text, "x", "a launch over the private socket")
    daemons = [p for p in descendants() if program_of(p) == "lxssd"]
    expect(len(daemons) <= 1, f"{len(daemons)} daemons run")
    wait_for("lxssd is gone when idle", lambda: not [p for p in descendants() if program_of(p) == "lxssd"])


def test_lxctl_and_the_bus_starting_it_at_once_end_with_one_daemon(tiny):
    for _ in range(10):
        on_bus(tiny, service_file(tiny))
        commands = [tiny.start("launch", "-d", "tiny", "--", "echo", "x") for _ in range(4)]
        calls = [
            Command(["busctl", which_bus(), "call", NAME, MANAGER, NAME, "ListDistributions"], env=tiny.environment())
            for _ in range(4)
        ]
        for command in commands + calls:
            command.finish().good()
        wait_for("lxssd is gone when idle", lambda: not [p for p in descendants() if program_of(p) == "lxssd"])
        tiny.stop_bus()


def test_a_call_on_the_bus_keeps_lxssd_no_longer_than_needed(tiny):
    on_bus(tiny, service_file(tiny))
    busctl(tiny, "call", NAME, MANAGER, NAME, "ListDistributions").good()
    wait_for("lxssd is gone when idle", lambda: not [p for p in descendants() if program_of(p) == "lxssd"])
    busctl(tiny, "call", NAME, MANAGER, NAME, "ListDistributions").good()


def test_the_death_of_the_bus_harms_no_running_program(tiny):
    with_lxssd(tiny)
    tiny.distribution = "tiny"
    client = tiny.client()
    tiny.stop_bus()
    equal(tiny.launch("echo", "alive").good().text, "alive", "a launch without the bus")
    equal(client.finish(b"more").text, "ready\nmore", "what the client's program says")


def test_the_caller_of_the_bus_is_a_client_until_it_leaves_the_bus(tiny):
    with_lxssd(tiny)
    bus = Bus(tiny.bus_address, NAME)
    bus.launch("tiny", [b"sleep", b"112233"])
    wait_for("the program runs", lambda: processes_saying("sleep 112233"))
    bus.close()
    wait_for("the program is hung up", lambda: not processes_saying("sleep 112233"))
    private = tiny.awake()
    wait_for("the instance is gone", lambda: not private.manager("ListInstances"))


def test_over_the_bus_a_program_gets_descriptors_and_exited_comes_to_the_caller_alone(tiny):
    with_lxssd(tiny)
    bus, other = Bus(tiny.bus_address, NAME), Bus(tiny.bus_address, NAME)
    reader, writer = os.pipe()
    path, _ = bus.launch("tiny", [b"sh", b"-c", b"echo to the pipe; exit 9"], {1: writer})
    os.close(writer)
    equal([int(a) for a in bus.signal("Exited", path)], [CLD_EXITED, 9], "Exited")
    with open(reader) as stream:
        equal(stream.read(), "to the pipe\n", "what came through")
    other.manager("ListProcesses")
    other.turn()
    expect(not [s for s in other.signals if s[1] == "Exited"], "another client got Exited too")


# --------------------------------------------------------------- on the socket


@everywhere
def test_launch_reports_how_the_program_ended(tiny):
    bus = tiny.awake()
    for script, wanted in ((b"exit 0", [CLD_EXITED, 0]), (b"exit 255", [CLD_EXITED, 255]), (b"kill -9 $$", [CLD_KILLED, 9])):
        path, _ = bus.launch("tiny", [b"sh", b"-c", script])
        equal([int(a) for a in bus.signal("Exited", path)], wanted, f"Exited of {script!r}")


def test_no_exit_is_lost_however_fast_the_program_is(tiny):
    bus = tiny.awake()
    for i in range(200):
        path, _ = bus.launch("tiny", [b"sh", b"-c", b"exit %d" % i])
        equal([int(a) for a in bus.signal("Exited", path)], [CLD_EXITED, i], f"Exited of launch {i}")


def test_the_pid_is_the_hosts_and_the_pidfd_is_that_process(tiny):
    bus = tiny.awake()
    path, pid = bus.launch("tiny", [b"sleep", b"998877"])
    wait_for("the pid is the program's", lambda: pid in processes_saying("sleep 998877"))
    pidfd = bus.call(path, I_PROCESS, "GetPidFd").take()
    contains(read(f"/proc/self/fdinfo/{pidfd}"), f"Pid:\t{pid}\n", what="the pidfd's fdinfo")
    equal(int(bus.get(path, I_PROCESS, "Pid")), pid, "Pid")
    equal([bytes(a) for a in bus.get(path, I_PROCESS, "Arguments")], [b"sleep", b"998877"], "Arguments")
    equal(str(bus.get(path, I_PROCESS, "CommandLine")), "sleep 998877", "CommandLine")
    equal(bool(bus.get(path, I_PROCESS, "Terminal")), False, "Terminal")
    bus.call(path, I_PROCESS, "Signal", "ib", 15, False)
    equal([int(a) for a in bus.signal("Exited", path)], [CLD_KILLED, 15], "Exited")
    os.close(pidfd)


def test_signal_reaches_the_program_or_its_group(tiny):
    bus = tiny.awake()
    script = b"sleep 445566 & trap 'exit 3' TERM; while :; do sleep 0.05; done"
    path, _ = bus.launch("tiny", [b"sh", b"-c", script])
    wait_for("the child runs", lambda: len(processes_saying("sleep 445566")) >= 2)
    bus.call(path, I_PROCESS, "Signal", "ib", 10, True)
    equal([int(a) for a in bus.signal("Exited", path)], [CLD_KILLED, 10], "Exited after a signal to the group")
    wait_for("the child got it too", lambda: not processes_saying("sleep 445566"))
    for number in (-1, 0, 65, 1 << 20):
        path, _ = bus.launch("tiny", [b"sleep", b"1000"])
        if number != 0:
            bus.fails("InvalidArgument", path, I_PROCESS, "Signal", "ib", number, False)
        bus.call(path, I_PROCESS, "Signal", "ib", 9, False)
        bus.signal("Exited", path)


def test_a_process_object_is_gone_after_the_end(tiny):
    bus = tiny.awake()
    hold = bus.manager("Hold", "s", "tiny").take()
    path, _ = bus.launch("tiny", [b"true"])
    bus.signal("Exited", path)
    try:
        bus.call(path, I_PROCESS, "GetPidFd")
    except bus.dbus.DBusException as error:
        expect("UnknownObject" in error.get_dbus_name() or "NoSuchProcess" in error.get_dbus_name(), str(error))
    else:
        raise Failure("the object still answers")
    equal(len(bus.manager("ListProcesses")), 0, "the number of processes")
    os.close(hold)


def test_hold_keeps_the_instance_until_the_descriptor_is_closed(tiny):
    bus = tiny.awake()
    fd = bus.manager("Hold", "s", "tiny").take()
    copy = os.dup(fd)
    bus.close()
    bus = tiny.awake()
    os.close(fd)
    equal(len(bus.manager("ListInstances")), 1, "instances with a copy of the descriptor open")
    os.close(copy)
    wait_for("the instance is gone", lambda: not bus.manager("ListInstances"))


def test_hold_with_an_empty_name_is_the_default_distribution(tiny):
    bus = tiny.awake()
    fd = bus.manager("Hold", "s", "").take()
    equal([str(i[0]) for i in bus.manager("ListInstances")], ["tiny"], "the instances")
    os.close(fd)


def test_linger_of_a_launch_outlives_the_connection(tiny):
    bus = tiny.awake()
    bus.launch("tiny", [b"sleep", b"667788"], linger=bus.dbus.UInt64(2**64 - 1))
    bus.close()
    bus = tiny.awake()
    for _ in range(20):
        bus.manager("ListInstances")
    expect(processes_saying("sleep 667788"), "the program was hung up")
    bus.manager("Terminate", "s", "tiny")
    expect(not processes_saying("sleep 667788"), "Terminate answered too early")


def test_objects_come_and_go_with_signals(tiny):
    bus = tiny.awake()
    bus.manager("Subscribe")
    path, _ = bus.launch("tiny", [b"true"])
    instance = f"{MANAGER}/instance/tiny"

    def objects(member):
        bus.turn()
        return {str(arguments[0]) for _, name, arguments in bus.signals if name == member}

    wait_for("InterfacesAdded of process and instance", lambda: {path, instance} <= objects("InterfacesAdded"))
    wait_for("InterfacesRemoved of the process", lambda: path in objects("InterfacesRemoved"))
    bus.close()
    bus = tiny.awake()
    bus.manager("Subscribe")
    wait_for("the instance is gone", lambda: not bus.manager("ListInstances"))


def test_without_subscribe_a_connection_gets_no_news_of_others(tiny):
    quiet = tiny.awake()
    bus = tiny.bus()
    path, _ = bus.launch("tiny", [b"true"])
    bus.signal("Exited", path)
    for _ in range(5):
        quiet.manager("ListInstances")
        quiet.turn()
    equal(quiet.signals, [], "the signals of a connection that asked for none")


def test_get_managed_objects_names_every_object(tiny):
    bus = tiny.awake()
    path, _ = bus.launch("tiny", [b"sleep", b"1000"])
    server = registered(tiny, bus)
    objects = bus.call(MANAGER, I_OBJECTS, "GetManagedObjects")
    found = {str(p): {str(i) for i in interfaces} for p, interfaces in objects.items()}
    for wanted, interface in (
        (f"{MANAGER}/distribution/tiny", I_DISTRIBUTION), (f"{MANAGER}/instance/tiny", I_INSTANCE), (path, I_PROCESS),
        (server, I_SERVER),
    ):  # fmt: skip
        expect(interface in found.get(wanted, ()), f"{wanted} is not in {found}")


def test_errors_come_by_their_names(tiny):
    bus = tiny.awake()
    d = bus.dbus
    empty = (d.Dictionary({}, "uh"), d.Array([], "ay"), d.Dictionary({}, "sv"))

    def launch(error, distribution, argv, cwd=b"", fds=empty[0], env=(), **options):
        words = d.Array([d.ByteArray(a) for a in argv], "ay")
        environment = d.Array([d.ByteArray(e) for e in env], "ay")
        return bus.fails(
            error, MANAGER, I_MANAGER, "Launch", "sayaaya{uh}aaya{sv}", distribution, d.ByteArray(cwd), words, fds,
            environment, d.Dictionary(options, "sv"),
        )  # fmt: skip

    contains(launch("NoSuchDistribution", "nosuch", [b"true"]), "nosuch")
    contains(launch("ProgramNotFound", "tiny", [b"nosuch"]), "nosuch")
    contains(launch("ProgramNotExecutable", "tiny", [b"/etc/passwd"]), "/etc/passwd")
    contains(launch("NoSuchUser", "tiny", [b"true"], user="nosuch"), "nosuch")
    contains(launch("NoSuchDirectory", "tiny", [b"true"], directory=d.ByteArray(b"/nosuch")), "/nosuch")
    launch("InvalidArgument", "tiny", [b"true"], env=[b"no-equals-sign"])
    launch("InvalidArgument", "tiny", [b"true"], env=[b"=value"])
    launch("InvalidArgument", "tiny", [b"tr\0ue"])
    launch("InvalidArgument", "tiny", [b""], cwd=b"relative")
    launch("InvalidArgument", "tiny", [b"true"], **{"terminal-fds": d.Array([d.UInt32(7)], "u")})
    launch("InvalidArgument", "tiny", [b"true"], **{"closed-fds": d.Array([d.UInt32(3)], "u")})
    launch("InvalidArgument", "tiny", [b"true"], background=True)
    launch("InvalidArgument", "tiny", [b"true"], user=d.UInt32(1))
    for name in ("../tiny", "tiny/..", "a b", "x" * 300):
        bus.fails("InvalidName", MANAGER, I_MANAGER, "InstallFrom", "ssa{sv}", "bootstrap:bookworm", name, empty[2])
    bus.fails("UnsupportedSource", MANAGER, I_MANAGER, "InstallFrom", "ssa{sv}", "gopher://x", "x", empty[2])
    bus.fails("NoSuchDistribution", MANAGER, I_MANAGER, "Uninstall", "sa{sv}", "nosuch", empty[2])
    bus.fails("NoSuchDistribution", MANAGER, I_MANAGER, "SetDefault", "s", "nosuch")
    bus.fails("NoSuchDistribution", MANAGER, I_MANAGER, "Hold", "s", "nosuch")
    bus.fails("NoSuchDistribution", MANAGER, I_MANAGER, "Terminate", "s", "nosuch")
    equal(len(bus.manager("ListProcesses")), 0, "what runs after all that")


def test_an_unknown_option_is_refused_rather_than_ignored(tiny):
    bus = tiny.awake()
    d = bus.dbus
    try:
        bus.launch("tiny", [b"true"], nosuchoption=True)
    except d.DBusException as error:
        contains(str(error), "nosuchoption", what="the error")
    else:
        raise Failure("the option was accepted")


def test_calls_with_a_wrong_signature_are_refused_and_harm_nothing(tiny):
    bus = tiny.awake()
    for signature, arguments in (("s", ("x",)), ("ss", ("x", "y")), ("u", (1,)), ("", ())):
        try:
            bus.manager("Launch", signature, *arguments)
        except bus.dbus.DBusException as error:
            contains(error.get_dbus_name(), "InvalidArgs", what="the error's name")
        else:
            raise Failure(f"Launch({signature}) succeeded")
    for path, interface, method in (
        (MANAGER, I_MANAGER, "NoSuchMethod"), ("/", I_MANAGER, "ListInstances"), (f"{MANAGER}/process/99", I_PROCESS, "GetPidFd"),
        (f"{MANAGER}/instance/tiny", I_INSTANCE, "OpenRoot"), (f"{MANAGER}/distribution/none", I_DISTRIBUTION, "x"),
    ):  # fmt: skip
        try:
            bus.call(path, interface, method)
        except bus.dbus.DBusException:
            continue
        raise Failure(f"{method} of {path} succeeded")
    equal(len(bus.manager("ListDistributions")), 1, "the number of distributions")


def test_properties_cannot_be_written(tiny):
    bus = tiny.awake()
    for name in ("Version", "DefaultDistribution", "DataDirectory"):
        try:
            bus.call(MANAGER, I_PROPERTIES, "Set", "ssv", I_MANAGER, name, "x")
        except bus.dbus.DBusException:
            continue
        raise Failure(f"{name} could be set")


def test_properties_tell_the_truth(tiny):
    bus = tiny.awake()
    equal(str(bus.get(MANAGER, I_MANAGER, "DataDirectory")), tiny.data, "DataDirectory")
    equal(str(bus.get(MANAGER, I_MANAGER, "DefaultDistribution")), "tiny", "DefaultDistribution")
    equal(int(bus.get(MANAGER, I_MANAGER, "Distributions")), 1, "Distributions")
    path = f"{MANAGER}/distribution/tiny"
    equal(str(bus.get(path, I_DISTRIBUTION, "Name")), "tiny", "Name")
    equal(str(bus.get(path, I_DISTRIBUTION, "State")), "installed", "State")
    equal(bool(bus.get(path, I_DISTRIBUTION, "Default")), True, "Default")
    equal(str(bus.get(path, I_DISTRIBUTION, "Release")), "Tiny test distribution", "Release")
    equal(str(bus.get(path, I_DISTRIBUTION, "RootDirectory")), tiny.rootfs("tiny"), "RootDirectory")
    age = time.time() - int(bus.get(path, I_DISTRIBUTION, "InstallTime")) / 1e6
    expect(0 <= age < 24 * 3600, f"InstallTime is {age} s ago")
    expect(str(bus.get(MANAGER, I_MANAGER, "Version")), "Version is empty")
    target = str(bus.get(MANAGER, I_MANAGER, "LogTarget"))
    expect(target == "journal" or os.path.exists(target), f"LogTarget is {target!r}")
    bus.launch("tiny", [b"sleep", b"1000"])
    wanted = {"root": "root", "rootless": "subids", "single": "single"}[mode()]
    equal(str(bus.get(MANAGER, I_MANAGER, "IdMode")), wanted, "IdMode")


def test_open_root_is_the_instances_root(tiny):
    bus = tiny.awake()
    bus.launch("tiny", [b"sleep", b"1000"])
    fd = bus.call(f"{MANAGER}/instance/tiny", I_INSTANCE, "OpenRoot").take()
    with open(os.open("etc/marker", os.O_RDONLY, dir_fd=fd)) as file:
        equal(file.read(), "tiny\n", "/etc/marker beneath it")
    os.close(fd)


# ------------------------------------------------------------------ operations


def test_an_operation_reports_its_progress_and_its_end(fresh):
    bus = fresh.awake()
    bus.manager("Subscribe")
    data = tiny_tar()
    reader, writer = os.pipe()
    options = bus.dbus.Dictionary({"default": True}, "sv")
    path = str(bus.manager("Install", "hsa{sv}", bus.dbus.types.UnixFd(reader), "new", options))
    os.close(reader)
    equal(str(bus.get(path, I_OPERATION, "Kind")), "install", "Kind")
    equal(str(bus.get(path, I_OPERATION, "Distribution")), "new", "Distribution")
    os.write(writer, data[:4096])
    expect(str(bus.get(path, I_OPERATION, "Stage")) in ("preparing", "extracting"), "an unexpected stage")
    expect(float(bus.get(path, I_OPERATION, "Progress")) < 1, "it claims to be complete")
    with open(writer, "wb") as stream:
        stream.write(data[4096:])
    equal([str(a) for a in bus.signal("Finished", path)], ["done", "", ""], "Finished")
    equal(fresh.installed(), ["new"])


def test_a_failed_operation_says_why(fresh):
    bus = fresh.awake()
    none = bus.dbus.Dictionary({}, "sv")
    for data, error in ((b"a letter\n" * 1000, "NotAnArchive"), (tiny_tar()[:100000], "ArchiveDamaged")):
        reader, writer = os.pipe()
        path = str(bus.manager("Install", "hsa{sv}", bus.dbus.types.UnixFd(reader), "bad", none))
        os.close(reader)
        try:
            with open(writer, "wb") as stream:
                stream.write(data)
        except BrokenPipeError:
            pass
        result, name, message = bus.signal("Finished", path)
        equal((str(result), str(name)), ("failed", f"org.lxss.Error.{error}"), f"Finished ({message})")
        expect(len(str(message).split()) >= 3, f"the message is {message!r}")


def test_cancel_ends_an_operation(fresh):
    bus = fresh.awake()
    reader, writer = os.pipe()
    path = str(bus.manager("Install", "hsa{sv}", bus.dbus.types.UnixFd(reader), "half", bus.dbus.Dictionary({}, "sv")))
    os.close(reader)
    bus.call(path, I_OPERATION, "Cancel")
    equal(str(bus.signal("Finished", path)[0]), "canceled", "Finished")
    wait_for("nothing is staged", lambda: not fresh.staged())
    os.close(writer)


def test_an_operation_ends_with_its_caller_unless_detached(fresh):
    for detach in (False, True):
        bus = fresh.awake()
        reader, writer = os.pipe()
        options = bus.dbus.Dictionary({"detach": True} if detach else {}, "sv")
        bus.manager("Install", "hsa{sv}", bus.dbus.types.UnixFd(reader), "kept", options)
        os.close(reader)
        bus.close()
        other = fresh.awake()
        if detach:
            with open(writer, "wb") as stream:
                stream.write(tiny_tar())
            wait_for("the operation is over", lambda: not other.manager("ListOperations"))
            equal(fresh.installed(), ["kept"])
        else:
            wait_for("the operation is cancelled", lambda: not other.manager("ListOperations"))
            os.close(writer)
            equal(fresh.installed(), [])
        other.close()


def test_launch_without_wait_fails_with_operation_pending(fresh):
    bus = fresh.awake()
    reader, writer = os.pipe()
    bus.manager("Install", "hsa{sv}", bus.dbus.types.UnixFd(reader), "soon", bus.dbus.Dictionary({}, "sv"))
    os.close(reader)
    d = bus.dbus
    bus.fails(
        "OperationPending", MANAGER, I_MANAGER, "Launch", "sayaaya{uh}aaya{sv}", "soon", d.ByteArray(b""),
        d.Array([d.ByteArray(b"true")], "ay"), d.Dictionary({}, "uh"), d.Array([], "ay"), d.Dictionary({"wait": False}, "sv"),
    )  # fmt: skip
    os.close(writer)


# --------------------------------------------------------------- the contract


def interfaces(text):
    """{interface: {(kind, name): what it takes, gives, allows}} of the XML."""
    found = {}
    for interface in ElementTree.fromstring(text).iter("interface"):
        members = {}
        for member in interface:
            if member.tag == "annotation":
                continue
            default = "out" if member.tag == "signal" else "in"
            arguments = [(a.get("name"), a.get("type"), a.get("direction", default)) for a in member.iter("arg")]
            if member.tag == "property":
                arguments = [(member.get("type"), member.get("access"))]
            members[member.tag, member.get("name")] = arguments
        found[interface.get("name")] = members
    return {name: members for name, members in found.items() if name.startswith("org.lxss.")}


def test_the_interface_xml_equals_live_introspection(fresh):
    source = os.path.join(fresh.work, "tiny.tar")
    tiny_tar(source)
    fresh.install(source, "tiny").good()
    bus = fresh.awake()
    process, _ = bus.launch("tiny", [b"sleep", b"1000"])
    reader, writer = os.pipe()
    operation = str(bus.manager("Install", "hsa{sv}", bus.dbus.types.UnixFd(reader), "soon", bus.dbus.Dictionary({}, "sv")))
    server = registered(fresh, bus)
    live = {}
    for path in (MANAGER, f"{MANAGER}/distribution/tiny", f"{MANAGER}/instance/tiny", process, operation, server):
        text = str(bus.call(path, "org.freedesktop.DBus.Introspectable", "Introspect"))
        here = interfaces(text)
        equal(len(here), 1, f"the number of our interfaces of {path}")
        live.update(here)
        expect("org.freedesktop.DBus.Properties" in text, f"{path} has no Properties")
    written = interfaces(read(os.path.join(SOURCE, "dbus", "org.lxss.Manager1.xml")).decode())
    equal(sorted(live), sorted(written), "the live interfaces")
    for name in written:
        for member in sorted(set(written[name]) | set(live[name])):
            equal(live[name].get(member), written[name].get(member), f"{name}: live {member[0]} {member[1]}")
    os.close(reader)
    os.close(writer)


# ----------------------------------------------------------------------- others


ATTACK = """
import os, socket, sys
claimed = sys.argv[2].encode().hex().encode()
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect(sys.argv[1])
message = b"l\\x01\\0\\x01\\0\\0\\0\\0\\x01\\0\\0\\0"
path, interface, member = b"/org/lxss/Manager1", b"org.lxss.Manager1", b"ListDistributions"
fields = b""
for code, kind, value in ((1, b"o", path), (2, b"s", interface), (3, b"s", member)):
    fields += b"\\0" * (-len(fields) % 8) + bytes([code, 1]) + kind + b"\\0" + len(value).to_bytes(4, "little") + value + b"\\0"
message += len(fields).to_bytes(4, "little") + fields
message += b"\\0" * (-len(message) % 8)
try:
    s.sendall(b"\\0AUTH EXTERNAL " + claimed + b"\\r\\nNEGOTIATE_UNIX_FD\\r\\nBEGIN\\r\\n" + message)
    got = b""
    while True:
        data = s.recv(65536)
        if not data:
            break
        got += data
        if b"\\x02" in got and b"distribution" in got:
            break
except (ConnectionError, TimeoutError) as error:
    got = str(error).encode()
sys.stdout.buffer.write(got)
"""


@modes("root")
def test_another_user_is_refused_on_the_private_socket(tiny):
    bus = tiny.awake()
    folders = [tiny.runtime, os.path.dirname(tiny.runtime)]
    before = [os.stat(f).st_mode for f in folders]
    for folder in folders:
        os.chmod(folder, 0o755)
    os.chmod(tiny.socket, 0o666)
    try:
        own = run("/usr/bin/python3", "-c", ATTACK, tiny.socket, "0")
        contains(own.out, "distribution", what="the answer to root, which shows that the attack would work")
        for claimed in ("65534", "0", ""):
            result = run(
                "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", ATTACK, tiny.socket, claimed
            )
            expect(b"tiny" not in result.out and b"distribution/" not in result.out, f"claiming {claimed!r} got {result.out!r}")
    finally:
        for folder, bits in zip(folders, before):
            os.chmod(folder, bits & 0o7777)
    equal(len(bus.manager("ListDistributions")), 1, "what root still gets")


@modes("root")
def test_lxctl_refuses_a_server_of_another_user(fresh):
    os.makedirs(fresh.runtime, exist_ok=True)
    server = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o666);"
        "s.listen(); print('ready', flush=True); c, _ = s.accept(); print(c.recv(100), flush=True)"
    )
    os.chown(fresh.runtime, 65534, 65534)
    os.chmod(os.path.dirname(fresh.runtime), 0o755)
    squatter = Command(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", server, fresh.socket]
    )
    squatter.reads("ready")
    sentence(fresh.lxctl("list"), code=125)
    equal(squatter.finish().out, b"ready\nb''\n", "what the squatter said and received")
    os.chown(fresh.runtime, 0, 0)
    os.unlink(fresh.socket)


def test_a_runtime_directory_that_others_may_write_is_not_used(fresh):
    os.makedirs(fresh.runtime)
    os.chmod(fresh.runtime, 0o777)
    sentence(fresh.lxctl("list"), fresh.runtime, code=125)
    os.rmdir(fresh.runtime)
    os.symlink("/tmp", fresh.runtime)
    sentence(fresh.lxctl("list"), code=125)
    os.unlink(fresh.runtime)


if __name__ == "__main__":
    main(globals())
