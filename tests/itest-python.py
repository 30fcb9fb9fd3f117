#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python package: what a script can do with LxBus, against the real lxssd. A script runs in a
process of its own, since the package loads its library once."""

import os
import sys

from lxss_test import SOURCE, Command, equal, everywhere, library, main, read, tiny_tar  # fmt: skip

PROLOGUE = """
import mmap, os, signal, sys, threading, lxss
"""


def script(world, text, **options):
    environment = world.environment({"PYTHONPATH": os.path.join(SOURCE, "python"), "PYTHONDONTWRITEBYTECODE": "1"})
    environment["LXSS_LIBRARY"] = library()
    return Command([sys.executable, "-c", PROLOGUE + text], env=environment, cwd=world.work, **options)


def said(world, text):
    return script(world, text).finish().good().text


@everywhere
def test_a_script_offers_a_service_to_an_instance(tiny):
    server = script(tiny, """
with lxss.Bus() as bus, bus.register("clock") as server:
    print("ready", flush=True)
    with server.accept() as port:
        question = port.receive()
        port.send(question.data.upper() + f" {port.peer.instance}".encode())
        port.finish()
        try:
            port.receive()
        except BrokenPipeError:
            print("over")
""")
    server.reads("ready")
    equal(tiny.launch("lxbus", "call", "clock", input=b"noon").good().text, "NOON tiny")
    equal(server.finish().good().text, "ready\nover")


@everywhere
def test_messages_of_every_size_come_whole(tiny):
    equal(said(tiny, """
bus = lxss.Bus()
server = bus.register("sizes")
client = bus.connect("sizes")
port = server.accept(timeout=10)
for size in (0, 1, 4095, 4096, 4097, 32767, 32768, 32769, 1 << 20, 16 << 20):
    data = os.urandom(size)
    sender = threading.Thread(target=client.send, args=[data])
    sender.start()
    assert port.receive().data == data, size
    sender.join()
try:
    client.send(bytes((16 << 20) + 1))
except OSError as error:
    print(error.strerror)
"""), "Message too long")  # fmt: skip


@everywhere
def test_descriptors_processes_and_memory_are_marshalled(tiny):
    equal(said(tiny, """
bus = lxss.Bus()
server = bus.register("things")
client, port = bus.connect("things"), server.accept(timeout=10)
reader, writer = os.pipe()
memory = lxss.memory(8192)
mmap.mmap(memory, 8192)[:5] = b"hello"
child = os.fork()
if child == 0:
    signal.pause()
client.send(b"x", [
    lxss.Object(lxss.Kind.FD, writer),
    lxss.Object(lxss.Kind.MEMORY, memory),
    lxss.Object(lxss.Kind.PROCESS, pid=child, terminate=True),
])
os.close(writer)
message = port.receive()
pipe, shared, process = message.objects
os.write(pipe.fd, b"through")
print(message.data, os.read(reader, 99), shared.size, mmap.mmap(shared.fd, shared.size)[:5], process.pid == child)
port.close()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL)
"""), "b'x' b'through' 8192 b'hello' True\nTrue")  # fmt: skip


@everywhere
def test_a_ring_carries_bytes_between_processes(tiny):
    equal(said(tiny, """
import hashlib
bus = lxss.Bus()
server = bus.register("ring")
if os.fork() == 0:
    port = lxss.Bus().connect("ring")
    ring = lxss.Ring.receive(port)
    digest = hashlib.sha256()
    while data := ring.read(1 << 16):
        digest.update(data)
    port.send(digest.digest())
    os._exit(0)
port = server.accept(timeout=10)
ring = lxss.Ring.new(1 << 16, lxss.RingEnd.WRITER)
ring.send(port)
data = os.urandom(1 << 22)
ring.write(data)
ring.close()
print(port.receive().data == hashlib.sha256(data).digest())
os.wait()
"""), "True")  # fmt: skip


@everywhere
def test_a_ticket_is_the_only_way_to_an_unnamed_server(tiny):
    equal(said(tiny, """
