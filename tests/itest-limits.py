#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images that were made to hurt (layers, archives of them, squashfs, ext4): what they
may unpack to, and what they may take of memory, is bounded as with archives."""

import gzip
import os
import random
import re
import struct
import subprocess
import tarfile

from lxss_test import Skip, descendants, equal, everywhere, expect, lengthy, main, modes, program, program_of, read, run, sentence, tiny_tar, wait_for
from oci import Layout, copy, layer, push, registry, tiny_layout, tools

os.environ["PATH"] += ":/usr/sbin:/sbin"  # mke2fs and debugfs

MIB = 1 << 20
TOOLS = ("skopeo", "lxss-fetch", "lxss-worker", "sqfs2tar")


def refused(world, result, *needles):
    sentence(result, "refused", "--max-size", *needles, code=125)
    equal(world.installed(), [], "what is installed")
    wait_for("nothing is staged", lambda: not world.staged())
    equal([pid for pid in descendants() if program_of(pid) in TOOLS], [], "what still runs")


def says(world, name, *argv):
    return world.lxctl("launch", "-d", name, "-u", "root", "--", *argv).good().text


def contents(*tars):
    """How many bytes the files in these have."""
    total = 0
    for data in tars:
        with subprocess.Popen(["tar", "-tvf", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tar:
            lines = tar.communicate(data)[0].decode("utf-8", "replace").splitlines()
        total += sum(int(line.split()[2]) for line in lines if line[0] == "-")
    return total


# -------------------------------------------------------------------------- layers


@everywhere
def test_a_layer_that_unpacks_to_too_much_is_refused_wherever_it_comes_from(fresh):
    layout = tiny_layout(fresh, layer(("zeros", bytes(8 * MIB))))
    host = registry(fresh)
    push(layout, "latest", f"{host}/image:latest")
    for kind in ("docker", "oci"):
        copy(f"oci:{layout.path}:latest", f"{kind}-archive:{fresh.work}/{kind}.tar:x:y")
    sources = (f"oci:{layout.path}:latest", "oci-archive:oci.tar", "docker-archive:docker.tar", f"docker://{host}/image")
    for source in sources:
        refused(fresh, fresh.lxctl("install", source, "--name", "bomb", "--max-size", "5M"), str(5 * MIB))
    for source in sources:
        fresh.lxctl("install", source, "--name", "bomb", "--max-size", "100M").good()
        equal(says(fresh, "bomb", "stat", "-c", "%s", "/zeros"), str(8 * MIB))
        fresh.lxctl("uninstall", "--terminate", "bomb").good()


@everywhere
def test_layers_that_only_together_are_too_much_are_refused(fresh):
    tools("skopeo")
    tars = [layer((f"part{number}", bytes([number]) * MIB)) for number in range(1, 9)]
    layout = tiny_layout(fresh, *tars)
    size = contents(tiny_tar(), *tars)
    refused(fresh, fresh.lxctl("install", f"oci:{layout.path}", "--max-size", str(size - 1)), str(size - 1))
    fresh.lxctl("install", f"oci:{layout.path}", "--max-size", str(size)).good()


@everywhere
def test_what_is_read_of_a_layer_and_thrown_away_counts_too(fresh):
    tools("skopeo")
    node = {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}
    behind = layer(("etc/second", b"2")) + bytes(40 * MIB)
    for number, tar in enumerate((
        layer(("srv/.wh.nothing", bytes(8 * MIB))),
        layer(("srv/node", b"", node), ("srv/.wh..wh.plnk", bytes(8 * MIB))),
        behind,
    )):  # fmt: skip
        layout = tiny_layout(fresh, tar, name=f"layer{number}")
        refused(fresh, fresh.lxctl("install", f"oci:{layout.path}", "--max-size", "6M"))
    lowest = Layout(os.path.join(fresh.work, "lowest"))
    lowest.image([tiny_tar() + bytes(40 * MIB)])
    refused(fresh, fresh.lxctl("install", f"oci:{lowest.path}", "--max-size", "6M"))
    path = os.path.join(fresh.work, "plain.tar.gz")
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(tiny_tar() + bytes(40 * MIB))
    refused(fresh, fresh.lxctl("install", path, "--max-size", "6M"))


def bomb(path, tar, size):
    """A tar, and behind it so many zeros that a compressor makes nothing of."""
    with gzip.open(path, "wb", compresslevel=1) as target:
        target.write(tar)
        for _ in range(size // MIB):
            target.write(bytes(MIB))


@everywhere
def test_an_archive_that_grows_before_it_is_an_image_is_refused(fresh):
    """skopeo unpacks it first, as a file or a directory."""
    layout = tiny_layout(fresh)
    for kind in ("docker", "oci"):
        tar = os.path.join(fresh.work, f"{kind}.tar")
        copy(f"oci:{layout.path}:latest", f"{kind}-archive:{tar}:x:y")
        with tarfile.open(tar) as small, tarfile.open(tar + ".gz", "w:gz", compresslevel=1) as large:
            for member in small:
                large.addfile(member, small.extractfile(member) if member.isreg() else None)
            info = tarfile.TarInfo(f"blobs/sha256/{'0' * 64}")
            info.size = 200 * MIB
            with open("/dev/zero", "rb") as zeros:
                large.addfile(info, zeros)
        source = f"{kind}-archive:{tar}.gz"
        refused(fresh, fresh.lxctl("install", source, "--name", "bomb", "--max-size", "6M"), "before it is even unpacked")
        fresh.lxctl("install", source, "--name", "bomb", "--max-size", "300M").good()
        fresh.lxctl("uninstall", "bomb").good()


@modes("rootless")
def test_an_archive_that_grows_very_much_is_refused_by_itself(fresh):
    if not os.environ.get("LXSS_TEST_SWEEP"):
        raise Skip("it writes 4 GiB; make check-faults does that")
    path = os.path.join(fresh.work, "bomb.tar.gz")
    info = tarfile.TarInfo("filler")
    info.size = 6 << 30
    bomb(path, info.tobuf(tarfile.GNU_FORMAT), info.size)
    refused(fresh, fresh.lxctl("install", f"docker-archive:{path}"), "before it is even unpacked")


# ------------------------------------------------------------------- file systems


def tree(world, prepare):
    path = os.path.join(world.work, "tree")
    run("sh", "-ec", f'mkdir "$1"; tar -C "$1" -xpf -; cd "$1"; {prepare}', "sh", path, input=tiny_tar(), stdin=subprocess.PIPE).good()
    return path


def squashfs(world, prepare):
    tools("mksquashfs", "sqfs2tar")
    path = os.path.join(world.work, "root.squashfs")
    run("mksquashfs", tree(world, prepare), path, "-quiet", "-no-progress", "-comp", "gzip", seconds=300).good()
    return path


def ext(world, prepare, kind="ext4", size="64M", *options):
    tools("mke2fs", "debugfs")
    path = os.path.join(world.work, f"root.{kind}")
    run("truncate", "-s", size, path).good()
    run("mke2fs", "-q", "-t", kind, "-b", "1024", *options, "-d", tree(world, prepare), path, seconds=300).good()
    return path


def debugfs(image, *commands):
    return run("debugfs", "-w", "-f", "-", image, input="".join(c + "\n" for c in commands).encode(), stdin=subprocess.PIPE).good().text


@everywhere
def test_a_file_system_that_unpacks_to_too_much_is_refused(fresh):
    for make in (squashfs, ext):
        path = make(fresh, "head -c 8M /dev/zero >zeros; head -c 3M /dev/urandom >noise")
        refused(fresh, fresh.lxctl("install", path, "--name", "bomb", "--max-size", "6M"), str(6 * MIB))
        fresh.lxctl("install", path, "--name", "bomb", "--max-size", "100M").good()
        equal(says(fresh, "bomb", "stat", "-c", "%s", "/zeros"), str(8 * MIB))
        fresh.lxctl("uninstall", "--terminate", "bomb").good()
        run("rm", "-rf", os.path.join(fresh.work, "tree")).good()


# Nine GiB are unpacked, by code that has no modes; the test above goes the same ways with less.
@lengthy
@modes("rootless")
def test_a_small_file_system_with_a_huge_file_is_refused_by_itself(fresh):
    path = squashfs(fresh, "truncate -s 4608M zeros")
    expect(os.path.getsize(path) < 10 * MIB, "the image is no small one")
    refused(fresh, fresh.lxctl("install", path, "--name", "bomb", seconds=300), "200 times")
    run("rm", "-rf", os.path.join(fresh.work, "tree")).good()
    path = ext(fresh, ": >zeros", "ext4", "8G", "-O", "^has_journal")
    debugfs(path, "fallocate /zeros 0 4718591", "set_inode_field /zeros size 4831838208")  # there, and all zeros
    expect(os.stat(path).st_blocks * 512 < 30 * MIB, "the image is no small one")
    refused(fresh, fresh.lxctl("install", path, "--name", "bomb", seconds=300), "200 times")
    refused(fresh, fresh.lxctl("install", path, "--name", "bomb", "--max-size", "1G", seconds=300), str(1 << 30))


@modes("root", "rootless")
def test_a_huge_hole_in_an_ext4_takes_neither_time_nor_space(fresh):
    path = ext(fresh, "truncate -s 900G hole; printf end >>hole; truncate -s 300G nothing")
    fresh.lxctl("install", path, "--name", "holes", "--max-size", "20M", seconds=60).good()
    equal(says(fresh, "holes", "stat", "-c", "%s", "/hole", "/nothing"), f"{(900 << 30) + 3}\n{300 << 30}")
    expect(sum(int(n) for n in says(fresh, "holes", "stat", "-c", "%b", "/hole", "/nothing").split()) < 1000, "the holes are none")


# -------------------------------------------------------------------------- memory


def peak(command):
    """What a worker had in memory at most, in MB, while the command ran."""
    most = 0

    def ended():
        nonlocal most
        for pid in descendants():
            status = read(f"/proc/{pid}/status", "r") if program_of(pid) == "lxss-worker" else None
            found = re.search(r"VmHWM:\s+(\d+)", status or "")
            most = max(most, int(found.group(1)) // 1024 if found else 0)
        return command.poll() is not None

    wait_for("the install ends", ended, 120)
    return most


def takes_little(world, source):
    command = world.start("install", source, "--name", "large", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    most = peak(command)
    expect(4 < most <= 64, f"a worker had {most} MB resident for {source}")
    return command


def without_sanitizers():
    if b"__asan_init" in read(program("lxss-worker")):
        raise Skip("the sanitizers need memory of their own")


@modes("rootless")
def test_unpacking_images_takes_little_memory(fresh):
    without_sanitizers()
    noise = random.Random(5).randbytes(20 * MIB)
    layout = tiny_layout(fresh, *(layer((f"var{number}", noise)) for number in range(3)))
    many = "mkdir many; i=0; while [ $i -lt 4000 ]; do echo $i >many/$i; i=$((i+1)); done; head -c 30M /dev/urandom >noise"
    for make in (lambda: f"oci:{layout.path}", lambda: squashfs(fresh, many), lambda: ext(fresh, many, size="100M")):
        takes_little(fresh, make()).finish().good()
        fresh.lxctl("uninstall", "large").good()
        run("rm", "-rf", os.path.join(fresh.work, "tree")).good()


@modes("rootless")
def test_a_directory_that_never_ends_takes_little_memory(fresh):
    """An ext2 directory of four million names, all of which are in one block: indirect blocks may be had twice."""
    without_sanitizers()
    names = "".join(f"ln srv/a srv/d/n{number:04}; " for number in range(40))
    path = ext(fresh, f"mkdir -p srv/d; echo x >srv/a; {names} head -c 1024 /dev/urandom >srv/one; head -c 1024 /dev/urandom >srv/two", "ext2")
    block = {name: int(debugfs(path, f"blocks /srv/{name}").splitlines()[-1].split()[0]) for name in ("d", "one", "two")}
    with open(path, "r+b") as file:
        for name, wanted in (("one", "d"), ("two", "one")):
            file.seek(block[name] * 1024)
            file.write(struct.pack("<I", block[wanted]) * 256)
    debugfs(path, f"set_inode_field /srv/d block[IND] {block['one']}", f"set_inode_field /srv/d block[DIND] {block['two']}",
            f"set_inode_field /srv/d size {(12 + 256 + 65536) * 1024}")  # fmt: skip
    sentence(takes_little(fresh, path).finish(), "names", code=125)
    equal(fresh.installed(), [])


if __name__ == "__main__":
    main(globals())
