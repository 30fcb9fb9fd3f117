#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Detached signatures: only what a key of the keyring has signed is installed, from
wherever it comes, and that to its last byte."""

import os
import subprocess

from lxss_http import NO_PROXY, Server, breaking, status, without_length
from lxss_test import (
    contains, descendants, equal, everywhere, expect, main, modes, once, program_of, read, sentence, tiny_tar, wait_for,
)  # fmt: skip


class Keys:
    """A key of our own in a directory of its own, whose agent is gone at the end."""

    def __init__(self, world, name="anna"):
        self.folder = os.path.join(world.work, name)
        os.mkdir(self.folder, 0o700)
        self.gpg("--quick-gen-key", f"{name} <{name}@example.org>", "ed25519", "sign", "never")
        self.ring = self.put("ring.gpg", self.gpg("--export"))
        self.armoured = self.put("ring.asc", self.gpg("--armor", "--export"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["gpgconf", "--kill", "all"], env=self.environment, check=True)

    @property
    def environment(self):
        return {"GNUPGHOME": self.folder, "PATH": "/usr/bin:/bin"}

    def put(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def gpg(self, *arguments, data=None):
        command = ["gpg", "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "", *arguments]
        return subprocess.run(command, input=data, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout

    def sign(self, data, *options):
        return self.gpg(*(options or ("--detach-sign",)), "--output", "-", data=data)


def write(world, name, data):
    path = os.path.join(world.work, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def install(world, *arguments, **options):
    return world.lxctl("install", *arguments, env=NO_PROXY, **options)


def refused(world, result, *needles):
    sentence(result, *needles, code=125)
    equal(world.installed(), [])
    wait_for("nothing is staged", lambda: not world.staged())
    wait_for("no worker is left", lambda: not [p for p in descendants() if program_of(p) in ("lxss-fetch", "lxss-worker", "gpgv")])


@everywhere
def test_an_archive_with_a_good_signature_beside_it_is_installed(fresh):
    data = tiny_tar(compress=["gzip"])
    with Keys(fresh) as keys:
        forms = {
            "sig": (keys.sign(data), keys.ring), "asc": (keys.sign(data, "--armor", "--detach-sign"), keys.armoured),
            "gpg": (keys.sign(data), keys.ring),
        }  # fmt: skip
        for ending, (signature, ring) in forms.items():
            path = write(fresh, f"{ending}.tar.gz", data)
            write(fresh, f"{ending}.tar.gz.{ending}", signature)
            install(fresh, path, "--keyring", ring).good()
    equal(fresh.installed(), ["asc", "gpg", "sig"])
    contains(fresh.lxctl("launch", "-d", "asc", "--", "cat", "/etc/marker").good().text, "tiny")


@modes("root", "rootless")
def test_a_signature_may_be_elsewhere_and_the_archive_on_standard_input(fresh):
    data = tiny_tar()
    with Keys(fresh) as keys, Server() as server:
        signature = write(fresh, "elsewhere", keys.sign(data))
        server.pages["/there"] = read(signature)
        install(fresh, "-", "--name", "a", "--keyring", keys.ring, "--signature", signature, input=data).good()
        install(fresh, "-", "--name", "b", "--keyring", keys.ring, "--signature", server.url("/there"), input=data).good()
        archive = write(fresh, "c.tar", data)
        install(fresh, archive, "--keyring", keys.ring, "--signature", f"file://{signature}").good()
        refusal = install(fresh, "-", "--name", "x", "--keyring", keys.ring, input=data)
        sentence(refusal, "standard input", "--signature", code=125)
        sentence(install(fresh, archive, "--name", "x", "--signature", signature), "--keyring", code=125)
        sentence(install(fresh, archive, "--name", "x", "--keyring", keys.ring), "no signature", archive, code=125)
        sentence(install(fresh, archive, "--name", "x", "--keyring", "/none"), "/none", "No such file", code=125)
        sentence(install(fresh, archive, "--name", "x", "--keyring", keys.ring, "--signature", "/none"), "/none", code=125)
        sentence(install(fresh, archive, "--name", "x", "--keyring", keys.ring, "--signature", server.url("/none")), "404", code=125)
    equal(fresh.installed(), ["a", "b", "c"])


@modes("root", "rootless")
def test_what_is_signed_on_a_server_is_verified_on_its_way(fresh):
    data = tiny_tar()
    with Keys(fresh) as keys, Server({"/a.tar": breaking(data, len(data) // 2 + 1), "/b.tar": data, "/c.tar": without_length(data)}) as server:
        server.pages["/a.tar.asc"] = keys.sign(data, "--armor", "--detach-sign")
        server.pages["/b.tar.sig"] = status(403)
        server.pages["/b.tar.gpg"] = keys.sign(data)
        refused(fresh, install(fresh, server.url("/c.tar"), "--keyring", keys.ring), "no signature", "--signature")
        install(fresh, server.url("/a.tar"), "--keyring", keys.ring).good()
        install(fresh, server.url("/b.tar?x=y"), "--keyring", keys.ring).good()
        expect("/b.tar.gpg?x=y" in [path for path, _ in server.requests], "the signature is not beside the path")
        install(fresh, server.url("/c.tar"), "--keyring", keys.ring, "--signature", server.url("/a.tar.asc")).good()
    equal(fresh.installed(), ["a", "b", "c"])


@once
def test_what_is_not_signed_so_is_not_installed(fresh):
    data = tiny_tar()
    with Keys(fresh) as keys, Keys(fresh, "otto") as others, Server() as server:
        server.pages["/a.tar"] = data
        good = keys.sign(data)
        bad = {
            "changed": (keys.sign(data + b"x"), keys.ring, "changed"),
            "unknown": (others.sign(data), keys.ring, "not in the keyring"),
            "none": (b"words, not a signature", keys.ring, "detached"),
            "empty": (b"", keys.ring, "detached"),
            "inline": (keys.sign(data, "--sign"), keys.ring, "KiB" if len(data) > 200000 else "detached"),
            "small": (keys.sign(b"evil", "--sign"), keys.ring, "detached"),
            "clear": (keys.sign(b"evil", "--clearsign"), keys.ring, "detached"),
            "ring": (good, write(fresh, "noring", b"no keys at all"), "not in the keyring"),
            "armour": (good, write(fresh, "badarmour", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!\n"), "keyring is damaged"),
        }
        archive = write(fresh, "a.tar", data)
        for name, (signature, ring, needle) in bad.items():
            server.pages["/a.tar.sig"] = signature
            path = write(fresh, name, signature)
            refused(fresh, install(fresh, archive, "--keyring", ring, "--signature", path), needle)
            refused(fresh, install(fresh, server.url("/a.tar"), "--keyring", ring), needle)


@once
def test_not_a_byte_may_follow_what_is_signed(fresh):
    data = tiny_tar(compress=["gzip"])
    with Keys(fresh) as keys:
        for name, padding in (("little", bytes(1)), ("much", bytes(4 << 20))):
            archive = write(fresh, f"{name}.tar.gz", data + padding)
            write(fresh, f"{name}.tar.gz.sig", keys.sign(data))
            refused(fresh, install(fresh, archive, "--keyring", keys.ring), "changed")
            write(fresh, f"{name}.tar.gz.sig", keys.sign(data + padding))
            install(fresh, archive, "--keyring", keys.ring).good()
            fresh.lxctl("uninstall", name).good()


@once
def test_one_good_signature_among_unknown_ones_is_enough(fresh):
    data = tiny_tar()
    with Keys(fresh) as keys, Keys(fresh, "otto") as others:
        archive = write(fresh, "a.tar", data)
        both = write(fresh, "both", others.sign(data) + keys.sign(data))
        install(fresh, archive, "--keyring", keys.ring, "--signature", both).good()
        mixed = write(fresh, "mixed", keys.sign(data) + keys.sign(b"something else"))
        sentence(install(fresh, archive, "--name", "b", "--keyring", keys.ring, "--signature", mixed), "changed", code=125)
    equal(fresh.installed(), ["a"])


@once
def test_a_damaged_archive_is_not_saved_by_a_signature(fresh):
    damaged = tiny_tar(compress=["gzip"])[:-1000]
    with Keys(fresh) as keys:
        archive = write(fresh, "a.tar.gz", damaged)
        write(fresh, "a.tar.gz.sig", keys.sign(damaged))
        refused(fresh, install(fresh, archive, "--keyring", keys.ring), "damaged")


@once
def test_what_has_no_archive_has_no_signature(fresh):
    with Keys(fresh) as keys:
        folder = os.path.join(fresh.work, "folder")
        os.mkdir(folder)
        signature = write(fresh, "folder.sig", b"x")
        refused(fresh, install(fresh, folder, "--keyring", keys.ring, "--signature", signature), "directory has no signature")
        refused(fresh, install(fresh, "bootstrap:bookworm", "--keyring", keys.ring), "no archive", "signature")
        archive = write(fresh, "a.tar", tiny_tar())
        refused(fresh, install(fresh, archive, "--keyring", keys.ring, "--signature", "ftp://x/y"), "http")


@modes("root", "rootless")
def test_a_missing_gpgv_is_said(fresh):
    folder = os.path.join(fresh.work, "bin")
    os.mkdir(folder)
    for name in ("newuidmap", "newgidmap"):
        os.symlink(f"/usr/bin/{name}", os.path.join(folder, name))
    archive = write(fresh, "a.tar", tiny_tar())
    write(fresh, "a.tar.sig", b"x")
    result = fresh.lxctl("install", archive, "--keyring", archive, env={**NO_PROXY, "PATH": folder})
    refused(fresh, result, "gpgv", "apt-get install gpgv")


if __name__ == "__main__":
    main(globals())
