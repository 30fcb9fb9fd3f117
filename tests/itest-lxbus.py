#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""LxBus through its tools: lxctl bus on the host, lxbus in instances."""

import hashlib
import os
import signal
import subprocess
import tarfile

from lxss_test import (
    I_OBJECTS, I_PROPERTIES, I_SERVER, MANAGER, Command, contains, descendants, equal, everywhere, example, expect, main, mode,
    program, run, sentence, tiny_tar, wait_for,
)  # fmt: skip

LARGE = 3 << 20  # bytes of a message that no packet holds


def listed(world):
    return world.lxctl("--json", "bus", "list").json()


def serves(world, command, name, instance=None):
    """Waits until a server has that name."""

    def there():
        expect(command.poll() is None, f"listen ended with {command.returncode}")
        return [e for e in listed(world) if e["name"] == name and e["instance"] == instance]

    return wait_for(f"{name} is registered", there)[0]


def host_server(world, name, *words, **options):
    command = world.start("bus", "listen", name, *words, **options)
    serves(world, command, name)
    return command


def inner_server(world, name, *words, **options):
    command = world.start_launch("lxbus", "listen", name, *words, **options)
    serves(world, command, name, world.distribution)
    return command


@everywhere
def test_a_program_of_the_host_serves_an_instance(tiny):
    host_server(tiny, "upper", "--", "tr", "a-z", "A-Z")
    equal(tiny.launch("lxbus", "connect", "upper", input=b"from inside\n").good().text, "FROM INSIDE")
    equal(tiny.launch("lxbus", "connect", "upper", input=b"and again\n").good().text, "AND AGAIN")


@everywhere
def test_a_program_of_an_instance_serves_the_host(tiny):
    inner_server(tiny, "inner", "--", "cat", "/etc/marker")
    equal(tiny.lxctl("bus", "connect", "inner", input=b"").good().text, "tiny")


@everywhere
def test_programs_of_one_instance_reach_each_other(tiny):
    inner_server(tiny, "near", "--visible=here", "--", "cat")
    equal(tiny.launch("lxbus", "connect", "near", input=b"hello").good().text, "hello")
    sentence(tiny.lxctl("bus", "connect", "near", input=b""), "no server", "near", code=125)


@everywhere
def test_megabytes_pass_in_both_directions_at_once(tiny):
    data = os.urandom(LARGE)
    host_server(tiny, "echo", "--", "cat")
    result = tiny.launch("lxbus", "connect", "echo", input=data).good()
    equal(hashlib.sha256(result.out).digest(), hashlib.sha256(data).digest(), "what came back")


@everywhere
def test_a_call_is_one_message_and_its_answer_another(tiny):
    host_server(tiny, "ask", "--", "sh", "-c", "wc -c")
    equal(int(tiny.launch("lxbus", "call", "ask", input=b"x" * LARGE).good().text), LARGE)


@everywhere
def test_two_instances_reach_each_other_where_the_server_says_so(fresh):
    tiny_tar(os.path.join(fresh.work, "one.tar"), marker="one")
    for name in ("one", "two"):
        fresh.install(os.path.join(fresh.work, "one.tar"), name).good()
    fresh.distribution = "one"
    inner_server(fresh, "shared", "--", "sh", "-c", "echo for $LXBUS_PEER_INSTANCE")
    inner_server(fresh, "for-host", "--visible=host", "--", "cat")
    fresh.distribution = "two"
    equal(fresh.launch("lxbus", "connect", "shared", input=b"").good().text, "for two")
    sentence(fresh.launch("lxbus", "connect", "for-host", input=b""), "no server", code=125)
    equal(fresh.lxctl("bus", "connect", "for-host", input=b"x").good().text, "x")


@everywhere
def test_each_end_learns_from_the_service_who_the_other_is(tiny):
    host_server(tiny, "who", "--", "sh", "-c", "echo $LXBUS_PEER_INSTANCE/$LXBUS_PEER_UID/$LXBUS_PEER_PID; readlink /proc/$LXBUS_PEER_PID/exe")
    result = tiny.launch("lxbus", "connect", "who", options=["-u", "root"], input=b"").good().text.splitlines()
    instance, uid, pid = result[0].split("/")
    equal((instance, uid), ("tiny", "0"))
    expect(int(pid) > 1, f"{pid} is no process of the host")
    result = tiny.lxctl("bus", "connect", "who", input=b"").good().text.splitlines()
    instance, uid, pid = result[0].split("/")
    equal((instance, int(uid)), ("", os.getuid()))
    contains(result[1], "lxctl")


