#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Installing and uninstalling: present whole or not at all, one at a time,
cancelled with its client; and what is said about sources that are no good.

Most of it uses a distribution of a few megabytes that really runs, made from
the host's own dash and coreutils (lxss_test.tiny_tar)."""

import glob
import gzip
import hashlib
import os
import random
import shutil
import signal
import subprocess
import tarfile

from lxss_test import (
    Skip, contains, descendants, equal, everywhere, expect, lengthy, main, mode, modes, needs_network, program, program_of, read, run,
    sentence, tiny_tar, wait_for,
)  # fmt: skip

COMPRESSIONS = {
    "tar": None, "tar.gz": ["gzip", "-c"], "tgz": ["gzip", "-c"], "tar.bz2": ["bzip2", "-c"], "tar.xz": ["xz", "-1c"],
    "tar.zst": ["zstd", "-qc"], "tar.lz4": ["lz4", "-qc"], "wsl": ["gzip", "-c"],
}  # fmt: skip


def tar(world, name="tiny.tar", **options):
    path = os.path.join(world.work, name)
    tiny_tar(path, **options)
    return path


def refused(world, result, *needles):
    """It failed with a sentence, and nothing is there that was not before."""
    sentence(result, *needles, code=125)
    equal(world.installed(), [], "the distributions afterwards")
    wait_for("the staging directory is empty", lambda: not world.staged())


def works(world, name, marker="tiny"):
    equal(world.lxctl("launch", "-d", name, "--", "cat", "/etc/marker").good().text, marker, f"/etc/marker of {name}")


def blocked_install(world, name, *options, sent=200000):
    """An install that has got the beginning of an archive through a pipe and
    waits for the rest: (command, the rest)."""
    data = tiny_tar()
    command = world.start("install", "-", "--name", name, *options, stdin=subprocess.PIPE)
    command.stdin.write(data[:sent])
    command.stdin.flush()
    wait_for("the install is at work", lambda: world.staged())
    return command, data[sent:]


# ---------------------------------------------------------------------- sources


@everywhere
def test_a_tar_of_any_compression_is_installed(fresh):
    for suffix, compress in COMPRESSIONS.items():
        if compress and not shutil.which(compress[0]):
            continue
        name = "with-" + suffix.replace(".", "-")
        source = tar(fresh, f"{name}.{suffix}", marker=name, compress=compress)
        fresh.install(source, name).good()
        works(fresh, name, name)


@everywhere
def test_a_cpio_archive_is_installed(fresh):
    source = os.path.join(fresh.work, "tree")
    os.mkdir(source)
    with tarfile.open(tar(fresh)) as archive:
        archive.extractall(source)
    for number, form in enumerate(("newc", "odc")):
        path = os.path.join(fresh.work, f"c{number}.cpio.gz")
        script = 'cd "$1" && find . | cpio --quiet -o -H "$2" | gzip >"$3"'
        run("sh", "-c", script, "sh", source, form, path).good()
        fresh.lxctl("install", path).good()
        works(fresh, f"c{number}")


@everywhere
def test_a_sha256_is_compared_with_the_bytes_that_were_unpacked(fresh):
    for suffix in ("tar", "tar.gz", "tar.xz"):
        path = tar(fresh, f"it.{suffix}", compress=COMPRESSIONS[suffix])
        right = hashlib.sha256(read(path)).hexdigest()
        wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
        refused(fresh, fresh.install(path, "a", "--sha256", wrong), right, wrong)
        fresh.install(path, "a", "--sha256", right).good()
        works(fresh, "a")
        fresh.lxctl("uninstall", "a").good()
        with open(path, "ab") as file:  # behind the end of the archive, where nothing is unpacked
            file.write(b"\0" * 100000)
        refused(fresh, fresh.install(path, "a", "--sha256", right), right)
        with open(path, "rb") as file:
            now = hashlib.sha256(file.read()).hexdigest().upper()
        fresh.install(path, "a", "--sha256", now).good()
        fresh.lxctl("uninstall", "a").good()
    data = tiny_tar()
    result = fresh.lxctl("install", "-", "--name", "a", "--sha256", hashlib.sha256(data).hexdigest(), input=data)
    result.good()


def test_what_is_no_sha256_is_refused(fresh):
    for word in ("", "x", "0" * 63, "0" * 65, "g" * 64, "0" * 63 + " "):
        refused(fresh, fresh.install(tar(fresh), "a", f"--sha256={word}"), "64 hexadecimal")
    refused(fresh, fresh.install("bootstrap:bookworm", "a", "--sha256", "0" * 64), "SHA-256")


def test_what_has_no_archive_has_no_size_to_be_limited(fresh):
    refused(fresh, fresh.install("bootstrap:bookworm", "a", "--max-size", "1G"), "no archive", "--max-size")


