#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""File systems in a file as the source of a distribution: squashfs and ext4, made
with the real tools of real trees, whole, damaged and hostile."""

import hashlib
import os
import struct
import subprocess

from lxss_test import (
    debian_tar, descendants, equal, everywhere, expect, lengthy, main, modes, program_of, read, run, sentence, tiny_tar, wait_for,
)  # fmt: skip
from oci import tools
from tree import ODD, listing, same

os.environ["PATH"] += ":/usr/sbin:/sbin"  # mke2fs and debugfs, to which an ordinary user may have no path

CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)  # cap_net_raw+ep, as setcap(8) writes it

# A tree that a tar on standard input is unpacked to, and the image made of it: DIRECTORY IMAGE.
MAKERS = {
    "squashfs": 'mksquashfs "$1" "$2" -quiet -no-progress -comp gzip',
    "zstd.squashfs": 'mksquashfs "$1" "$2" -quiet -no-progress -comp zstd -Xcompression-level 1',
    "ext4": 'truncate -s "$3" "$2" && mke2fs -q -t ext4 -d "$1" "$2"',
    "ext2": 'truncate -s "$3" "$2" && mke2fs -q -t ext2 -d "$1" "$2"',
    "inline.ext4": 'truncate -s "$3" "$2" && mke2fs -q -t ext4 -O inline_data -I 256 -d "$1" "$2"',
}


def as_root():
    """A prefix with which tools see the owners that a distribution has."""
    return [] if os.getuid() == 0 else ["unshare", "--map-auto", "--map-root-user", "--setuid", "0", "--setgid", "0"]


def image(world, kind, tar, size="64M", prepare="true"):
    """An image of what is in the tar (its path, or bytes)."""
    tools("mksquashfs", "mke2fs", "sqfs2tar")
    path, tree = os.path.join(world.work, f"root.{kind}"), os.path.join(world.work, f"tree.{kind}")
    script = f'mkdir "$1" && tar -C "$1" --numeric-owner --delay-directory-restore -xpf "$4" && (cd "$1" && {prepare}) && {MAKERS[kind]}; r=$?; chmod -R u+rwx "$1"; rm -rf "$1"; exit $r'
    if isinstance(tar, bytes):
        file = os.path.join(world.work, f"source.{kind}.tar")
        with open(file, "wb") as stream:
            stream.write(tar)
        tar = file
    run(*as_root(), "sh", "-ec", script, "sh", tree, path, size, tar, seconds=300).good()
    return path


def says(world, name, *argv):
    return world.lxctl("launch", "-d", name, "-u", "root", "--", *argv).good().text


def clean(world):
    equal(world.installed(), [], "what is installed")
    wait_for("nothing is staged", lambda: not world.staged())
    equal([p for p in descendants() if program_of(p) in ("lxss-worker", "sqfs2tar")], [], "what still runs")


def odd(add, _):
    add("srv", type=b"5")
    add("srv/theirs", b"x", uid=33, gid=34, mode=0o640)
    add("srv/setuid", b"x", mode=0o4755)
    add("srv/two", type=b"1", linkname="srv/theirs")
    add("srv/link", type=b"2", linkname="theirs")
    add("srv/long-link", type=b"2", linkname="x" * 200)
    add("srv/fifo", type=b"6")
    add("srv/n" * 20 + "/" + "f" * 200, b"deep")


@modes("root", "rootless")
def test_an_image_of_every_kind_becomes_a_distribution(fresh):
    for kind in MAKERS:
        path = image(fresh, kind, tiny_tar(change=odd), prepare="truncate -s 20M srv/sparse && printf end >>srv/sparse")
        name = f"from-{kind.replace('.', '-')}"
        fresh.lxctl("install", path, "--name", name).good()
        equal(
            says(fresh, name, "sh", "-c", "cd /srv && stat -c '%a %u:%g %h' theirs setuid two && stat -c '%F %s' fifo sparse && cat link; stat -c %N long-link"),
            f"640 33:34 2\n4755 0:0 1\n640 33:34 2\nfifo 0\nregular file {(20 << 20) + 3}\nx'long-link' -> '{'x' * 200}'", f"the files of {kind}",
        )  # fmt: skip
        expect(int(says(fresh, name, "stat", "-c", "%b", "/srv/sparse")) < 1000, f"the hole of a file from {kind} is not one")
        expect(b"lost+found" not in fresh.lxctl("launch", "-d", name, "--", "ls", "-A", "/").good().out, "lost+found is there")
        equal(sorted(os.listdir(os.path.dirname(fresh.rootfs(name)))), ["distribution.conf", "rootfs"], "what is beside the root")


@modes("root")
def test_file_capabilities_and_attributes_stay(fresh):
    for kind in ("squashfs", "ext4"):
        path, tree = os.path.join(fresh.work, f"root.{kind}"), os.path.join(fresh.work, f"tree.{kind}")
        os.mkdir(tree)
        subprocess.run(["tar", "-C", tree, "-xpf", "-"], input=tiny_tar(), check=True)
        os.setxattr(os.path.join(tree, "bin/cat"), "security.capability", CAPABILITY)
        os.setxattr(os.path.join(tree, "etc/marker"), "user.note", b"kept" * 20)
        run("sh", "-ec", MAKERS[kind], "sh", tree, path, "64M").good()
        fresh.lxctl("install", path, "--name", kind).good()
        found = os.getxattr(os.path.join(fresh.rootfs(kind), "bin/cat"), "security.capability")
        equal(found[4:8], CAPABILITY[4:8], "the capabilities")
        equal(os.getxattr(os.path.join(fresh.rootfs(kind), "etc/marker"), "user.note"), b"kept" * 20)


@lengthy
@modes("rootless")
def test_a_debian_with_odd_files_comes_back_from_both_as_it_was(fresh):
    fresh.install(debian_tar(), "first").good()
    fresh.lxctl("launch", "-d", "first", "-u", "root", "--", "sh", "-c", ODD).good()
    before = listing(fresh, "first")
    tar = os.path.join(fresh.work, "first.tar")
    fresh.lxctl("export", "--terminate", "first", tar).good()
    fresh.lxctl("uninstall", "first").good()
    for kind in ("zstd.squashfs", "ext4"):
        path = image(fresh, kind, tar, size="600M")
        name = kind.replace(".", "-")
        fresh.lxctl("install", path, "--name", name, seconds=300).good()
        same(listing(fresh, name), before, f"the Debian from {kind}")
        fresh.lxctl("uninstall", "--terminate", name).good()
        os.unlink(path)


@modes("single")
def test_with_one_id_every_file_is_root_s(fresh):
    for kind in ("squashfs", "ext4"):
        tree, path = os.path.join(fresh.work, "tree"), os.path.join(fresh.work, f"root.{kind}")
        run("sh", "-ec", f'rm -rf "$1"; mkdir "$1"; tar -C "$1" -xpf -; {MAKERS[kind]}', "sh", tree, path, "64M", input=tiny_tar(), stdin=subprocess.PIPE).good()
        fresh.lxctl("install", path, "--name", kind).good()
        equal(says(fresh, kind, "stat", "-c", "%u:%g", "/etc/marker"), "0:0")


@everywhere
def test_an_image_is_read_from_a_pipe_and_verified(fresh):
    tools("mksquashfs", "sqfs2tar")
    tree, path = os.path.join(fresh.work, "tree"), os.path.join(fresh.work, "tiny.squashfs")
    run("sh", "-ec", f'mkdir "$1"; tar -C "$1" -xpf -; {MAKERS["squashfs"]}', "sh", tree, path, input=tiny_tar(), stdin=subprocess.PIPE).good()
    os.chmod(path, 0o600)
    digest = hashlib.sha256(read(path)).hexdigest()
    sentence(fresh.lxctl("install", path, "--sha256", "0" * 64), "SHA-256", digest, code=125)
    clean(fresh)
    fresh.lxctl("install", path, "--sha256", digest).good()
    equal(fresh.installed(), ["tiny"])
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
        fresh.lxctl("install", "-", "--name", "piped", "--sha256", digest, stdin=cat.stdout).good()
    equal(says(fresh, "piped", "cat", "/etc/marker"), "tiny")


# ------------------------------------------------------------------------ bad input


def damage(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


@modes("root", "rootless")
def test_a_damaged_image_is_refused(fresh):
    for kind in ("squashfs", "ext4"):
        path = image(fresh, kind, tiny_tar())
        whole = read(path)
        with open(path, "r+b") as file:
            file.truncate(len(whole) // 50)
        sentence(fresh.lxctl("install", path, "--name", "bad"), "", code=125)
        clean(fresh)
        with open(path, "wb") as file:
            file.write(whole)
        if kind == "squashfs":
            damage(path, 64, b"\xff" * 32)  # where the tables are
        else:
            damage(path, 1024 + 0x60, struct.pack("<I", 0xFFFFFFFF))  # features that nobody knows
        sentence(fresh.lxctl("install", path, "--name", "bad"), "image", code=125)
        clean(fresh)


@modes("root", "rootless")
def test_a_hostile_ext4_is_refused(fresh):
    tools("debugfs")
    for commands, word in (
        ("link /etc /srv/loop", "two places"),  # a directory with two names
        ("link / /etc/up", "two places"),
        ("set_inode_field /etc/marker size 0x7fffffffffffffff", ""),
        ("set_super_value feature_incompat 0x2c6", "e2fsck"),  # needs recovery
    ):
        path = image(fresh, "ext4", tiny_tar(change=odd))
        run("debugfs", "-w", "-f", "-", path, input=(commands + "\n").encode(), stdin=subprocess.PIPE).good()
        sentence(fresh.lxctl("install", path, "--name", "bad"), word, code=125)
        clean(fresh)
        os.unlink(path)


@everywhere
def test_a_disk_with_partitions_and_a_virtual_one_are_said_to_be_that(fresh):
    path = os.path.join(fresh.work, "disk.img")
    table = bytearray(2048)
    table[510:512] = b"\x55\xaa"
    table[446], table[450] = 0x80, 0x83
    for data, word in ((bytes(table), "partitions"), (b"QFI\xfb" + bytes(2000), "qemu-img"), (b"vhdxfile" + bytes(2000), "qemu-img")):
        with open(path, "wb") as file:
            file.write(data)
        sentence(fresh.lxctl("install", path, "--name", "bad"), word, code=125)
        clean(fresh)


@everywhere
def test_without_sqfs2tar_the_package_is_named(fresh):
    path = os.path.join(fresh.work, "x.squashfs")
    with open(path, "wb") as file:
        file.write(b"hsqs" + bytes(4096))
    bin = os.path.join(fresh.work, "bin")
    os.mkdir(bin)
    for name in ("newuidmap", "newgidmap", "getsubids"):
        if os.path.exists(f"/usr/bin/{name}"):
            os.symlink(f"/usr/bin/{name}", os.path.join(bin, name))
    sentence(fresh.lxctl("install", path, "--name", "x", env={"PATH": bin}), "sqfs2tar is not installed", "squashfs-tools-ng", code=125)
    clean(fresh)


if __name__ == "__main__":
    main(globals())