@everywhere
def test_a_server_is_waited_for(tiny):
    tiny.hold()
    client = tiny.start_launch("lxbus", "connect", "later", "--wait", stdin=subprocess.DEVNULL)
    limited = tiny.lxctl("bus", "connect", "never", "--wait", "--timeout=0", input=b"")
    sentence(limited, "in time", code=125)
    expect(client.poll() is None, "connect did not wait")
    server = tiny.start("bus", "listen", "later", "--once", "--", "echo", "here")
    result = client.finish()
    equal(result.good().text, "here")
    equal(server.ended(), 0, "the exit code of the server, which is its program's")


@everywhere
def test_descriptors_are_passed(tiny):
    reader, writer = os.pipe()
    inner_server(tiny, "fds", "--fd", "--once", "--", "sh", "-c", "echo $LXBUS_FDS; echo straight >&3")
    client = tiny.start("bus", "connect", "fds", f"--fd={writer}", stdin=subprocess.DEVNULL, pass_fds=[writer])
    os.close(writer)
    equal(client.finish().good().text, "1")
    with os.fdopen(reader, "rb") as pipe:
        equal(pipe.read(), b"straight\n", "what came through the descriptor")


@everywhere
def test_list_and_the_bus_tell_who_serves_and_how_many_are_connected(tiny):
    inner_server(tiny, "counted", "--", "cat")
    clients = []
    for n in range(1, 4):
        clients.append(tiny.start("bus", "connect", "counted", stdin=subprocess.PIPE))
        clients[-1].stdin.write(b"hello\n")
        clients[-1].stdin.flush()
        clients[-1].reads("hello")
        equal([e["ports"] for e in listed(tiny) if e["name"] == "counted"], [n])
    clients.pop().finish(b"")
    wait_for("a port is closed", lambda: [e["ports"] for e in listed(tiny) if e["name"] == "counted"] == [2])
    bus = tiny.bus()
    found = [tuple(entry) for entry in bus.manager("ListServers")]
    bus.close()
    equal([(name, instance, visible, ports) for name, instance, visible, _, _, ports in found], [("counted", "tiny", "all", 2)])
    contains(tiny.lxctl("bus", "list").good().text, "NAME", "counted", "tiny", "all")
    contains(tiny.launch("lxbus", "list").good().text, "counted", "tiny")


def server_objects(bus):
    """Path → properties."""
    objects = bus.call(MANAGER, I_OBJECTS, "GetManagedObjects")
    return {str(path): interfaces[I_SERVER] for path, interfaces in objects.items() if I_SERVER in interfaces}


@everywhere
def test_servers_are_objects_that_say_whose_they_are_and_how_many_ports_are_open(tiny):
    inner_server(tiny, "inside", "--visible=host", "--", "cat")
    outer = host_server(tiny, "outside", "--visible=here", "--", "cat")
    client = tiny.start("bus", "connect", "inside", stdin=subprocess.PIPE)
    client.stdin.write(b"hello\n")
    client.stdin.flush()
    client.reads("hello")
    bus = tiny.bus()
    objects = server_objects(bus)
    found = {str(o["Name"]): (path, o) for path, o in objects.items()}
    path, inside = found["inside"]
    entry = next(e for e in listed(tiny) if e["name"] == "inside")
    equal([str(inside["Instance"]), str(inside["Visible"]), bool(inside["Unnamed"])], ["tiny", "host", False])
    equal([int(inside[key]) for key in ("Uid", "Pid", "Ports")], [entry["uid"], entry["pid"], 1])
    equal(int(inside["HostUid"]), os.stat(f"/proc/{entry['pid']}").st_uid, "the user on the host")
    _, outside = found["outside"]
    equal([str(outside["Instance"]), str(outside["Visible"]), int(outside["HostUid"])], ["", "here", os.getuid()])
    equal(int(outside["Pid"]), outer.pid)
    equal(int(bus.get(MANAGER, "org.lxss.Manager1", "Servers")), 2)
    client.finish(b"").good()
    wait_for("the port is closed", lambda: int(bus.get(path, I_SERVER, "Ports")) == 0)
    equal(bus.error(f"{MANAGER}/server/999", I_PROPERTIES, "GetAll", "s", I_SERVER), "org.freedesktop.DBus.Error.UnknownObject")


