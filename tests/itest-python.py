#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python package: what a script can do with LxBus, against the real lxssd. A script runs in a
process of its own, since the package loads its library once."""

import os
import sys

from lxss_test import SOURCE, Command, equal, everywhere, library, main  # fmt: skip

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
"""), "ENOENT ProgramNotFound True\nENOENT NoSuchDistribution True\nENOENT NoSuchUser True")  # fmt: skip


if __name__ == "__main__":
    main(globals())
