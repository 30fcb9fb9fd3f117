#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Exporting: what comes out goes in again as it was; the file is there whole or
not at all; and who else is held back by it, and who is not."""

import io
import os
import shutil
import signal
import stat
import tarfile

from lxss_test import (
    I_MANAGER, MANAGER, contains, debian_tar, descendants, equal, everywhere, expect, lengthy, main, modes, program_of, read, run,
    sentence, tiny_tar, wait_for,
)  # fmt: skip
from tree import ODD, listing, same, small

FORMATS = ("tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst", "tar.lz4")


def files(world):
    return sorted(os.listdir(world.work))


def state(world, name):
    return next(d["state"] for d in world.lxctl("--json", "list").json() if d["name"] == name)


def blocked_export(world, name):
    """An export that has filled a pipe: (command, the end to read)."""
    reader, writer = os.pipe()
    command = world.start("export", name, "-", stdout=writer)
    os.close(writer)
    wait_for("the export is at work", lambda: state(world, name) == "exporting")
    wait_for("the pipe is full", lambda: [p for p in descendants() if program_of(p) == "lxss-worker"])
    return command, reader


def drain(reader):
    with open(reader, "rb") as stream:
        return stream.read()


# ------------------------------------------------------------------- round trips


@lengthy
@modes("rootless")
def test_a_debian_with_odd_files_comes_back_as_it_was(fresh):
    archive = os.path.join(fresh.work, "debian.tar")
    fresh.install(debian_tar(), "first").good()
    fresh.lxctl("launch", "-d", "first", "-u", "root", "--", "sh", "-c", ODD).good()
    before = listing(fresh, "first")
    expect(len(before) > 5000, f"only {len(before)} files")
    fresh.lxctl("export", "--terminate", "first", archive).good()
    expect(os.stat(archive).st_size < 220 << 20, "the holes of a sparse file are in the archive")
    fresh.install(archive, "second").good()
    same(listing(fresh, "second"), before, "the second Debian")
    blocks = fresh.lxctl("launch", "-d", "second", "-u", "root", "--", "stat", "-c", "%b", "/odd/sparse").good().text
    expect(int(blocks) < 1000, f"the sparse file takes {blocks} blocks")


def exported(world, name, file):
    path = os.path.join(world.work, file)
    world.lxctl("export", "--terminate", name, path).good()
    return path


@modes("root", "rootless")
def test_every_format_is_what_its_name_says_and_installs(fresh):
    small(fresh)
    tools = {"tar.gz": "gzip", "tar.bz2": "bzip2", "tar.xz": "xz", "tar.zst": "zstd", "tar.lz4": "lz4"}
    for number, form in enumerate(FORMATS):
        path = exported(fresh, "tiny", f"it.{form}")
        if form in tools and shutil.which(tools[form]):
            equal(run(tools[form], "-t", path).code, 0, f"what {tools[form]} -t says of it")
        fresh.install(path, f"again{number}").good()
        equal(fresh.lxctl("launch", "-d", f"again{number}", "--", "cat", "/etc/marker").good().text, "tiny", f"from {form}")
    for name, form in (("x.tgz", "tar.gz"), ("x.wsl", "tar.gz"), ("X.TAR.XZ", "tar.xz")):
        equal(read(exported(fresh, "tiny", name))[:2], read(exported(fresh, "tiny", f"same.{form}"))[:2], f"how {name} begins")
    path = os.path.join(fresh.work, "no-ending")
    fresh.lxctl("export", "--format", "tar.gz", "tiny", path).good()
    equal(read(path)[:2], b"\x1f\x8b", "how a tar.gz begins")


@everywhere
def test_an_export_to_stdout_can_be_installed_from_stdin(fresh):
    small(fresh)
    export = fresh.start("export", "tiny", "-")
    result = fresh.start("install", "-", "--name", "copy", stdin=export.stdout).finish()
    equal(export.ended(), 0, "the exit status of export")
    result.good()
    equal(fresh.lxctl("launch", "-d", "copy", "--", "cat", "/etc/marker").good().text, "tiny")


def test_the_same_distribution_makes_the_same_archive_twice(fresh):
    small(fresh)
    for form in ("tar", "tar.gz"):
        equal(read(exported(fresh, "tiny", f"a.{form}")), read(exported(fresh, "tiny", f"b.{form}")), f"the second {form}")


def test_what_lxssd_put_into_the_root_stays_out(fresh):
    small(fresh).launch("true").good()
    with tarfile.open(exported(fresh, "tiny", "it.tar")) as archive:
        names = archive.getnames()
    expect("./init" not in names and "init" not in names, "the mount point of /init is in the archive")


# ---------------------------------------------------------------------------- order


def nested(add, without):
    """Directories of all kinds, each of another time, in an order that is not theirs."""
    for number, name in enumerate(("srv", "srv/b", "srv/b/below", "srv/b/below/bottom", "srv/empty", "srv/a", "srv/a/empty", "srv/ab", "srv/ab/x", "srv/c")):
        add(name, type=tarfile.DIRTYPE, mtime=1500000000 + number)
    for name in ("srv/file", "srv/a/file", "srv/b/below/bottom/file", "srv/ab/x/file", "srv/c/one", "srv/c/two"):
        add(name, b"x")
    add("srv/c/link", type=tarfile.SYMTYPE, linkname="/etc/passwd")
    add("srv/b/name", type=tarfile.LNKTYPE, linkname="srv/c/one")
    for number in range(200):
        add(f"srv/c/{number}", type=tarfile.DIRTYPE, mtime=1500001000 + number)


def directory_times(root, top="."):
    return {os.path.relpath(folder, root): int(os.stat(folder).st_mtime) for folder, _, _ in os.walk(os.path.join(root, top))}


def expect_depth_first(members):
    within = []
    for member in members:
        while within and not member.name.startswith(within[-1] + "/"):
            within.pop()
        equal(os.path.dirname(member.name), within[-1] if within else "", f"what {member.name} is written behind")
        within += [member.name] if member.isdir() else []
    expect(len(members) > 200, f"there are only {len(members)} members")


@everywhere
def test_unpacked_by_any_tar_every_directory_has_its_time(fresh):
    source = os.path.join(fresh.work, "source.tar")
    tiny_tar(source, change=nested)
    fresh.install(source, "tiny").good()
    wanted = directory_times(fresh.rootfs("tiny"))
    equal(wanted["srv/ab"], 1500000007, "a time before the export")
    path = exported(fresh, "tiny", "it.tar")
    fresh.lxctl("export", "tiny", f"oci:{fresh.work}/image").good()
    blobs = os.path.join(fresh.work, "image", "blobs", "sha256")
    (layer,) = [path for path in (os.path.join(blobs, name) for name in os.listdir(blobs)) if read(path)[:2] == b"\x1f\x8b"]
    for number, (archive, unpack) in enumerate((a, u) for a in (path, layer) for u in ("tar", "bsdtar") if shutil.which(u)):
        with tarfile.open(archive) as members:
            expect_depth_first(members.getmembers())
        there = os.path.join(fresh.work, f"there{number}")
        os.mkdir(there)
        run(unpack, "-xpf", archive, "-C", there).good()
        found = directory_times(there)
        if unpack == "bsdtar":  # which leaves the directory alone that it unpacks into
            found["."] = wanted["."]
        same(found.items(), wanted.items(), f"what {unpack} makes of {archive}")
    fresh.install(path, "again").good()
    same(directory_times(fresh.rootfs("again"), "srv").items(), directory_times(fresh.rootfs("tiny"), "srv").items(), "the second distribution")


# ------------------------------------------------------------- whole or not at all


@everywhere
def test_a_file_that_was_there_is_replaced_only_by_a_whole_archive(fresh):
    small(fresh)
    path = os.path.join(fresh.work, "it.tar")
    with open(path, "w") as file:
        file.write("before")
    client = fresh.client()
    sentence(fresh.lxctl("export", "tiny", path), "running", "--terminate", "lxctl terminate tiny", code=125)
    equal(read(path), b"before", "the file after an export that was refused")
    client.kill()
    client.ended()
    fresh.lxctl("export", "--terminate", "tiny", path).good()
    tarfile.open(path).close()
    equal(files(fresh), ["it.tar", "source.tar"], "what is in the directory")
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o666 & ~current_umask(), "the mode of the archive")


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_terminate_ends_the_instance_first(fresh):
    client = small(fresh).client()
    fresh.lxctl("export", "--terminate", "tiny", os.path.join(fresh.work, "it.tar")).good()
    expect(client.ended() != 0, "the program outlived the export")


@everywhere
def test_a_signal_cancels_and_leaves_nothing(fresh):
    small(fresh)
    path = os.path.join(fresh.work, "fifo.tar")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        command = fresh.start("export", "tiny", path)
        wait_for("the export is at work", lambda: state(fresh, "tiny") == "exporting")
        command.send_signal(number)
        equal(command.ended(), -number, "how lxctl ended")
        wait_for("nothing is held", lambda: state(fresh, "tiny") != "exporting")
    os.close(reader)
    fresh.launch("true").good()
    target = os.path.join(fresh.work, "it.tar.xz")
    command = fresh.start("export", "tiny", target)
    command.send_signal(signal.SIGKILL)
    command.ended()
    wait_for("nothing is held", lambda: state(fresh, "tiny") != "exporting")
    equal(files(fresh), ["fifo.tar", "source.tar"], "what is in the directory")


@everywhere
def test_a_full_disk_and_a_reader_that_goes_are_said(fresh):
    small(fresh)
    sentence(fresh.lxctl("export", "--format", "tar", "tiny", "/dev/full"), "no space left", code=125)
    command, reader = blocked_export(fresh, "tiny")
    os.close(reader)
    sentence(command.finish(), "went away", code=125)
    fresh.launch("true").good()


# ------------------------------------------------------------------------ bad input


@everywhere
def test_what_cannot_be_exported_or_written_is_refused(fresh):
    small(fresh)
    inside = os.path.join(fresh.work, "inside")
    os.mkdir(inside)
    for arguments, needles in (
        ((), ("lxctl export",)),
        (("tiny",), ("file",)),
        (("tiny", "a.tar", "b"), ("b",)),
        (("nosuch", "a.tar"), ("nosuch",)),
        (("tinny", "a.tar"), ("tiny",)),
        (("tiny", "a.zip"), ("a.zip", "tar.zst")),
        (("tiny", "a"), ("--format",)),
        (("tiny", "a.tar", "--format", "zip"), ("zip", "tar.zst")),
        (("tiny", "a.tar", "--format"), ("--format",)),
        (("tiny", inside, "--format", "tar"), ("directory",)),
        (("tiny", inside + "/", "--format", "tar"), ("directory",)),
        (("tiny", "nowhere/a.tar"), ("nowhere/a.tar",)),
        (("tiny", "", "--format", "tar"), ("No such file",)),
        (("--json", "tiny", "-"), ("--json",)),
    ):
        sentence(fresh.lxctl("export", *arguments), *needles, code=125)
    master, slave = os.openpty()
    sentence(fresh.lxctl("export", "tiny", "-", stdout=slave), "terminal", code=125)
    os.close(master)
    os.close(slave)
    equal(files(fresh), ["inside", "source.tar"], "what is in the directory")


def test_over_dbus_a_wrong_format_or_descriptor_is_refused(fresh):
    small(fresh)
    bus = fresh.awake()
    d = bus.dbus
    with open(os.path.join(fresh.work, "it"), "wb") as file:
        target = d.types.UnixFd(file)
        options = d.Dictionary({"format": "tar.rar"}, "sv")
        contains(bus.fails("InvalidArgument", MANAGER, I_MANAGER, "Export", "sha{sv}", "tiny", target, options), "tar.rar")
        options = d.Dictionary({"level": d.UInt32(9)}, "sv")
        contains(bus.fails("InvalidArgument", MANAGER, I_MANAGER, "Export", "sha{sv}", "tiny", target, options), "level")
    with open(os.path.join(fresh.work, "it")) as file:  # not for writing
        operation = bus.manager("Export", "sha{sv}", "tiny", d.types.UnixFd(file), d.Dictionary({}, "sv"))
    result, error, text = bus.signal("Finished", str(operation))
    expect(str(result) != "done" and len(str(text).split()) > 3, f"it ended with {result}, {error}, {text}")
    equal(state(fresh, "tiny"), "stopped")
    bus.close()


# --------------------------------------------------------- who is held back, who not


@everywhere
def test_launches_wait_for_an_export_and_nobody_else_does(fresh):
    small(fresh)
    fresh.install(os.path.join(fresh.work, "source.tar"), "other").good()
    command, reader = blocked_export(fresh, "tiny")
    sentence(fresh.launch("true", options=["--no-wait"]), "exported", code=125)
    equal(fresh.lxctl("launch", "-d", "other", "--", "echo", "hi").good().text, "hi", "a launch into another one")
    sentence(fresh.lxctl("export", "tiny", os.path.join(fresh.work, "second.tar")), "exported", code=125)
    sentence(fresh.lxctl("uninstall", "tiny"), "exported", code=125)
    waiting = fresh.start_launch("echo", "later")
    default = fresh.start("launch", "--", "echo", "default")
    waiting.says("export")
    default.says("export")
    with tarfile.open(fileobj=io.BytesIO(drain(reader))) as archive:
        expect(len(archive.getnames()) > 10, "the archive is not whole")
    command.finish().good()
    equal(waiting.finish().good().text, "later")
    equal(default.finish().good().text, "default")


def test_other_operations_go_on_while_an_export_is_blocked(fresh):
    small(fresh)
    command, reader = blocked_export(fresh, "tiny")
    fresh.install(os.path.join(fresh.work, "source.tar"), "second").good()
    fresh.lxctl("export", "second", os.path.join(fresh.work, "second.tar")).good()
    fresh.lxctl("uninstall", "second").good()
    equal(state(fresh, "tiny"), "exporting")
    drain(reader)
    command.finish().good()
    fresh.launch("true").good()


def test_json_says_what_was_written(fresh):
    small(fresh)
    path = os.path.join(fresh.work, "it.tar.gz")
    said = fresh.lxctl("--json", "export", "tiny", path).json()
    equal(said, {"result": "done", "name": "tiny", "file": path, "format": "tar.gz", "size": os.stat(path).st_size})


if __name__ == "__main__":
    main(globals())