bus = lxss.Bus()
server, ticket = bus.register_unnamed()
print([entry.name for entry in bus.list()])
client = lxss.Bus(ticket).connect()
port = server.accept(timeout=10)
client.send(b"in")
print(port.receive().data, port.peer.pid == os.getpid(), client.peer.pid == os.getpid())
"""), "[None]\nb'in' True True")  # fmt: skip


@everywhere
def test_waiting_ends_in_time_and_when_it_is_canceled(tiny):
    equal(said(tiny, """
bus = lxss.Bus()
server = bus.register("slow")
for wait in (lambda: server.accept(timeout=0.01), lambda: bus.connect("nobody", wait=True, timeout=0.01),
             lambda: bus.connect("slow").receive(timeout=0.01)):
    try:
        wait()
    except TimeoutError:
        print("timeout")
threading.Timer(0.1, server.cancel).start()
server.accept(timeout=10)
try:
    server.accept()
except OSError as error:
    print(error.strerror)
"""), "timeout\ntimeout\ntimeout\nOperation canceled")  # fmt: skip


@everywhere
def test_a_script_launches_programs_and_captures_what_they_print(tiny):
    equal(said(tiny, """
with lxss.Client() as client:
    print([(d.name, d.state, d.is_default) for d in client.list()])
    print(client.run(["cat", "/etc/marker"], "tiny"))
    print(client.run(["sh", "-c", "exit 3"]).returncode, client.run(["sh", "-c", "kill -9 $$"]).returncode)
"""), "[('tiny', 'installed', True)]\nCompleted(returncode=0, stdout=b'tiny\\n')\n3 -9")  # fmt: skip


@everywhere
def test_a_launched_program_is_signalled_waited_for_and_ends_with_its_client(tiny):
    equal(said(tiny, """
import select
client = lxss.Client()
with client.launch(["sleep", "1000"], fds={}) as process:
    pidfd = process.pidfd()
    try:
        process.wait(timeout=0.01)
    except TimeoutError:
        print("runs")
    process.signal(signal.SIGTERM)
    print(process.wait(), process.wait())
    select.select([pidfd], [], [])
held = client.hold("tiny")
with client.launch(["sleep", "1000"], fds={}) as process:
    pidfd = process.pidfd()
client.close()
select.select([pidfd], [], [])
print("hung up")
"""), "runs\n-15 -15\nhung up")  # fmt: skip


@everywhere
def test_a_script_learns_how_an_instance_ended_under_its_program(tiny):
    equal(said(tiny, """
import errno
client = lxss.Client()
with client.launch(["sleep", "1000"], fds={}) as process:
    client.terminate("tiny")
    print(process.wait())
reader, writer = os.pipe()
with client.launch(["sh", "-c", "read word; kill -PWR 1; sleep 1000"], fds={0: reader}, user="root") as process:
    os.write(writer, b"now\\n")
    try:
        process.wait()
    except OSError as error:
        print(errno.errorcode[error.errno])
"""), "-9\nEOWNERDEAD")  # fmt: skip


@everywhere
def test_what_cannot_be_launched_is_told_in_a_sentence(tiny):
    equal(said(tiny, """
import errno
client = lxss.Client()
for words, name in ((["nothing-like-it"], "tiny"), (["true"], "nowhere"), (["true"], None)):
    try:
        client.launch(words, name, user="nobody-at-all" if name is None else None)
    except lxss.Failure as failure:
        print(errno.errorcode[failure.errno], failure.name.rsplit(".")[-1], bool(failure.strerror))
try:
    client.run("uname -a")
except TypeError as error:
    print(error)
"""), "ENOENT ProgramNotFound True\nENOENT NoSuchDistribution True\nENOENT NoSuchUser True\na list of words is wanted, not 'uname -a'")  # fmt: skip


@everywhere
def test_a_script_installs_and_removes_with_progress(fresh):
    source = os.path.join(fresh.work, "tiny.tar")
    tiny_tar(source)
    equal(said(fresh, f"""
