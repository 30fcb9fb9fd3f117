#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Archives that lie, hurt, or carry odd names: each is unpacked as it is, or refused
with a sentence and nothing left. More of them are in itest-install and test-worker-extract."""

import gzip
import io
import os
import shutil
import subprocess
import tarfile

from lxss_test import Skip, equal, everywhere, expect, main, sentence, tiny_tar, wait_for
from tree import snapshot

ODD_NAMES = (b"new\nline", b"\x1b[31mred\x1b[0m", b"\xff\xfe not UTF-8", b"n" * 255, b" ", b"-rf", b"tab\t", b"\\", b"'\"$(x)`x`", b"\xc2\x85")


def with_members(path, members, **options):
    """The small distribution with more members: (TarInfo, data)."""
    buffer = io.BytesIO(tiny_tar())
    with tarfile.open(fileobj=buffer) as source, tarfile.open(path, "w", errors="surrogateescape", **options) as target:
        for member in source:
            target.addfile(member, source.extractfile(member) if member.isreg() else None)
        for member, data in members:
            target.addfile(member, io.BytesIO(data))
    return path


def member(name, data=b"x", **attributes):
    info = tarfile.TarInfo(os.fsdecode(name))
    info.size, info.mode = len(data), 0o644
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, data


def nothing_stays(world, result, *needles):
    sentence(result, *needles, code=125)
    expect(b"\x1b" not in result.err, "an escape sequence reached stderr")
    equal(world.installed(), [], "what is installed")
    wait_for("nothing is staged", lambda: not world.staged())


@everywhere
def test_odd_names_arrive_byte_by_byte(fresh):
    for number, form in enumerate((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)):
        path = os.path.join(fresh.work, f"odd{number}.tar")
        with_members(path, [member(b"odd/" + name, name) for name in ODD_NAMES], format=form)
        result = fresh.install(path, f"odd{number}").good()
        expect(b"\x1b" not in result.err + result.out, "an escape sequence reached the terminal")
        folder = os.fsencode(os.path.join(fresh.rootfs(f"odd{number}"), "odd"))
        equal(sorted(os.listdir(folder)), sorted(ODD_NAMES), "the names")
        for name in ODD_NAMES:
            with open(os.path.join(folder, name), "rb") as file:
                equal(file.read(), name, f"what is in {name!r}")
        fresh.lxctl("uninstall", f"odd{number}").good()


def test_names_that_no_file_system_takes_are_refused(fresh):
    for name in (b"odd/" + b"n" * 256, b"odd/" + b"d/" * 3000 + b"f", b"\x1b[31m" * 60):
        path = with_members(os.path.join(fresh.work, "long.tar"), [member(name)])
        nothing_stays(fresh, fresh.install(path, "bad"), "member")


def test_what_pax_headers_claim_is_believed_only_as_far_as_it_is_true(fresh):
    canary = os.path.join(fresh.dir, "data", "canary")
    os.mkdir(canary)
    with open(os.path.join(canary, "file"), "w") as file:
        file.write("untouched")
    os.chmod(canary, 0o777)
    before = snapshot(canary)
    up = "../" * 40 + canary.lstrip("/")
    lies = [
        {"size": "999999999999999999"}, {"size": "-1"}, {"size": "many"}, {"size": "0"}, {"path": f"{up}/new"}, {"path": f"{canary}/new"},
        {"path": ""}, {"path": ".."}, {"linkpath": f"{canary}/file"}, {"uid": "99999999999"}, {"uid": "-1"}, {"gid": "4294967295"},
        {"mtime": "1e400"}, {"mtime": "-99999999999999999999"}, {"SCHILY.dev": "1", "SCHILY.ino": "1"}, {"hdrcharset": "BINARY"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9223372036854775807", "GNU.sparse.name": f"{up}/new"},
        {"GNU.sparse.size": "9223372036854775807", "GNU.sparse.map": "0,1,99,1"}, {"LIBARCHIVE.xattr.trusted.x": "eA=="},
        {"SCHILY.xattr.security.capability": "\x01\x00\x00\x02" + "\xff" * 16}, {"SCHILY.acl.access": "user::rwx,user:0:rwx"},
        {"comment": "x" * 3000000},
    ]  # fmt: skip
    refused = 0
    for number, headers in enumerate(lies):
        path = with_members(os.path.join(fresh.work, "lie.tar"), [member(b"odd-file", pax_headers=headers), member(b"odd-after")])
        result = fresh.install(path, f"lie{number}")
        if result.code == 0:
            fresh.lxctl("launch", "-d", f"lie{number}", "--", "true").good()
            fresh.lxctl("uninstall", "--terminate", f"lie{number}").good()
        nothing = fresh.installed() == []
        expect(nothing, f"{headers} left {fresh.installed()}")
        if result.code != 0:
            refused += 1
            nothing_stays(fresh, result)
        equal(snapshot(canary), before, f"the canary after {headers}")
    expect(refused >= 5, f"only {refused} lies were refused")


@everywhere
def test_what_unpacks_to_more_than_it_may_is_refused_and_may_be_allowed(fresh):
    bomb = with_members(os.path.join(fresh.work, "bomb.tar"), [member(b"zeros", b"\0" * (8 << 20))])
    with open(bomb, "rb") as file, gzip.open(bomb + ".gz", "wb") as target:
        shutil.copyfileobj(file, target)
    for words in (("5M",), ("5120K",), (str(5 << 20),)):
        nothing_stays(fresh, fresh.install(bomb + ".gz", "bomb", "--max-size", *words), str(5 << 20), "--max-size")
    for word in ("", "x", "5X", "-1", "0", "5MM", "1.5G", "99999999999999999999", "99999999T"):
        nothing_stays(fresh, fresh.install(bomb, "bomb", f"--max-size={word}"), "size")
    fresh.install(bomb + ".gz", "bomb", "--max-size", "1G").good()
    equal(fresh.lxctl("launch", "-d", "bomb", "--", "stat", "-c", "%s", "/zeros").good().text, str(8 << 20))


def test_a_small_archive_that_unpacks_to_very_much_is_refused_by_itself(fresh):
    if not os.environ.get("LXSS_TEST_SWEEP"):
        raise Skip("it writes 4 GiB; make check-faults does that")
    path = os.path.join(fresh.work, "bomb.tar.gz")
    with gzip.open(path, "wb", compresslevel=1) as target:
        target.write(tiny_tar()[:-10240])
        info = tarfile.TarInfo("zeros")
        info.size = 6 << 30
        target.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(6 << 10):
            target.write(b"\0" * (1 << 20))
    nothing_stays(fresh, fresh.install(path, "bomb"), "200 times", "--max-size")


def test_a_flipped_byte_anywhere_is_refused_whatever_the_compression(fresh):
    """A plain tar has checksums of its headers only."""
    whole = tiny_tar()
    for tool in (["gzip", "-nc"], ["bzip2", "-c"], ["xz", "-1c"], ["zstd", "-qc"], ["lz4", "-qc"]):
        if not shutil.which(tool[0]):
            continue
        good = subprocess.run(tool, input=whole, stdout=subprocess.PIPE, check=True).stdout
        path = os.path.join(fresh.work, "flipped")
        for place in [len(good) * i // 8 + 7 for i in range(1, 8)] + [len(good) - 2]:
            data = bytearray(good)
            data[place] ^= 0x55
            with open(path, "wb") as file:
                file.write(data)
            result = fresh.install(path, "bad")
            if result.code == 0:  # of lz4, another place to copy from may have the same bytes
                again = subprocess.run([tool[0], "-dcq"], input=data, stdout=subprocess.PIPE)
                if again.returncode == 0 and again.stdout == whole:
                    fresh.lxctl("uninstall", "bad").good()
                    continue
            expect(result.code != 0, f"{tool[0]}, flipped at {place} of {len(good)}, was installed")
            nothing_stays(fresh, result)
    data = bytearray(whole)
    data[512 + 100] ^= 1  # the mode in the second header
    with open(path, "wb") as file:
        file.write(data)
    nothing_stays(fresh, fresh.install(path, "bad"), "damaged")


if __name__ == "__main__":
    main(globals())