@everywhere
def test_servers_come_and_go_with_signals_and_connections_have_none(tiny):
    tiny.hold()
    bus = tiny.bus()
    bus.manager("Subscribe")
    server = inner_server(tiny, "heard", "--", "cat")

    def server_signals(member):
        bus.turn()
        return [str(a[0]) for _, name, a in bus.signals if name == member and str(a[0]).startswith(f"{MANAGER}/server/")]

    wait_for("InterfacesAdded of the server", lambda: server_signals("InterfacesAdded"))
    path = next(iter(server_objects(bus)))
    equal(server_signals("InterfacesAdded"), [path])
    for _ in range(3):
        equal(tiny.lxctl("bus", "connect", "heard", input=b"x").good().text, "x")
    equal([name for at, name, _ in bus.signals if at == path], [], "the signals of the server, to which three connected")
    server.kill()
    server.let_go()
    wait_for("InterfacesRemoved of the server", lambda: server_signals("InterfacesRemoved") == [path])
    equal(server_objects(bus), {})


@everywhere
def test_a_name_is_taken_once_on_each_side(tiny):
    host_server(tiny, "name", "--", "echo", "host")
    sentence(tiny.lxctl("bus", "listen", "name"), "already", "name", code=125)
    inner_server(tiny, "name", "--", "echo", "instance")
    equal(tiny.lxctl("bus", "connect", "name", input=b"").good().text, "host")
    equal(tiny.lxctl("bus", "connect", "name", "--in=tiny", input=b"").good().text, "instance")
    equal(tiny.launch("lxbus", "connect", "name", input=b"").good().text, "instance")
    equal(tiny.launch("lxbus", "connect", "name", "--in=host", input=b"").good().text, "host")


@everywhere
def test_a_name_goes_with_its_server(tiny):
    tiny.hold()
    server = host_server(tiny, "gone", "--", "cat")
    server.kill()
    server.wait()
    wait_for("the name is free", lambda: listed(tiny) == [])
    server = inner_server(tiny, "gone", "--", "cat")
    tiny.lxctl("terminate", "tiny").good()
    wait_for("the name is free", lambda: listed(tiny) == [])


@everywhere
def test_a_client_sees_the_end_of_the_instance_that_it_is_connected_to(tiny):
    inner_server(tiny, "ending", "--", "cat")
    client = tiny.start("bus", "connect", "ending", stdin=subprocess.PIPE)
    client.stdin.write(b"hello\n")
    client.stdin.flush()
    client.reads("hello")
    tiny.lxctl("terminate", "tiny").good()
    equal(client.ended(), 0, "the exit code of connect")


@everywhere
def test_lxssd_stays_for_a_server_of_the_host_and_goes_with_it(tiny):
    server = host_server(tiny, "stays", "--", "cat")
    bus = tiny.bus()
    equal(int(bus.get("/org/lxss/Manager1", "org.lxss.Manager1", "Instances")), 0)
    bus.close()
    daemon = tiny.daemon()
    server.kill()
    server.wait()
    wait_for("lxssd ends", lambda: daemon not in descendants())


@everywhere
def test_an_isolated_instance_keeps_to_itself(fresh):
    tiny_tar(os.path.join(fresh.work, "one.tar"))
    fresh.install(os.path.join(fresh.work, "one.tar"), "one").good()
    fresh.distribution = "one"
    fresh.lxctl("config", "one", "isolated", "yes").good()
    host_server(fresh, "outside", "--", "cat")
    sentence(fresh.launch("lxbus", "connect", "outside", input=b""), "no server", code=125)
    inner_server(fresh, "inside", "--", "cat")
    equal(fresh.launch("lxbus", "connect", "inside", input=b"x").good().text, "x")
    sentence(fresh.launch("lxbus", "listen", "inside2", "--visible=host"), "settings", code=125)
    sentence(fresh.lxctl("bus", "connect", "inside", input=b""), "no server", code=125)


@everywhere
def test_an_instance_can_be_kept_from_the_bus(fresh):
    tiny_tar(os.path.join(fresh.work, "one.tar"))
    fresh.install(os.path.join(fresh.work, "one.tar"), "one").good()
    fresh.distribution = "one"
    fresh.lxctl("config", "one", "lxbus", "none").good()
    sentence(fresh.launch("lxbus", "list"), "settings", code=125)
    sentence(fresh.launch("lxbus", "listen", "x", "--", "cat"), "settings", code=125)


@everywhere
def test_the_example_of_a_host_service_answers_an_instance(tiny):
    server = Command([example(tiny, "host-service")], env=tiny.environment())
    serves(tiny, server, "greeter")
    user = 0 if mode() == "single" else int(tiny.launch("id", "-u").good().text)
    for unread in (b"", b"\n", b"what the example does not read"):
        for _ in range(5):
            equal(tiny.launch("lxbus", "connect", "greeter", input=unread).good().text, f"hello, user {user} of tiny")


