#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How far an install is, for each kind of source whose size is known: it grows, and comes to its end."""

import gzip
import http.server
import json
import os
import random
import subprocess
import threading

from lxss_test import I_OPERATION, equal, everywhere, expect, main, modes, run, tiny_tar, wait_for
from oci import RegistryHandler, copy, layer, push, registry, tiny_layout, tools

os.environ["PATH"] += ":/usr/sbin:/sbin"  # mke2fs

NOISE = random.Random(6).randbytes(24 << 20)


def begin(bus, method, signature, source, **options):
    return str(bus.manager(method, signature, source, "new", bus.dbus.Dictionary(options, "sv")))


def install(bus, path, **options):
    fd = os.open(path, os.O_RDONLY)
    try:
        return begin(bus, "Install", "hsa{sv}", bus.dbus.types.UnixFd(fd), **options)
    finally:
        os.close(fd)


def changes(bus, path, name):
    bus.turn()
    found = [a[1][name] for at, member, a in bus.signals if member == "PropertiesChanged" and at == path and name in a[1]]
    return [v for i, v in enumerate(found) if i == 0 or v != found[i - 1]]


def grows_to_the_end(world, bus, path, parts):
    """parts: between which of these there was news."""
    equal(str(bus.signal("Finished", path)[0]), "done", "Finished")
    found = [float(v) for v in changes(bus, path, "Progress")]
    known = [v for v in found if v >= 0]
    equal(found[-len(known):], known, "an unknown progress comes first, and never again")
    equal(known, sorted(known), "the progress")
    equal(known[-1], 1, "how it ends")
    for low, high in parts:
        expect(any(low < v < high for v in known), f"nothing was said between {low} and {high}: {known}")
    world.lxctl("uninstall", "new").good()


def listening(world):
    bus = world.awake()
    bus.manager("Subscribe")
    return bus


@everywhere
def test_an_image_comes_nearer_while_it_is_pulled_and_unpacked(fresh):
    layout = tiny_layout(fresh, layer(("one", NOISE)), layer(("two", NOISE[::-1])))
    host = registry(fresh)
    push(layout, "latest", f"{host}/image:latest")
    bus = listening(fresh)
    grows_to_the_end(fresh, bus, install(bus, layout.path, format="oci", image="latest"), [(0.5, 1)])
    grows_to_the_end(fresh, bus, begin(bus, "InstallFrom", "ssa{sv}", f"docker://{host}/image"), [(0.5, 1)])
    for kind in ("docker", "oci"):
        archive = os.path.join(fresh.work, f"{kind}.tar")
        copy(f"oci:{layout.path}:latest", f"{kind}-archive:{archive}:x:y")
        grows_to_the_end(fresh, bus, install(bus, archive, format=f"{kind}-archive"), [(0.5, 1)])
    bus.close()


class Slow(RegistryHandler):
    """A registry that has one layer at once and the other one when it is told to."""

    def do_GET(self):
        server = self.server
        if self.path == "/v2/":
            self.reply(b"{}", "application/json")
            return
        name = self.path.split("/")[-1].split(":")[-1]
        if name == server.last:
            server.go_on.wait()
        is_manifest = "/manifests/" in self.path
        with open(server.layout.file(server.first if is_manifest and len(name) < 64 else name), "rb") as file:
            data = file.read()
        kind = json.loads(data)["mediaType"] if is_manifest else "application/octet-stream"
        self.reply(data, kind)


class SlowRegistry:
    def __init__(self, layout, descriptors):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
        self.server.daemon_threads = True
        self.server.layout, self.server.go_on = layout, threading.Event()
        self.server.first = layout.manifests[0]["digest"]
        self.server.last = descriptors[-1]["digest"].split(":")[-1]
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.go_on.set()
        self.server.shutdown()
        self.server.server_close()


@everywhere
def test_what_has_come_of_a_pull_is_said_while_the_rest_is_awaited(fresh):
    """Half of the work is the pull, and a layer of 24 MiB of 32 is there; for one machine, and of a list for several."""
    for several in (False, True):
        layout = tiny_layout(fresh, name=f"slow-{several}")
        layout.manifests = []
        descriptors = layout.image([tiny_tar(), layer(("one", NOISE)), layer(("two", NOISE[: 8 << 20]))], None if several else "latest")
        if several:
            layout.index("latest")
        sizes = [d["size"] for d in descriptors]
        wanted = (sizes[0] + sizes[1]) / sum(sizes) / 2
        bus = listening(fresh)
        with SlowRegistry(layout, descriptors) as slow:
            path = begin(bus, "InstallFrom", "ssa{sv}", f"docker://{slow.host}/image")
            wait_for("two layers are there", lambda: float(bus.get(path, I_OPERATION, "Progress")) >= wanted - 0.002)
            equal(str(bus.get(path, I_OPERATION, "Stage")), "pulling", "the stage")
            expect(float(bus.get(path, I_OPERATION, "Progress")) <= wanted + 0.01, "it claims to have more than it has")
            slow.server.go_on.set()
            grows_to_the_end(fresh, bus, path, [(wanted - 0.01, wanted + 0.01)])
        bus.close()


@everywhere
def test_a_file_system_comes_nearer_while_it_is_kept_and_read(fresh):
    tools("mksquashfs", "sqfs2tar", "mke2fs")
    tree = os.path.join(fresh.work, "tree")
    os.mkdir(tree)
    subprocess.run(["tar", "-C", tree, "-xpf", "-"], input=tiny_tar(), check=True)
    for number in range(300):
        with open(os.path.join(tree, f"file{number}"), "wb") as file:
            file.write(NOISE[number * 70000 : (number + 1) * 70000])
    bus = listening(fresh)
    for make in ('mksquashfs "$1" "$2" -quiet -no-progress -comp gzip', 'truncate -s 64M "$2" && mke2fs -q -t ext4 -d "$1" "$2"'):
        path = os.path.join(fresh.work, "image")
        run("sh", "-ec", make, "sh", tree, path, seconds=300).good()
        grows_to_the_end(fresh, bus, install(bus, path), [(0.2, 1)])
        os.unlink(path)
    bus.close()


@modes("rootless")
def test_an_archive_comes_nearer_too(fresh):
    path = os.path.join(fresh.work, "large.tar.gz")
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(tiny_tar(change=lambda add, _: add("noise", NOISE)))
    bus = listening(fresh)
    grows_to_the_end(fresh, bus, install(bus, path), [(0, 1)])
    bus.close()


if __name__ == "__main__":
    main(globals())