stages = []
with lxss.Client() as client, open({source!r}, "rb") as archive:
    operation = client.install(archive.fileno(), "one", default=True, on_progress=lambda p: stages.append(p.stage))
    operation.wait()
    print(operation.distribution, "committing" in stages, [(d.name, d.is_default) for d in client.list()])
    client.uninstall("one", on_progress=lambda p: stages.append(p.stage)).wait()
    print("removing" in stages, client.list())
"""), "one True [('one', True)]\nTrue []")  # fmt: skip


@everywhere
def test_a_script_clones_snapshots_goes_back_and_renames(tiny):
    equal(said(tiny, """
client = lxss.Client()
client.clone("tiny", "other").wait()
client.rename("other", "second")
print([d.name for d in client.list()])
made = client.make_snapshot("second", "before")
made.wait()
client.run(["sh", "-c", "echo changed >/etc/marker"], "second")
print(made.snapshot, [(s.distribution, s.name, s.base) for s in client.snapshots()])
back = client.roll_back("second", terminate=True)
back.wait()
print(back.snapshot, client.run(["cat", "/etc/marker"], "second").stdout)
client.terminate("second")
client.remove_snapshot("second", "before")
client.set_default("second")
print(client.snapshots("second"), client.service().default_distribution)
client.uninstall("second").wait()
"""), "['second', 'tiny']\nbefore [('second', 'before', True)]\nbefore b'tiny\\n'\n[] second")  # fmt: skip


@everywhere
def test_a_script_exports_and_moves(tiny):
    equal(said(tiny, """
import tarfile
client = lxss.Client()
with open("copy.tar", "wb+") as copy:
    client.export("tiny", copy.fileno()).wait()
    copy.seek(0)
    print(tarfile.open(fileobj=copy).extractfile("./etc/marker").read())
os.mkdir("place")
place = os.open("place", os.O_PATH)
client.move("tiny", place).wait()
print(client.list()[0].root.startswith(os.path.realpath("place")))
client.move("tiny").wait()
print(client.list()[0].root.startswith(os.path.realpath("place")))
"""), "b'tiny\\n'\nTrue\nFalse")  # fmt: skip


@everywhere
def test_a_script_changes_settings_all_or_none(tiny):
    equal(said(tiny, """
import errno
client = lxss.Client()
def values():
    return {s.key: (s.value, s.origin) for s in client.list()[0].settings}
before = values()
print(client.configure("tiny", {"linger": "7", "automount": "no"}))
print(values()["linger"], values()["automount"])
held = client.hold("tiny")
print(client.configure("tiny", {"linger": None, "automount": None}), values() == before)
try:
    client.configure("tiny", {"linger": "9", "no-such-key": "1"})
except lxss.Failure as failure:
    print(errno.errorcode[failure.errno], values() == before)
"""), "False\n('7', 'distribution') ('no', 'distribution')\nTrue True\nEINVAL True")  # fmt: skip


@everywhere
def test_an_operation_is_canceled_however_early(fresh):
    """Its worker may be about to start, and what fails then is not the host's fault."""
    equal(said(fresh, """
import errno
client, found = lxss.Client(), set()
for early in range(40):
    reader, writer = os.pipe()
    with open(reader) as source:
        operation = client.install(source.fileno(), "never")
    for _ in range(early % 8):
        client.list()
    operation.cancel()
    try:
        operation.wait()
    except lxss.Failure as failure:
        found.add(errno.errorcode[failure.errno])
    os.close(writer)
print(found, client.list())
"""), "{'ECANCELED'} []")  # fmt: skip