def test_the_compression_is_seen_in_the_content_not_in_the_name(fresh):
    fresh.install(tar(fresh, "lying.tar.xz", compress=["gzip", "-c"]), "a").good()
    works(fresh, "a")


@everywhere
def test_an_archive_from_stdin_is_installed(fresh):
    result = fresh.lxctl("install", "-", "--name", "piped", input=tiny_tar(compress=["gzip", "-c"])).good()
    works(fresh, "piped")
    equal(fresh.installed(), ["piped"])
    expect(b"\r" not in result.err and b"\x1b" not in result.err, f"a progress bar without a terminal: {result.err!r}")


def test_without_a_name_the_file_gives_it(fresh):
    fresh.lxctl("install", tar(fresh, "alpine.tar.gz", compress=["gzip", "-c"])).good()
    equal(fresh.installed(), ["alpine"])
    result = fresh.lxctl("install", "-", input=tiny_tar())
    sentence(result, "--name", code=125)
    equal(fresh.installed(), ["alpine"])


def test_members_may_begin_with_a_dot_slash(fresh):
    path = os.path.join(fresh.work, "dots.tar")
    with tarfile.open(tar(fresh)) as source, tarfile.open(path, "w") as target:
        for member in source:
            data = source.extractfile(member) if member.isreg() else None
            member.name = "./" + member.name
            target.addfile(member, data)
    fresh.install(path, "dots").good()
    works(fresh, "dots")


def test_an_absolute_link_as_bin_sh_is_accepted(fresh):
    def change(add, without):
        add("usr/bin", type=tarfile.DIRTYPE)

    path = os.path.join(fresh.work, "link.tar")
    with tarfile.open(tar(fresh)) as source, tarfile.open(path, "w") as target:
        for member in source:
            if member.name == "bin/sh":
                link = tarfile.TarInfo("bin/sh")
                link.type, link.linkname, link.mode = tarfile.SYMTYPE, "/bin/real-sh", 0o777
                target.addfile(link)
                data = source.extractfile(member)
                member.name = "bin/real-sh"
                target.addfile(member, data)
            else:
                target.addfile(member, source.extractfile(member) if member.isreg() else None)
    fresh.install(path, "linked").good()
    works(fresh, "linked")


