#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Catalogues in the format in which distributions publish what they make for WSL:
what they offer is listed and installed by its name, and nothing else is."""

import hashlib
import json
import os
import signal
import subprocess

from lxss_http import NO_PROXY, Server, hang, status
from lxss_test import (
    I_MANAGER, MANAGER, contains, debian_tar, descendants, equal, expect, lengthy, main, modes, once, program_of, read, sentence,
    tiny_tar, wait_for,
)  # fmt: skip

KIND = {"x86_64": "Amd64", "aarch64": "Arm64"}[os.uname().machine]
OTHER = {"Amd64": "Arm64", "Arm64": "Amd64"}[KIND]


def entry(name, url, data=None, **more):
    where = {"Url": url}
    if data is not None:
        where["Sha256"] = "0x" + hashlib.sha256(data).hexdigest().upper()
    return {"Name": name, "FriendlyName": f"{name} for people", f"{KIND}Url": where, **more}


def document(families, legacy=(), default=None):
    return json.dumps({"Default": default, "ModernDistributions": families, "Distributions": list(legacy)}, indent=4).encode()


def lxctl(world, *arguments, **options):
    return world.lxctl(*arguments, env=NO_PROXY, **options)


def look(world, server, pages, more=""):
    """The catalogue of the world is the first of these pages, for the next lxssd."""
    world.lxctl("shutdown").good()
    server.pages.update(pages)
    world.configure(f"catalogue={server.url(next(iter(pages)))}\n{more}")


def refused(world, result, *needles):
    sentence(result, *needles, code=125)
    equal(world.installed(), [])
    wait_for("nothing is staged", lambda: not world.staged())


def marker(world, name):
    return world.lxctl("launch", "-d", name, "--", "cat", "/etc/marker").good().text


@lengthy
@once
def test_a_debian_is_installed_from_a_catalogue_by_its_name(fresh):
    wsl = subprocess.run(["gzip", "-1", "-c", debian_tar()], stdout=subprocess.PIPE, check=True).stdout
    with Server({"/images/debian.wsl": wsl}) as server:
        families = {
            "Debian": [
                entry("Debian-11", server.url("/images/none.wsl")),
                entry("Debian-12", server.url("/images/debian.wsl"), wsl, Default=True),
            ]
        }
        look(fresh, server, {"/DistributionInfo.json": document(families, default="Debian-12")})
        contains(lxctl(fresh, "list", "--online").good().text, "* Debian-12", "Debian-12 for people", "Debian-11")
        contains(lxctl(fresh, "install", "debian").good().text, "Debian-12")
    equal(fresh.installed(), ["Debian-12"])
    contains(fresh.lxctl("launch", "-d", "Debian-12", "--", "cat", "/etc/os-release").good().text, "bookworm")
    equal(fresh.lxctl("--json", "list").json()[0]["source"], server.url("/images/debian.wsl"))


@once
def test_the_list_says_what_there_is_for_this_machine_in_its_order(fresh):
    with Server() as server:
        one, two = server.url("/one.wsl"), server.url("/two.tar")
        families = {
            "Zebra": [entry("Zebra", one, b"x"), entry("Zebra-1", two)],
            "Ape": [entry("Ape-2", two), entry("Ape-3", one, Default=True)],
            "Elsewhere": [{"Name": "Elsewhere", f"{OTHER}Url": {"Url": one}}],
        }
        legacy = [
            {"Name": "Zebra", "FriendlyName": "hidden", f"{KIND}PackageUrl": two},
            {"Name": "Old", "FriendlyName": "An old one", f"{KIND}PackageUrl": two},
            {"Name": "Store", "FriendlyName": "A package", f"{KIND}PackageUrl": server.url("/x.appx")},
        ]
        look(fresh, server, {"/c.json": document(families, legacy, default="ape-2")})
        names = ["Zebra", "Zebra-1", "Ape-2", "Ape-3", "Old"]
        equal(lxctl(fresh, "-q", "list", "--online").good().text.split(), names)
        listed = lxctl(fresh, "--json", "list", "--online").json()
        equal([each["name"] for each in listed], names)
        equal([each["default"] for each in listed], [False, False, True, False, False])
        equal([each["family_default"] for each in listed], [True, False, False, True, False])
        equal([each["family"] for each in listed], ["Zebra", "Zebra", "Ape", "Ape", None])
        equal(listed[0], {
            "name": "Zebra", "friendly_name": "Zebra for people", "family": "Zebra", "family_default": True, "default": False,
            "url": one, "sha256": hashlib.sha256(b"x").hexdigest(), "catalogue": server.url("/c.json"),
        })  # fmt: skip
        text = lxctl(fresh, "list", "--online", "-v").good().text
        contains(text, one, two, hashlib.sha256(b"x").hexdigest(), server.url("/c.json"))
        sentence(fresh.lxctl("list", "--online", "--running"), "--running")


@modes("root", "rootless")
def test_the_bus_has_the_catalogue_too(fresh):
    with Server({"/tiny.wsl": tiny_tar()}) as server:
        look(fresh, server, {"/c.json": document({"Tiny": [entry("Tiny", server.url("/tiny.wsl"))]})})
        bus = fresh.awake()
        options = bus.dbus.Dictionary({}, signature="sv")
        entries = bus.manager("ListOnline", "a{sv}", options)
        equal([str(each[0]) for each in entries], ["Tiny"])
        path = bus.manager("InstallFrom", "ssa{sv}", "catalogue:tiny", "mine", options)
        result = bus.signal("Finished", path)
        equal(str(result[0]), "done")
        bus.fails("NoSuchSource", MANAGER, I_MANAGER, "InstallFrom", "ssa{sv}", "catalogue:other", "", options)
        bus.fails("InvalidArgument", MANAGER, I_MANAGER, "ListOnline", "a{sv}",
                  bus.dbus.Dictionary({"environment": bus.dbus.Array(["PATH=/x"], signature="s")}, signature="sv"))  # fmt: skip
        bus.close()
    equal(fresh.installed(), ["mine"])


@once
def test_names_are_entries_or_families_and_nothing_else(fresh):
    one, two, old = (tiny_tar(marker=word) for word in ("one", "two", "old"))
    with Server({"/one.wsl": one, "/two.wsl": two, "/old.tar": old}) as server:
        families = {
            "Ape": [entry("Ape-1", server.url("/one.wsl"), one), entry("Ape-2", server.url("/two.wsl"), two, Default=True)],
            "ape-1": [entry("Other", server.url("/two.wsl"), two)],
        }
        legacy = [
            {"Name": "Ape-1", f"{KIND}PackageUrl": server.url("/old.tar")},
            {"Name": "Store", f"{KIND}PackageUrl": server.url("/x.AppxBundle")},
        ]
        look(fresh, server, {"/c.json": document(families, legacy)})
        refused(fresh, lxctl(fresh, "install", "Aep-1"), "Aep-1", 'Did you mean "Ape-1"')
        refused(fresh, lxctl(fresh, "install", "slackware"), "slackware", "lxctl list --online")
        refused(fresh, lxctl(fresh, "install", "store"), "store", "Microsoft")
        refused(fresh, lxctl(fresh, "install", "ape", "--legacy"), "ape")
        for name, options, wanted in (("APE-1", [], "one"), ("ape", ["--name", "x"], "two"), ("Ape-1", ["--legacy", "--name", "y"], "old")):
            lxctl(fresh, "install", name, *options).good()
            equal(marker(fresh, options[-1] if options else "Ape-1"), wanted)
    equal(fresh.installed(), ["Ape-1", "x", "y"])


@modes("root", "rootless")
def test_a_file_of_that_name_goes_first_and_a_missing_archive_is_no_name(fresh):
    with Server() as server:
        look(fresh, server, {"/c.json": document({"Tiny": [entry("Tiny", server.url("/none.wsl"))]})})
        tiny_tar(os.path.join(fresh.work, "Tiny"))
        lxctl(fresh, "install", "Tiny").good()
        equal(fresh.installed(), ["Tiny"])
        for missing in ("debian.tar.xz", "./Tiny2", "images/Tiny", "Debian.wsl"):
            sentence(lxctl(fresh, "install", missing), "Cannot open", missing, code=125)
        equal(server.requests, [])


@once
def test_the_digest_of_the_catalogue_is_heeded(fresh):
    data = tiny_tar()
    with Server({"/tiny.wsl": data}) as server:
        families = {"Tiny": [entry("Tiny", server.url("/tiny.wsl"), b"something else"), entry("Good", server.url("/tiny.wsl"), data)]}
        look(fresh, server, {"/c.json": document(families)})
        refused(fresh, lxctl(fresh, "install", "Tiny"), "SHA-256", hashlib.sha256(data).hexdigest())
        refused(fresh, lxctl(fresh, "install", "Good", "--sha256", "0" * 64), "SHA-256", "another")
        lxctl(fresh, "install", "Good", "--sha256", hashlib.sha256(data).hexdigest().upper()).good()
    equal(fresh.installed(), ["Good"])


@once
def test_what_is_damaged_or_not_there_is_said(fresh):
    cases = {
        b"": "empty", b"<html>": "no JSON", b"[]": "no object", b"{}": "neither", b"\xff": "UTF-8", b"[" * 100000: "brackets",
        document({"A": [{"FriendlyName": "x"}]}): "no Name", document({"A": [{"Name": "a", f"{KIND}Url": {}}]}): "no Url",
        document({"A": [entry("a", "ftp://x/y")]}): "address", document({"A": [entry("a", "file:///etc/shadow")]}): "address",
        bytes(5 << 20): "MiB",
    }  # fmt: skip
    with Server() as server:
        for page, needle in cases.items():
            look(fresh, server, {"/c.json": page})
            sentence(lxctl(fresh, "list", "--online"), server.url("/c.json") if needle != "MiB" else "catalogue", needle, code=125)
            refused(fresh, lxctl(fresh, "install", "a"), needle)
        look(fresh, server, {"/c.json": status(404)})
        sentence(lxctl(fresh, "list", "--online"), server.url("/c.json"), "404", code=125)
        look(fresh, server, {"/c.json": hang}, "transfer-timeout=1\n")
        sentence(lxctl(fresh, "list", "--online"), server.url("/c.json"), "nothing came", code=125)
    sentence(lxctl(fresh, "list", "--online"), server.url("/c.json"), "refused", code=125)
    fresh.lxctl("shutdown")
    fresh.configure("catalogue=\n")
    sentence(lxctl(fresh, "list", "--online"), "catalogue", "lxss.conf", code=125)


@modes("root", "rootless")
def test_catalogues_of_one_s_own_replace_or_extend(fresh):
    one, two = tiny_tar(marker="one"), tiny_tar(marker="two")
    local, path = os.path.join(fresh.work, "local.json"), os.path.join(fresh.work, "two.tar")
    tiny_tar(path, marker="two")
    with open(local, "wb") as file:
        file.write(document({"Tiny": [entry("tiny", f"file://{path}", two)], "Mine": [entry("Mine", f"file://{path}", two)]}))
    with Server({"/one.wsl": one}) as server:
        look(fresh, server, {"/c.json": document({"Tiny": [entry("Tiny", server.url("/one.wsl"), one)]})})
        equal(lxctl(fresh, "-q", "list", "--online").good().text.split(), ["Tiny"])
        fresh.lxctl("shutdown")
        fresh.configure(f"catalogue = {server.url('/c.json')} file://{local}\n")
        equal(lxctl(fresh, "-q", "list", "--online").good().text.split(), ["tiny", "Mine"])
        if os.path.exists(fresh.log):  # where there is a journal, it is there
            contains(read(fresh.log, "r"), "tiny in the catalogue", f"file://{local}", "goes over")
        lxctl(fresh, "install", "Tiny").good()
        equal(fresh.installed(), ["tiny"])
        equal(marker(fresh, "tiny"), "two")
        lxctl(fresh, "install", "mine").good()


def waiting(world, server, *arguments):
    """A command that waits for a catalogue."""
    look(world, server, {"/c.json": hang})
    command = world.start(*arguments, env=NO_PROXY)
    wait_for("the catalogue is asked for", lambda: server.requests or command.poll() is not None)
    expect(command.poll() is None, "it does not wait")
    return command


@modes("root", "rootless")
def test_who_waits_for_a_catalogue_can_go_and_leaves_nothing(fresh):
    for arguments in (("list", "--online"), ("install", "tiny")):
        for number in (signal.SIGINT, signal.SIGKILL):
            with Server() as server:
                command = waiting(fresh, server, *arguments)
                command.send_signal(number)
                equal(command.ended(), -number, "how lxctl ended")
                wait_for("lxss-fetch is gone", lambda: not [p for p in descendants() if program_of(p) == "lxss-fetch"])
            equal(fresh.installed(), [])


@once
def test_lxssd_answers_while_a_catalogue_does_not_come(fresh):
    with Server() as server:
        command = waiting(fresh, server, "list", "--online")
        fresh.lxctl("list").good()
        fresh.lxctl("status").good()
        os.kill([p for p in descendants() if program_of(p) == "lxss-fetch"][0], signal.SIGKILL)
        sentence(command.finish(), "unexpectedly", code=125)


@modes("root", "rootless")
def test_shutdown_does_not_wait_for_a_catalogue(fresh):
    with Server() as server:
        command = waiting(fresh, server, "list", "--online")
        fresh.lxctl("shutdown").good()
        sentence(command.finish(), code=125)
        wait_for("lxss-fetch is gone", lambda: not [p for p in descendants() if program_of(p) == "lxss-fetch"])


if __name__ == "__main__":
    main(globals())
