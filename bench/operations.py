# SPDX-License-Identifier: LGPL-2.1-or-later
"""What installing, exporting and removing cost, beside the tools that do the like with
the same archive. All of them work on the same file system, start after a sync of it,
and what writes files ends with one. Ours is rootless, and so are tar and rm, in
namespaces with as many ids; podman and systemd-import are root's, which is when they
are quickest. They come with the Debian root file system, and in a quick run with one
of a few files, since then it only matters that they work."""

import os
import shutil
import subprocess
import threading

import peers
from lxss_test import descendants, read, tiny_tar

NAMESPACES = ["unshare", "--map-root-user", "--map-auto"]
COMPRESSIONS = {"tar": None, "tar.gz": "gzip -n", "tar.zst": "zstd -q -T0", "tar.xz": "xz -T0"}
DECOMPRESSORS = {"tar": "", "tar.gz": "-z", "tar.zst": "-I 'zstd -d -T0'", "tar.xz": "-I 'xz -d -T0'"}
COMPRESSORS = {"tar": "", "tar.zst": "-I 'zstd -T0'"}  # the others' compressors take longer than all the rest
LARGE = {"xz -9": "xz -9 -T0", "zstd --ultra -22": "zstd -q --ultra -22 -T0"}  # dictionaries of 64 and 128 MB
MEMORY_MAX = 64


def archives(machine, quick):
    """{kind: path} of those that can be made here."""
    plain, found = machine.archive, {}
    if quick:
        plain = os.path.join(machine.dir, "few.tar")
        tiny_tar(plain)
    for kind, command in COMPRESSIONS.items():
        if quick and kind not in ("tar", "tar.xz"):
            continue
        found[kind] = compressed(machine, plain, kind, command)
    return {kind: path for kind, path in found.items() if path}


def compressed(machine, plain, name, command):
    if not command:
        return plain
    if not shutil.which(command.split()[0]):
        print(f"    without {name}: {command.split()[0]} is not installed", flush=True)
        return None
    path = os.path.join(machine.dir, "archive." + name.replace(" ", ""))
    with open(plain, "rb") as source, open(path, "wb") as target:
        subprocess.run(command.split() + ["-c"], stdin=source, stdout=target, check=True)
    return path


def scratch(world):
    return os.path.join(world.dir, "data", "by-hand")


def in_namespaces(script):
    return [*NAMESPACES, "sh", "-c", script]


def settled(world, script):
    """What prepares a run. Everything is in the world's own directories, so that one sync is about all of it."""
    return ["sh", "-c", f"{script}; sync -f {world.dir}"]


def installing(world, kind, path):
    by_hand, tree = scratch(world), f"{scratch(world)}/root"
    clear = f"{' '.join(NAMESPACES)} rm -rf {by_hand}; mkdir -p {tree}"
    unpack = f"tar -C {tree} {DECOMPRESSORS[kind]} --exclude='./dev/*' -xpf {path} && sync -f {by_hand}"
    install = ["lxctl", "-q", "install", path, "--name", "measured"]
    return [
        world.contestant(f"lxctl install .{kind}", install, prepare=settled(world, "lxctl -q uninstall measured 2>/dev/null")),
        world.contestant(f"tar -x .{kind}", in_namespaces(unpack), prepare=settled(world, clear)),
    ]


def removing(world, path):
    by_hand, tree = scratch(world), f"{scratch(world)}/root"
    unpack = f"mkdir -p {tree} && tar -C {tree} --exclude=./dev/* -xpf {path}"
    again = f"lxctl -q install {path} --name measured"
    by_tar = f"{' '.join(NAMESPACES)} sh -fc '{unpack}'"
    return [
        world.contestant("lxctl uninstall", ["lxctl", "-q", "uninstall", "measured"], prepare=settled(world, again)),
        world.contestant("rm -rf", [*NAMESPACES, "rm", "-rf", by_hand], prepare=settled(world, by_tar)),
    ]


def exporting(world, kind):
    target = f"{world.dir}/home/out.{kind}"
    clear = settled(world, f"rm -f {target}")
    pack = f"tar -C {world.distributions}/measured/rootfs {COMPRESSORS[kind]} -cf {target} . && sync {target}"
    return [
        world.contestant(f"lxctl export .{kind}", ["lxctl", "-q", "export", "measured", target], prepare=clear),
        world.contestant(f"tar -c .{kind}", in_namespaces(pack), prepare=clear),
    ]


# ------------------------------------------------------------------- root's peers


class PodmanImport(peers.Podman):
    name, program = "podman import", "podman"

    def start(self):
        self.directory = self.machine.folder("podman-storage")
        self.words = ["podman", "--root", f"{self.directory}/root", "--runroot", f"{self.directory}/run"]
        self.environment = dict(os.environ, CONTAINERS_CONF=self.conf())
        self.prepare_image()

    def prepare_image(self):
        pass

    def command(self):
        return [*self.words, "import", "-q", self.machine.archive, "localhost/lxss-bench"]

    def contestant(self):
        settle = f"{' '.join(self.words)} rmi -f localhost/lxss-bench; sync -f {self.directory}"
        sync = f"{' '.join(self.command())} && sync -f {self.directory}"
        environment = [f"{k}={v}" for k, v in self.environment.items() if k in ("PATH", "HOME", "CONTAINERS_CONF")]
        words = {"command": ["sh", "-c", sync], "prepare": ["sh", "-c", settle]}
        return {"name": self.name, "environment": environment, **words}

    def stop(self):
        peers.quietly(*self.words, "rmi", "-a", "-f", check=False, env=self.environment)
        peers.quietly("umount", f"{self.directory}/root/overlay", check=False)


class PodmanLoad(PodmanImport):
    name = "podman load"

    def prepare_image(self):
        self.image = f"{self.directory}/image.tar"
        peers.quietly(*super().command(), env=self.environment)
        save = ["save", "-q", "--format", "docker-archive", "-o", self.image, "localhost/lxss-bench"]
        peers.quietly(*self.words, *save, env=self.environment)

    def command(self):
        return [*self.words, "load", "-q", "-i", self.image]


class SystemdImport(peers.Peer):
    """What machinectl import-tar has systemd-importd run, which wants systemd as PID 1."""

    name, program = "systemd-import tar", "/lib/systemd/systemd-import"

    def contestant(self):
        directory = self.machine.folder("machines")
        command = [self.program, f"--image-root={directory}", "tar", self.machine.archive, "measured"]
        settle = f"rm -rf {directory}/measured; sync -f {directory}"
        return {"name": self.name, "command": command, "prepare": ["sh", "-c", settle]}


PEERS = [PodmanImport, PodmanLoad, SystemdImport]


# ------------------------------------------------------------------------- memory


def peak_of_worker(world, *words):
    """Megabytes: the largest resident set that lxss-worker had while words ran."""
    daemon, peak, over = world.status()["pid"], 0, threading.Event()

    def watch():
        nonlocal peak
        while not over.wait(0.002):
            for pid in descendants(daemon):
                status = read(f"/proc/{pid}/status", "r") or ""
                if "Name:\tlxss-worker" in status and "VmHWM:" in status:
                    peak = max(peak, int(status.split("VmHWM:")[1].split()[0]))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        world.run(*words)
    finally:
        over.set()
        watcher.join()
    return peak / 1024