@everywhere
def test_the_example_of_shared_memory_copies_a_file(tiny):
    words = example(tiny, "shared-memory")
    data = os.urandom(5 << 20)
    with open(os.path.join(tiny.work, "data"), "wb") as file:
        file.write(data)
    consumer = Command([words, "consume"], env=tiny.environment())
    with open(os.path.join(tiny.work, "data"), "rb") as file:
        producer = Command([words, "produce"], env=tiny.environment(), stdin=file)
    result = consumer.finish().good()
    equal(producer.ended(), 0, "the exit code of the producer")
    equal(hashlib.sha256(result.out).digest(), hashlib.sha256(data).digest(), "what came out")


@everywhere
def test_a_login_shell_finds_lxbus_whatever_the_profile_makes_of_path(fresh):
    def change(add, _):
        add("etc", type=tarfile.DIRTYPE)
        add("etc/profile", b"PATH=/bin:/usr/bin; export PATH\nfor f in /etc/profile.d/*.sh; do . $f; done\n", mode=0o644)
        add("etc/profile.d", type=tarfile.DIRTYPE)

    tiny_tar(os.path.join(fresh.work, "profile.tar"), change=change)
    fresh.install(os.path.join(fresh.work, "profile.tar"), "profile").good()
    script = b"command -v lxbus; . /etc/profile.d/lxss.sh; echo $PATH\n"
    equal(fresh.lxctl("launch", "-d", "profile", input=script).good().text.splitlines(), ["/run/lxss/bin/lxbus", "/bin:/usr/bin:/run/lxss/bin"])
    place = os.path.join(fresh.rootfs("profile"), "etc/profile.d")
    before = [os.stat(path).st_mtime_ns for path in (place, os.path.join(place, "lxss.sh"))]
    fresh.lxctl("export", "--terminate", "profile", os.path.join(fresh.work, "again.tar")).good()
    fresh.install(os.path.join(fresh.work, "again.tar"), "again").good()
    place = os.path.join(fresh.rootfs("again"), "etc/profile.d")
    after = [os.stat(path).st_mtime_ns for path in (place, os.path.join(place, "lxss.sh"))]
    equal([t // 10**9 for t in after], [t // 10**9 for t in before], "when what was there already was changed")


@everywhere
def test_mistakes_get_a_sentence(tiny):
    for words, needles in (
        ([], ["What is to be done", "listen"]),
        (["lisen", "x"], ["lisen", "listen"]),
        (["dance", "x"], ["dance", "connect"]),
        (["listen"], ["name", "missing"]),
        (["connect"], ["name", "missing"]),
        (["list", "x"], ["one word too many"]),
        (["connect", "x", "y"], ["one word too many"]),
        (["listen", "x", "--visible=everywhere"], ["everywhere", "all"]),
        (["connect", "x", "--fd=99"], ["99", "descriptor"]),
        (["connect", "x", "--timeout=soon"], ["soon"]),
        (["connect", "nobody-has-this"], ["nobody-has-this", "no server"]),
        (["connect", "nobody", "--in=nowhere"], ['no server "nobody" in nowhere']),
        (["connect", "nobody", "--in=host"], ['no server "nobody" on the host']),
        (["connect", "x", "--in=no/where"], ["no/where", "distribution"]),
        (["connect", "x y"], ["x y", "letters, digits"]),
        (["listen", ".x", "--", "cat"], [".x", "letters, digits"]),
        (["listen", "-x"], ["x"]),
    ):
        sentence(tiny.lxctl("bus", *words, input=b""), *needles, code=125)
    sentence(tiny.lxctl("bus", "listen", "x", "--", "no-such-program"), "no-such-program", code=127)
    sentence(tiny.lxctl("bus", "listen", "x", "--", "/etc/passwd"), "/etc/passwd", "Permission denied", code=126)
    equal(listed(tiny), [], "the servers of programs that are not there")


@everywhere
def test_connect_ends_as_a_filter_does_when_nobody_reads_on(tiny):
    host_server(tiny, "endless", "--", "cat")
    shell = f"yes | {program('lxctl')} bus connect endless | head -n 1; echo ${{PIPESTATUS[1]}}"
    result = run("bash", "-c", shell, env=tiny.environment()).good()
    equal(result.text.split(), ["y", str(128 + signal.SIGPIPE)])


if __name__ == "__main__":
    main(globals())