@everywhere
def test_an_operation_is_canceled_and_its_failure_told(fresh):
    equal(said(fresh, """
import errno
client = lxss.Client()
reader, writer = os.pipe()
with open(reader) as source:
    operation = client.install(source.fileno(), "never")
try:
    operation.wait(timeout=0.01)
except OSError as error:
    print(errno.errorcode[error.errno])
print([(w.kind, w.distribution) for w in client.objects().operations])
operation.cancel()
for _ in range(2):
    try:
        operation.wait()
    except lxss.Failure as failure:
        print(errno.errorcode[failure.errno], bool(failure.strerror))
os.write(writer, b"")
print(client.list())
null = os.open("/dev/null", os.O_RDONLY)
try:
    client.install(null, "nothing").wait()
except lxss.Failure as failure:
    print(failure.name, client.list())
"""), """ETIMEDOUT
[('install', 'never')]
ECANCELED True
ECANCELED True
[]
org.lxss.Error.NotAnArchive []""")  # fmt: skip


@everywhere
def test_what_a_progress_handler_raises_comes_out_of_wait(fresh):
    source = os.path.join(fresh.work, "tiny.tar")
    tiny_tar(source)
    equal(said(fresh, f"""
client = lxss.Client()
with open({source!r}, "rb") as archive:
    operation = client.install(archive.fileno(), "one", on_progress=lambda progress: [][0])
try:
    operation.wait()
except IndexError:
    print("raised")
"""), "raised")  # fmt: skip


@everywhere
def test_a_script_has_the_terminal_of_a_program(debian):
    equal(said(debian, """
import select, termios
client = lxss.Client()
terminal = lxss.Terminal(rows=33, columns=44)
with client.launch(["sh", "-c", "tty >/dev/null && stty size && read word && echo got $word"], terminal=terminal) as process:
    master = process.terminal()
    os.write(master, b"key\\n")
    status, text = process.wait(), b""
    try:
        while select.select([master], [], [], 10)[0] and (data := os.read(master, 4096)):
            text += data
    except OSError:
        pass  # the other side is closed
print(status, b"33 44" in text, b"got key" in text)
print([p.terminal for p in client.objects().programs])
"""), "0 True True\n[]")  # fmt: skip


@everywhere
def test_a_script_sees_what_runs(tiny):
    equal(said(tiny, """
client = lxss.Client()
with client.launch(["sleep", "1000"], fds={}) as process:
    objects = client.objects()
    (program,), (instance,) = objects.programs, objects.instances
    print(program.command_line, program.pid == process.pid, instance.distribution, instance.state, instance.clients)
    service = client.service()
    print(service.n_processes, service.n_instances, service.pid > 1, service.data_directory.startswith("/"))
"""), "sleep 1000 True tiny running 1\n1 1 True True")  # fmt: skip


@everywhere
def test_a_script_repairs_what_is_broken(fresh):
    tiny_tar(os.path.join(fresh.work, "tiny.tar"))
    fresh.install(os.path.join(fresh.work, "tiny.tar"), "tiny").good()
    fresh.lxctl("shutdown").good()  # it reads the file when it starts
    path = os.path.join(fresh.data, "distributions", "tiny", "distribution.conf")
    whole = read(path)
    with open(path, "wb") as conf:
        conf.write(b"\xff[[[\n" + whole)
    equal(said(fresh, """
client = lxss.Client()
print([d.state for d in client.list()])
kept = client.repair("tiny")
print(os.path.exists(kept), [d.state for d in client.list()], client.run(["true"], "tiny").returncode)
"""), "['broken']\nTrue ['installed'] 0")  # fmt: skip


@everywhere
def test_a_shut_down_service_is_not_started_unless_that_is_wanted(tiny):
    equal(said(tiny, """
import errno
client = lxss.Client()
client.shutdown()
client.close()
try:
    lxss.Client(start=False)
except lxss.Failure as failure:
    print(errno.errorcode[failure.errno])
print(lxss.Client().run(["true"]).returncode)
"""), "ECONNREFUSED\n0")  # fmt: skip


if __name__ == "__main__":
    main(globals())