@everywhere
def test_device_nodes_are_skipped_quietly(fresh):
    def change(add, without):
        add("dev", type=tarfile.DIRTYPE)
        add("dev/sda", type=tarfile.BLKTYPE, devmajor=8, devminor=0, mode=0o666)
        add("dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666)
        add("etc/device", type=tarfile.CHRTYPE, devmajor=1, devminor=1, mode=0o666)

    result = fresh.install(tar(fresh, change=change), "devices").good()
    for word in ("warn", "error", "device", "skip", "cannot"):
        expect(word not in result.said.lower(), f"it was not quiet: {result.said}")
    works(fresh, "devices")
    equal(fresh.lxctl("launch", "-d", "devices", "--", "sh", "-c", "ls /etc").good().text.split().count("device"), 0)


def test_modes_links_times_and_owners_arrive(fresh):
    def change(add, without):
        add("data", type=tarfile.DIRTYPE, mode=0o2755)
        add("data/suid", b"x", mode=0o4755)
        add("data/other", b"y", mode=0o640, uid=0, gid=65534)
        add("data/hard", type=tarfile.LNKTYPE, linkname="data/suid")
        add("data/soft", type=tarfile.SYMTYPE, linkname="../no/where")
        add("data/\u00e9\U0001f427 name", b"z", mode=0o644)
        add("data/pipe", type=tarfile.FIFOTYPE, mode=0o644)
        add("data/closed", type=tarfile.DIRTYPE, mode=0o500)
        add("data/closed/file", b"in it", mode=0o400)

    fresh.install(tar(fresh, change=change), "modes").good()
    script = 'cd /data; stat -c "%n %f %u %g %h %Y" suid other hard; cat closed/file; ls'
    result = fresh.lxctl("launch", "-d", "modes", "-u", "root", "--", "sh", "-c", script).good()
    contains(result.text, "suid 89ed 0 0 2 1700000000", "hard 89ed 0 0 2 1700000000", "in it", "\u00e9\U0001f427 name")
    contains(result.text, "other 81a0 0 65534 1 1700000000")


def test_a_file_in_the_archive_may_come_twice_the_last_counts(fresh):
    def change(add, without):
        add("etc", type=tarfile.DIRTYPE)
        add("etc/twice", b"first")
        add("etc/twice", b"second")

    fresh.install(tar(fresh, change=change), "twice").good()
    equal(fresh.lxctl("launch", "-d", "twice", "--", "cat", "/etc/twice").good().text, "second")


# ------------------------------------------------------------------- bad sources


@everywhere
def test_what_is_no_archive_is_refused(fresh):
    for name, data in (
        ("text.tar", b"This is a letter, not an archive.\n" * 100),
        ("empty.tar", b""),
        ("random.tar", random.Random(1).randbytes(1 << 20)),
        ("zeros.tar", b"\0" * 10240),
        ("elf.tar", read("/bin/true")),
        ("compressed-text.tar.gz", gzip.compress(b"a letter\n" * 1000)),
    ):
        path = os.path.join(fresh.work, name)
        with open(path, "wb") as file:
            file.write(data)
        refused(fresh, fresh.install(path, "bad"), *(() if name == "zeros.tar" else ("archive",)))


def test_a_source_that_cannot_be_read_is_refused(fresh):
    refused(fresh, fresh.install("/no/such/file.tar", "bad"), "/no/such/file.tar")
    refused(fresh, fresh.install("no-such-name", "bad"), "no-such-name")
    refused(fresh, fresh.install("nosuchscheme:x", "bad"), "nosuchscheme")
    path = os.path.join(fresh.work, "secret.tar")
    tiny_tar(path)
    os.chmod(path, 0)
    if os.getuid() != 0:
        refused(fresh, fresh.install(path, "bad"), path)


@everywhere
def test_a_truncated_archive_is_refused_wherever_it_is_cut(fresh):
    whole = tiny_tar()
    for compress in (None, ["gzip", "-c"], ["xz", "-1c"], ["zstd", "-qc"], ["bzip2", "-c"]):
        if compress and not shutil.which(compress[0]):
            continue
        data = whole if not compress else subprocess.run(compress, input=whole, stdout=subprocess.PIPE).stdout
        cuts = [len(data) // 3, len(data) // 2, len(data) * 9 // 10]
        cuts += [300, 20000 + 7] if not compress else [20, len(data) - 40]
        for cut in cuts:
            path = os.path.join(fresh.work, "cut")
            with open(path, "wb") as file:
                file.write(data[:cut])
            result = fresh.install(path, "bad")
            expect(result.code != 0, f"{compress} cut at {cut} of {len(data)} was installed")
            refused(fresh, result)


def test_a_flipped_byte_in_a_compressed_archive_is_refused(fresh):
    whole = tiny_tar()
    for compress in (["gzip", "-c"], ["xz", "-1c"], ["zstd", "-qc"], ["bzip2", "-c"]):
        if not shutil.which(compress[0]):
            continue
        good = subprocess.run(compress, input=whole, stdout=subprocess.PIPE).stdout
        for place in (len(good) // 2, len(good) - 3):  # the data, and the last checksum or length
            data = bytearray(good)
            data[place] ^= 0x10
            path = os.path.join(fresh.work, "flipped")
            with open(path, "wb") as file:
                file.write(data)
            result = fresh.install(path, "bad")
            expect(result.code != 0, f"{compress} flipped at {place} of {len(data)} was installed")
            refused(fresh, result)


@everywhere
def test_an_archive_that_is_no_distribution_is_refused(fresh):
    def no_etc(add, without):
        without("etc")
        add("etc", b"", type=tarfile.REGTYPE)

    def no_sh(add, without):
        without("bin")

    refused(fresh, fresh.install(tar(fresh, "no-sh.tar", change=no_sh), "bad"), "/bin/sh")
    refused(fresh, fresh.install(tar(fresh, "no-etc.tar", change=no_etc), "bad"), "/etc")
    path = os.path.join(fresh.work, "photos.tar")
    with tarfile.open(path, "w") as archive:
        archive.add("/etc/hostname", "holiday.jpg")
    refused(fresh, fresh.install(path, "bad"), "/etc")


def test_an_archive_with_bin_sh_leading_outside_is_refused(fresh):
    def change(add, without):
        without("bin")
        add("bin", type=tarfile.DIRTYPE)
        add("bin/sh", type=tarfile.SYMTYPE, linkname="/" + "../" * 20 + "bin/sh")

    refused(fresh, fresh.install(tar(fresh, change=change), "bad"))


def test_names_that_are_malformed_are_refused(fresh):
    path = tar(fresh)
    bad = ["", ".", "..", "a/b", "../a", "/a", "a b", "a\nb", "\u00e9", "-a", "a" * 300, "a\x1b[31m", "a:b", "*", "~", "a\\b", "a%b"]
    for name in bad:
        result = fresh.lxctl("install", path, f"--name={name}")
        refused(fresh, result)
        expect(b"\x1b" not in result.err, "an escape sequence reached stderr")
    fresh.install(path, "Good.name_1-2").good()
    equal(fresh.installed(), ["Good.name_1-2"])


def test_a_name_that_is_taken_is_refused(fresh):
    path = tar(fresh)
    fresh.install(path, "one").good()
    sentence(fresh.install(tar(fresh, "other.tar", marker="other"), "one"), "one", code=125)
    equal(fresh.installed(), ["one"])
    works(fresh, "one", "tiny")


@everywhere
def test_members_that_lead_outside_do_not_escape(fresh):
    canary = os.path.join(fresh.work, "canary")
    os.mkdir(canary)
    os.chmod(canary, 0o777)
    with open(os.path.join(canary, "file"), "w") as file:
        file.write("untouched")
    os.chmod(os.path.join(canary, "file"), 0o666)
    up = "../" * 30 + canary.lstrip("/")

    def case(*members):
        def change(add, without):
            for name, data, attributes in members:
                add(name, data, **attributes)

        return change

    link = {"type": tarfile.SYMTYPE}
    hard = {"type": tarfile.LNKTYPE}
    cases = {
        "dotdot": case((f"{up}/new", b"x", {})),
        "dotdot-inside": case(("etc", None, {"type": tarfile.DIRTYPE}), (f"etc/{up}/new", b"x", {})),
        "absolute": case((f"{canary}/new", b"x", {})),
        "overwrite": case((f"{canary}/file", b"x", {})),
        "link-then-file": case(("out", None, {**link, "linkname": canary}), ("out/new", b"x", {})),
        "relative-link": case(("out", None, {**link, "linkname": up}), ("out/new", b"x", {})),
        "link-to-file": case(("out", None, {**link, "linkname": f"{canary}/file"}), ("out", b"x", {})),
        "link-then-dir": case(("out", None, {**link, "linkname": canary}), ("out", None, {"type": tarfile.DIRTYPE, "mode": 0o700})),
        "two-links": case(("a", None, {**link, "linkname": "b"}), ("b", None, {**link, "linkname": canary}), ("a/new", b"x", {})),
        "hard-absolute": case(("hard", None, {**hard, "linkname": f"{canary}/file"}), ("hard", b"x", {})),
        "hard-dotdot": case(("hard", None, {**hard, "linkname": f"{up}/file"}), ("hard", b"x", {})),
        "hard-through-link": case(("out", None, {**link, "linkname": canary}), ("hard", None, {**hard, "linkname": "out/file"})),
        "device-through-link": case(("out", None, {**link, "linkname": canary}), ("out/null", None, {"type": tarfile.CHRTYPE})),
        "fifo-through-link": case(("out", None, {**link, "linkname": canary}), ("out/pipe", None, {"type": tarfile.FIFOTYPE})),
        "etc-is-a-link": case(("etc", None, {**link, "linkname": canary})),
        "passwd-is-a-link": case(("etc", None, {"type": tarfile.DIRTYPE}), ("etc/shadow", None, {**link, "linkname": f"{canary}/file"})),
        "home-is-a-link": case(("home", None, {**link, "linkname": canary})),
        "sudoers-is-a-link": case(
            ("etc", None, {"type": tarfile.DIRTYPE}), ("etc/sudoers.d", None, {**link, "linkname": canary})
        ),
    }  # fmt: skip
    before = os.stat(os.path.join(canary, "file"))
    for name, change in cases.items():
        result = fresh.install(tar(fresh, "evil.tar", change=change), name)
        expect(result.code in (0, 125), f"{name}: install ended with {result.code}: {result.said}")
        if result.code == 0:
            fresh.lxctl("launch", "-d", name, "--", "true")
        equal(os.listdir(canary), ["file"], f"{name}: what is in the canary directory")
        equal(read(os.path.join(canary, "file")), b"untouched", f"{name}: the canary")
        after = os.stat(os.path.join(canary, "file"))
        equal((after.st_nlink, after.st_uid, after.st_mode), (1, before.st_uid, before.st_mode), f"{name}: the canary's inode")
        equal(os.stat(canary).st_mode & 0o7777, 0o777, f"{name}: the canary directory's mode")


# ------------------------------------------------- defaults, lists and uninstall


@everywhere
def test_the_first_distribution_is_the_default_and_set_default_changes_it(fresh):
    for name in ("one", "two"):
        fresh.install(tar(fresh, marker=name), name).good()
    default = lambda: fresh.lxctl("launch", "--", "cat", "/etc/marker").good().text
    equal(default(), "one", "the default distribution's marker")
    fresh.lxctl("set-default", "two").good()
    equal(default(), "two", "the default distribution's marker")
    fresh.lxctl("shutdown").good()
    equal(default(), "two", "the default after a new start of lxssd")
    sentence(fresh.lxctl("set-default", "three"), "three", code=125)
    equal(default(), "two", "the default distribution's marker")
    fresh.install(tar(fresh, marker="four"), "four", "--default").good()
    equal(default(), "four", "the default distribution's marker after --default")


def test_an_unknown_distribution_is_named_and_a_near_one_suggested(fresh):
    fresh.install(tar(fresh), "debian").good()
    result = fresh.lxctl("launch", "-d", "debain", "--", "true")
    sentence(result, "debain", code=125)
    contains(result.err, '"debian"' if b'"debian"' in result.err else "debian", what="stderr")
    for verb in (["uninstall"], ["hold"], ["set-default"]):
        sentence(fresh.lxctl(*verb, "nosuch"), "nosuch", code=125)
    equal(fresh.installed(), ["debian"])


@everywhere
def test_uninstall_removes_every_file(fresh):
    fresh.install(tar(fresh), "gone").good()
    fresh.lxctl("launch", "-d", "gone", "-u", "root", "--", "sh", "-c", "mkdir -m 0 /root/a; touch /etc/b").good()
    fresh.quiet(with_daemon=False)
    fresh.lxctl("uninstall", "gone").good()
    equal(fresh.installed(), [])
    equal(fresh.staged(), [])
    sentence(fresh.lxctl("launch", "-d", "gone", "--", "true"), code=125)
    fresh.install(tar(fresh), "gone").good()
    works(fresh, "gone")


def test_uninstall_of_a_running_one_is_refused_without_terminate(fresh):
    fresh.install(tar(fresh), "busy").good()
    fresh.distribution = "busy"
    client = fresh.client()
    sentence(fresh.lxctl("uninstall", "busy"), "busy", "--terminate", code=125)
    expect(client.poll() is None, "the client ended")
    works(fresh, "busy")
    fresh.lxctl("uninstall", "busy", "--terminate").good()
    expect(client.finish().code != 0, "the client's lxctl returned 0")
    equal(fresh.installed(), [])


def test_uninstall_crosses_no_link_and_no_mount(fresh):
    canary = os.path.join(fresh.work, "canary")
    os.mkdir(canary)
    with open(os.path.join(canary, "file"), "w") as file:
        file.write("untouched")
    os.chmod(canary, 0o777)

    def change(add, without):
        add("link", type=tarfile.SYMTYPE, linkname=canary)
        add("up", type=tarfile.SYMTYPE, linkname="../" * 30 + canary.lstrip("/"))

    fresh.install(tar(fresh, change=change), "linked").good()
    fresh.lxctl("uninstall", "linked").good()
    equal(read(os.path.join(canary, "file")), b"untouched", "the canary")


def test_uninstalling_the_default_leaves_a_usable_state(fresh):
    for name in ("one", "two"):
        fresh.install(tar(fresh, marker=name), name).good()
    fresh.lxctl("uninstall", "one").good()
    result = fresh.lxctl("launch", "--", "cat", "/etc/marker")
    if result.code != 0:
        sentence(result, "two", code=125)
    fresh.lxctl("set-default", "two").good()
    equal(fresh.lxctl("launch", "--", "cat", "/etc/marker").good().text, "two")


def test_a_broken_distribution_is_listed_and_can_be_uninstalled(fresh):
    for name in ("fine", "broken", "rootless"):
        fresh.install(tar(fresh), name).good()
    fresh.lxctl("shutdown").good()
    folder = os.path.join(fresh.data, "distributions")
    with open(os.path.join(folder, "broken", "distribution.conf"), "wb") as file:
        file.write(b"\0\xff[[[not a key file\n=\n")
    # An ordinary user may move the folder that is theirs, not the root in it that is a subuid's.
    os.rename(os.path.join(folder, "rootless"), os.path.join(fresh.work, "elsewhere"))
    os.mkdir(os.path.join(folder, "rootless"))
    shutil.copy(os.path.join(fresh.work, "elsewhere", "distribution.conf"), os.path.join(folder, "rootless"))
    works(fresh, "fine")
    contains(fresh.lxctl("list").good().out, "fine", "broken", "rootless", what="the list")
    sentence(fresh.lxctl("launch", "-d", "rootless", "--", "true"), "rootless", code=125)
    for name in ("broken", "rootless"):
        fresh.lxctl("uninstall", name).good()
    equal(fresh.installed(), ["fine"])


def blocks_of_xz():
    """An archive of 90 MB in four blocks as xz -T makes them, each badly compressible in part, so that
    decoding two of them side by side takes what it can take."""
    noise = random.Random(4).randbytes(5 << 20)

    def large(add, first):
        for number in range(4):
            add(f"var/{number}", noise + bytes([number]) * (18 << 20), mode=0o644)

    return tiny_tar(change=large, compress=["xz", "-c", "-T2", "-6"])


@modes("rootless")
def test_unpacking_takes_little_memory(fresh):
    if b"__asan_init" in read(program("lxss-worker")):
        raise Skip("the sanitizers need memory of their own")
    data = blocks_of_xz()
    command = fresh.start("install", "-", "--name", "large", stdin=subprocess.PIPE)
    command.stdin.write(data[:-16])  # it takes what comes, then it waits for the rest, with all that it ever had in its books
    command.stdin.flush()
    [staged] = fresh.staged()
    last = os.path.join(fresh.data, "staging", staged, "rootfs/var/3")
    wait_for("all but the end is unpacked", lambda: os.path.exists(last) and os.path.getsize(last) > 22 << 20)
    [worker] = [pid for pid in descendants() if program_of(pid) == "lxss-worker"]
    peak = int(read(f"/proc/{worker}/status", "r").split("VmHWM:")[1].split()[0]) // 1024
    expect(8 < peak <= 64, f"lxss-worker had {peak} MB resident")
    command.finish(data[-16:]).good()


# ----------------------------------------------------- pending, queued, cancelled


@everywhere
def test_ctrl_c_during_an_install_cancels_it(fresh):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP):
        command, _ = blocked_install(fresh, "half")
        command.send_signal(number)
        expect(command.ended() != 0, "lxctl returned 0")
        wait_for(f"nothing is staged after {number.name}", lambda: not fresh.staged())
        equal(fresh.installed(), [])
    fresh.install(tar(fresh), "half").good()
    works(fresh, "half")


def test_kill_9_of_lxssd_during_an_install_leaves_nothing(fresh):
    for _ in range(3):
        command, _ = blocked_install(fresh, "half")
        os.kill(fresh.daemon(), signal.SIGKILL)
        sentence(command.finish(b""), code=125)
        wait_for("the workers are gone", lambda: not descendants())
        fresh.lxctl("list").good()
        wait_for("nothing is staged once lxssd runs again", lambda: not fresh.staged())
        equal(fresh.installed(), [])
    fresh.install(tar(fresh), "half").good()


def test_kill_9_of_lxssd_at_any_moment_of_an_install_leaves_all_or_nothing(fresh):
    path = tar(fresh)
    for i in range(25):
        fresh.lxctl("list").good()
        command = fresh.start("install", path, "--name", "whole")
        end = random.uniform(0, 0.25)
        wait_for("a random while", ticking(end))
        for pid in descendants():
            if program_of(pid) == "lxssd":
                os.kill(pid, signal.SIGKILL)
        command.ended()
        if fresh.lxctl("list", "-q").good().text:
            works(fresh, "whole")
            fresh.quiet(with_daemon=False)
            fresh.lxctl("uninstall", "whole").good()
        wait_for("nothing is staged", lambda: not fresh.staged())
        equal(fresh.installed(), [])


def ticking(seconds):
    import time

    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def test_kill_9_of_lxssd_during_an_uninstall_leaves_all_or_nothing(fresh):
    path = tar(fresh)
    for i in range(15):
        fresh.install(path, "whole").good()
        command = fresh.start("uninstall", "whole")
        wait_for("a random while", ticking(random.uniform(0, 0.1)))
        for pid in descendants():
            if program_of(pid) == "lxssd":
                os.kill(pid, signal.SIGKILL)
        command.ended()
        if fresh.lxctl("list", "-q").good().text:
            works(fresh, "whole")
            fresh.quiet(with_daemon=False)
            fresh.lxctl("uninstall", "whole").good()
        wait_for("nothing is staged", lambda: not fresh.staged())
        equal(fresh.installed(), [])


def test_kill_9_of_the_worker_fails_the_install(fresh):
    command, _ = blocked_install(fresh, "half")
    workers = wait_for("a worker runs", lambda: [p for p in descendants() if program_of(p) == "lxss-worker"])
    for pid in workers:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    sentence(command.finish(b""), code=125)
    wait_for("nothing is staged", lambda: not fresh.staged())
    equal(fresh.installed(), [])


def test_a_second_install_queues(fresh):
    first, rest = blocked_install(fresh, "one")
    second = fresh.start("install", tar(fresh, marker="two"), "--name", "two")
    bus = fresh.bus()
    operations = wait_for("two operations", lambda: len(bus.manager("ListOperations")) == 2 and bus.manager("ListOperations"))
    stages = {str(name): str(stage) for _, name, stage, _, _ in operations}
    equal(stages["two"], "queued", "the second one's stage")
    expect(stages["one"] != "queued", f"the first one's stage is {stages['one']}")
    equal({str(kind) for kind, _, _, _, _ in operations}, {"install"}, "the kinds")
    first.finish(rest).good()
    second.finish().good()
    works(fresh, "one")
    works(fresh, "two", "two")


def test_a_queued_install_can_be_cancelled(fresh):
    first, rest = blocked_install(fresh, "one")
    second = fresh.start("install", tar(fresh), "--name", "two")
    bus = fresh.bus()
    wait_for("two operations", lambda: len(bus.manager("ListOperations")) == 2)
    second.send_signal(signal.SIGINT)
    expect(second.ended() != 0, "lxctl returned 0")
    wait_for("one operation", lambda: len(bus.manager("ListOperations")) == 1)
    first.finish(rest).good()
    equal(fresh.installed(), ["one"])


def test_the_same_name_cannot_be_installed_twice_at_a_time(fresh):
    first, rest = blocked_install(fresh, "one")
    second = fresh.start("install", tar(fresh, marker="other"), "--name", "one")
    first.finish(rest).good()
    sentence(second.finish(), "one", code=125)
    works(fresh, "one", "tiny")


@everywhere
def test_a_launch_waits_for_the_install_of_its_distribution(fresh):
    first, rest = blocked_install(fresh, "soon")
    waiting = fresh.start("launch", "-d", "soon", "--", "cat", "/etc/marker")
    waiting.says("soon")
    result = fresh.lxctl("launch", "-d", "soon", "--no-wait", "--", "true")
    sentence(result, "soon", code=125)
    expect(waiting.poll() is None, "the launch did not wait")
    first.finish(rest).good()
    result = waiting.finish()
    equal((result.code, result.text), (0, "tiny"), f"the launch that waited ({result.said})")


def test_a_launch_that_waits_for_an_install_that_fails_learns_it(fresh):
    first, _ = blocked_install(fresh, "never")
    waiting = fresh.start("launch", "-d", "never", "--", "true")
    waiting.says("never")
    first.send_signal(signal.SIGINT)
    first.ended()
    equal(waiting.ended(), 125, "the launch's exit code")


def test_a_waiting_launch_can_be_interrupted(fresh):
    first, rest = blocked_install(fresh, "soon")
    waiting = fresh.start("launch", "-d", "soon", "--", "true")
    waiting.says("soon")
    waiting.send_signal(signal.SIGINT)
    expect(waiting.ended() != 0, "lxctl returned 0")
    first.finish(rest).good()


def test_other_distributions_work_during_an_install(fresh):
    fresh.install(tar(fresh, marker="here"), "here").good()
    first, rest = blocked_install(fresh, "soon")
    works(fresh, "here", "here")
    contains(fresh.lxctl("list").good().out, "here", what="the list")
    contains(fresh.lxctl("list", "-v").good().out, "here", "soon", "installing", what="the list")
    fresh.lxctl("status").good()
    fresh.lxctl("ps").good()
    fresh.lxctl("--json", "list").json()
    first.finish(rest).good()


def test_uninstall_during_the_install_waits_or_is_refused(fresh):
    first, rest = blocked_install(fresh, "soon")
    second = fresh.start("uninstall", "soon")
    wait_for("the uninstall queues or is refused", lambda: second.poll() is not None or len(fresh.bus().manager("ListOperations")) == 2)
    first.finish(rest).good()
    result = second.finish()
    if result.code == 0:
        equal(fresh.installed(), [])
    else:
        sentence(result, "soon", code=125)
        equal(fresh.installed(), ["soon"])


def test_shutdown_during_an_install_cancels_it(fresh):
    command, _ = blocked_install(fresh, "half")
    fresh.lxctl("shutdown").good()
    expect(command.ended() != 0, "lxctl returned 0")
    wait_for("nothing is staged", lambda: not fresh.staged())
    equal(fresh.installed(), [])


def test_a_full_disk_is_said_and_nothing_stays(fresh):
    if mode() != "root":
        raise Skip("needs a small file system of its own")
    os.makedirs(fresh.data, mode=0o700, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", fresh.data])
    if mounted.returncode != 0:
        raise Skip("no tmpfs can be mounted")
    try:
        result = fresh.install(tar(fresh), "big")
        sentence(result, "space", code=125)
        equal(fresh.installed(), [])
        wait_for("nothing is staged", lambda: not fresh.staged())
        fresh.lxctl("shutdown")
        wait_for("lxssd is gone", lambda: not descendants())
    finally:
        subprocess.run(["umount", fresh.data])


# ------------------------------------------------------------- a real distribution


def test_the_real_distribution_is_what_was_installed(debian):
    contains(debian.launch("cat", "/etc/os-release").good().out, "Debian", what="/etc/os-release")
    result = debian.launch("dpkg", "--verify", "base-files", "coreutils", "dpkg", options=["-u", "root"]).good()
    equal(result.text, "", "what dpkg --verify finds")
    equal(debian.launch("stat", "-c", "%a %U", "/usr/bin/sudo", "/tmp", "/etc/shadow").good().text.split("\n"),
          ["4755 root", "1777 root", "640 root"], "modes and owners")  # fmt: skip


@modes("root", "rootless")
def test_apt_get_install_works_inside(debian):
    needs_network()
    script = "apt-get -q update && apt-get -q install -y --no-install-recommends hello"
    env = ["-u", "root", "-e", "DEBIAN_FRONTEND=noninteractive"]
    debian.launch("sh", "-c", script, options=env, seconds=300).good()
    equal(debian.launch("hello").good().text, "Hello, world!", "what it says")
    debian.launch("apt-get", "-q", "purge", "-y", "hello", options=env).good()


@modes("rootless")
def test_the_default_user_installs_packages_with_sudo(debian):
    needs_network()
    result = debian.launch("sudo", "-n", "sh", "-c", "id -u; apt-get -q update >/dev/null && apt-get -qs install hello", seconds=300)
    contains(result.good().out, "0\n", "Inst hello", what="the output")


@lengthy
@modes("root")  # this one as an ordinary user, and named: itest-bus.py; as root: quickstart in a fresh machine
def test_bootstrap_makes_the_next_debian(fresh):
    if not shutil.which("mmdebstrap"):
        raise Skip("mmdebstrap is not installed")
    needs_network()
    fresh.lxctl("install", "bootstrap:trixie", seconds=600).good()
    equal(fresh.installed(), ["trixie"])
    contains(fresh.lxctl("launch", "-d", "trixie", "--", "cat", "/etc/os-release").good().out, "trixie")
    equal(fresh.lxctl("launch", "-d", "trixie", "-u", "root", "--", "id", "-u").good().text, "0")
    fresh.quiet(with_daemon=False)
    fresh.lxctl("uninstall", "trixie").good()


MUSL_PROGRAM = r"""
#include <pwd.h>
#include <stdio.h>
int main(void) {
        const struct passwd *user = getpwuid(0);
        puts(user ? user->pw_name : "nobody known");
        return 7;
}
"""


def musl_tar(world):
    """A root without glibc: BusyBox, musl's loader, which is its C library too, and a program that needs it."""
    loaders = glob.glob("/lib/ld-musl-*.so.1")
    busybox = shutil.which("busybox", path="/bin:/usr/bin")
    if not loaders or not busybox or not shutil.which("musl-gcc"):
        raise Skip("musl, musl-gcc or busybox-static is not installed")
    if b"=>" in subprocess.run(["ldd", busybox], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout:
        raise Skip("this busybox is no static one")
    source, program = os.path.join(world.work, "program.c"), os.path.join(world.work, "program")
    with open(source, "w") as file:
        file.write(MUSL_PROGRAM)
    subprocess.run(["musl-gcc", "-o", program, source], check=True)

    def change(add, first):
        first("bin")
        for name in ("bin", "lib"):
            add(name, type=tarfile.DIRTYPE)
        add("bin/busybox", read(busybox))
        for name in ("sh", "cat", "id", "ls", "sleep"):
            add(f"bin/{name}", type=tarfile.SYMTYPE, linkname="busybox")
        add(loaders[0].lstrip("/"), read(os.path.realpath(loaders[0])))
        add("bin/program", read(program))

    path = os.path.join(world.work, "musl.tar")
    tiny_tar(path, change=change)
    return path


@everywhere
def test_a_small_root_with_musl_works(fresh):
    fresh.install(musl_tar(fresh), "musl").good()
    fresh.distribution = "musl"
    result = fresh.launch("program")
    equal((result.code, result.text), (7, "root"))
    equal(fresh.launch("id", "-u", options=["-u", "root"]).good().text, "0")
    equal(fresh.launch("sh", "-c", "cat /etc/marker | cat; exit 3").code, 3)


def test_bootstrap_of_no_suite_says_so(fresh):
    if not shutil.which("mmdebstrap"):
        raise Skip("mmdebstrap is not installed")
    refused(fresh, fresh.install("bootstrap:nosuchsuite", "bad"))
    for suite in ("", "../x", "-x", "a b", "--help"):
        refused(fresh, fresh.install(f"bootstrap:{suite}", "bad"))


def test_bootstrap_can_be_cancelled(fresh):
    if not shutil.which("mmdebstrap"):
        raise Skip("mmdebstrap is not installed")
    command = fresh.start("install", "bootstrap:bookworm", "--name", "half")
    wait_for("mmdebstrap is at work", lambda: [p for p in descendants() if program_of(p) == "mmdebstrap"] and fresh.staged())
    command.send_signal(signal.SIGINT)
    expect(command.ended() != 0, "lxctl returned 0")
    wait_for("nothing is staged", lambda: not fresh.staged())
    wait_for("mmdebstrap is gone", lambda: not [p for p in descendants() if program_of(p) != "lxssd"])


if __name__ == "__main__":
    main(globals())
