#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""/etc/wsl-distribution.conf of a distribution: its name, its default user, its
icon and shortcut, and what it wants to be run on its first launch (WSL's tests
ModernInstall and ModernOOBE). The first launch is played on a terminal, and with
a real Debian, whose own useradd makes the user; the rest with a distribution of
a few megabytes (lxss_test.tiny_tar)."""

import io
import os
import shutil
import stat
import struct
import subprocess
import tarfile
import zlib

from lxss_terminal import Terminal
from lxss_test import (
    I_DISTRIBUTION, I_OPERATION, MANAGER, contains, debian_tar, equal, everywhere, expect, main, mode, modes,
    read, run, sentence, tiny_tar, wait_for,
)  # fmt: skip

# --------------------------------------------------------------- distributions


ETC = {
    "etc/os-release": b'ID=tiny\nPRETTY_NAME="Tiny test distribution"\n',
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": b"root:x:0:\n",
    "etc/marker": b"tiny\n",
}


def wsl(world, name, *lines, files=()):
    """A small .wsl whose wsl-distribution.conf has these lines (none: it has no such file)."""

    def change(add, without):
        without("etc")
        add("etc", type=tarfile.DIRTYPE)
        if lines:
            add("etc/wsl-distribution.conf", "\n".join(lines).encode() + b"\n", mode=0o644)
        for path, data in {**ETC, **dict(files)}.items():
            add(path, data, mode=0o755 if data.startswith(b"#!") else 0o644)

    path = os.path.join(world.work, name)
    tiny_tar(path, change=change, compress=["gzip", "-c"])
    return path


def picture(side):
    """A PNG of so many pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x20\x80\xc0\xff" * side) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def ico(*pictures):
    """An ICO of those."""
    place = 6 + 16 * len(pictures)
    entries = data = b""
    for one in pictures:
        entries += struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(one), place + len(data))
        data += one
    return struct.pack("<HHH", 0, 1, len(pictures)) + entries + data


def listed(world, name):
    """What `lxctl list` says about a distribution, or None."""
    found = [d for d in world.lxctl("--json", "list").json() if d["name"] == name]
    return found[0] if found else None


def nothing_changed(world, before=()):
    equal(world.installed(), sorted(before), "the distributions afterwards")
    wait_for("the staging directory is empty", lambda: not world.staged())
    more = set(shortcuts(world)) - {f"lxss-{name}.desktop" for name in before}
    expect(not more, f"shortcuts of nothing: {more}")


# ------------------------------------------------------------------------ names


@everywhere
def test_a_distribution_gives_itself_its_name(fresh):
    source = wsl(fresh, "download.wsl", "[oobe]", "defaultName = Tiny-1.0")
    result = fresh.lxctl("install", source).good()
    contains(result.text, "Tiny-1.0")
    equal(fresh.installed(), ["Tiny-1.0"])
    equal(fresh.lxctl("launch", "-d", "Tiny-1.0", "cat", "/etc/marker").good().text, "tiny")
    equal(listed(fresh, "Tiny-1.0")["root"], fresh.rootfs("Tiny-1.0"))
    equal(fresh.lxctl("--json", "install", wsl(fresh, "x.wsl", "[oobe]", "defaultName=Two")).json()["name"], "Two")


@everywhere
def test_a_name_that_is_given_counts_more(fresh):
    source = wsl(fresh, "download.wsl", "[oobe]", "defaultName = Tiny-1.0")
    fresh.lxctl("install", source, "--name", "mine").good()
    equal(fresh.installed(), ["mine"])


def test_a_distribution_that_says_no_name_has_its_files(fresh):
    fresh.lxctl("install", wsl(fresh, "alpine.wsl", "[oobe]", "defaultUid = 0")).good()
    equal(fresh.installed(), ["alpine"])


def test_a_name_that_differs_by_case_from_the_files_is_its_own(fresh):
    fresh.lxctl("install", wsl(fresh, "debian.wsl", "[oobe]", "defaultName = Debian")).good()
    equal(fresh.installed(), ["Debian"])


def test_a_file_whose_name_no_distribution_can_have_is_installed_under_the_distributions_own(fresh):
    fresh.lxctl("install", wsl(fresh, "my download (1).wsl", "[oobe]", "defaultName = Good")).good()
    equal(fresh.installed(), ["Good"])
    sentence(fresh.lxctl("install", wsl(fresh, "my download (2).wsl", "[oobe]", "defaultUid=0")), "--name", code=125)
    nothing_changed(fresh, ["Good"])


@everywhere
def test_an_archive_on_stdin_needs_no_name_where_it_says_its_own(fresh):
    with open(wsl(fresh, "x.wsl", "[oobe]", "defaultName = Piped"), "rb") as file:
        contains(fresh.lxctl("install", "-", stdin=file).good().text, "Piped")
    equal(fresh.installed(), ["Piped"])
    for lines in ((), ("[oobe]", "defaultName = ../x")):
        with open(wsl(fresh, "y.wsl", *lines), "rb") as file:
            sentence(fresh.lxctl("install", "-", stdin=file), "--name", code=125)
        nothing_changed(fresh, ["Piped"])


@everywhere
def test_a_name_that_is_taken_fails_with_what_to_do(fresh):
    source = wsl(fresh, "x.wsl", "[oobe]", "defaultName = Taken")
    fresh.lxctl("install", source).good()
    for again in (source, wsl(fresh, "taken.wsl"), wsl(fresh, "y.wsl", "[oobe]", "defaultName = tAKEN")):
        sentence(fresh.lxctl("install", again), "Taken", "--name", code=125)
        nothing_changed(fresh, ["Taken"])
    fresh.lxctl("install", source, "--name", "other").good()
    equal(fresh.lxctl("launch", "-d", "Taken", "cat", "/etc/marker").good().text, "tiny")


def test_two_installations_of_the_same_name_end_with_one(fresh):
    source = wsl(fresh, "x.wsl", "[oobe]", "defaultName = Twin")
    shutil.copy(source, os.path.join(fresh.work, "y.wsl"))
    both = [fresh.start("install", name) for name in ("x.wsl", "y.wsl")]
    codes = sorted(command.finish().code for command in both)
    equal(codes, [0, 125])
    equal(fresh.installed(), ["Twin"])


def test_the_operation_and_the_objects_follow_the_name(fresh):
    bus = fresh.awake()
    bus.manager("Subscribe")
    dbus = bus.dbus
    with open(wsl(fresh, "x.wsl", "[oobe]", "defaultName = Later"), "rb") as file:
        options = dbus.Dictionary({"fallback-name": "before"}, "sv")
        operation = bus.manager("Install", "hsa{sv}", dbus.types.UnixFd(file.fileno()), "", options)
    equal(bus.signal("Finished", operation)[0], "done")
    named = [
        str(changes["Distribution"])
        for path, member, (interface, changes, _) in (s for s in bus.signals if s[1] == "PropertiesChanged")
        if path == operation and "Distribution" in changes
    ]
    equal(named[0], "before", "the operation's distribution at first")
    equal(named[-1], "Later", "the operation's distribution in the end")
    removed = [str(s[2][0]) for s in bus.signals if s[1] == "InterfacesRemoved"]
    expect(f"{MANAGER}/distribution/before" in removed, f"the object with the old name stayed: {removed}")
    equal(bus.get(f"{MANAGER}/distribution/Later", I_DISTRIBUTION, "Name"), "Later")


def test_who_waits_for_the_files_name_is_told_the_other_one(fresh):
    data = read(wsl(fresh, "x.wsl", "[oobe]", "defaultName = Debian"))
    source = os.path.join(fresh.work, "debian.wsl")
    os.mkfifo(source)
    install = fresh.start("install", source)
    writer = os.open(source, os.O_WRONLY)
    wait_for("the install is at work", fresh.staged)
    launch = fresh.start("launch", "-d", "debian", "true")
    launch.says("waiting")
    os.set_blocking(writer, True)
    while data:
        data = data[os.write(writer, data) :]
    os.close(writer)
    install.finish().good()
    sentence(launch.finish(), "Debian", code=125)


# ------------------------------------------------------------------------ users


def test_the_user_with_the_default_uid_is_the_default_user(fresh):
    def source(name, uid):
        files = {"etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nanna:x:1001:1001::/:/bin/sh\n"}
        return wsl(fresh, name, "[oobe]", f"defaultUid = {uid}", files=files)

    fresh.lxctl("install", source("a.wsl", 1001)).good()
    equal(listed(fresh, "a")["default_user"], "anna")
    equal(fresh.lxctl("launch", "-d", "a", "id", "-un").good().text, "anna")
    fresh.lxctl("install", source("b.wsl", 1001), "--user", "root").good()
    equal(listed(fresh, "b")["default_user"], "root", "the user that was asked for")
    fresh.lxctl("install", source("c.wsl", 0)).good()
    equal(listed(fresh, "c")["default_user"], "root", "the user with the id 0")
    result = fresh.lxctl("install", source("d.wsl", 4711)).good()
    contains(result.said, "4711", "warning")
    equal(listed(fresh, "d")["default_user"], "root" if mode() == "root" else os.environ.get("USER", listed(fresh, "d")["default_user"]))


# --------------------------------------------------------------------- warnings


@everywhere
def test_what_is_wrong_in_it_is_warned_of_with_its_line(fresh):
    source = wsl(fresh, "x.wsl", "# maker", "[oobe]", "defaultUid = me", "defaultuser = me", "[nonsense]", "[shortcut]", "icon = ../x")
    result = fresh.lxctl("install", source).good()
    for line in (3, 4, 5, 7):
        contains(result.said, f"/etc/wsl-distribution.conf:{line}: ")
    equal(fresh.lxctl("-q", "install", source, "--name", "y").good().said, "", "what -q says")


def test_what_is_for_windows_alone_is_ignored_in_silence(fresh):
    lines = ("[windowsterminal]", "enabled = true", "ProfileTemplate = /usr/lib/wsl/terminal-profile.json")
    result = fresh.lxctl("install", wsl(fresh, "x.wsl", *lines)).good()
    expect("warn" not in result.said, f"it warned: {result.said}")


@everywhere
def test_a_file_that_is_none_is_no_reason_not_to_install(fresh):
    def source(name, **attributes):
        def change(add, without):
            add("etc", type=tarfile.DIRTYPE)
            add("etc/wsl-distribution.conf", **attributes)

        path = os.path.join(fresh.work, name)
        tiny_tar(path, change=change)
        return path

    for number, attributes in enumerate((
        {"type": tarfile.FIFOTYPE}, {"type": tarfile.DIRTYPE},
        {"type": tarfile.SYMTYPE, "linkname": "../" * 20 + "etc/wsl-distribution.conf"},
        {"data": b"[oobe]\n" + b"#" * (64 << 10), "mode": 0o644}, {"data": b"\0" * 1000, "mode": 0o644},
    )):  # fmt: skip
        result = fresh.lxctl("install", source(f"s{number}.tar", **attributes)).good()
        contains(result.said, "/etc/wsl-distribution.conf")
        equal(fresh.lxctl("launch", "-d", f"s{number}", "cat", "/etc/marker").good().text, "tiny")


def test_it_may_be_a_link_within_the_distribution(fresh):
    def change(add, without):
        add("etc", type=tarfile.DIRTYPE)
        add("usr", type=tarfile.DIRTYPE)
        add("usr/wsl.conf", b"[oobe]\ndefaultName = Linked\n", mode=0o644)
        add("etc/wsl-distribution.conf", type=tarfile.SYMTYPE, linkname="/usr/wsl.conf")

    path = os.path.join(fresh.work, "x.wsl")
    tiny_tar(path, change=change)
    fresh.lxctl("install", path).good()
    equal(fresh.installed(), ["Linked"])


# -------------------------------------------------------------------- shortcuts


def applications(world):
    return os.path.join(world.dir, "data", "applications")


def shortcuts(world):
    folder = applications(world)
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def entry(world, name):
    """The shortcut's values."""
    text = read(os.path.join(applications(world), f"lxss-{name}.desktop"), "r")
    lines = text.splitlines()
    equal(lines[0], "[Desktop Entry]")
    return dict(line.split("=", 1) for line in lines[1:] if line)


@modes("rootless", "single")
def test_a_shortcut_is_made_with_the_icon_and_goes_with_the_distribution(fresh):
    large = picture(64)
    icons = {"usr/lib/my.ico": ico(picture(16), b"BM and so on", large, picture(32))}
    fresh.lxctl("install", wsl(fresh, "x.wsl", "[oobe]", "defaultName = First", "[shortcut]", "icon = /usr/lib/my.ico", files=icons)).good()
    equal(shortcuts(fresh), ["lxss-First.desktop"])
    values = entry(fresh, "First")
    equal({key: values[key] for key in ("Type", "Name", "Exec", "Terminal", "Comment")}, {
        "Type": "Application", "Name": "First", "Exec": "lxctl launch -d First", "Terminal": "true",
        "Comment": "Tiny test distribution",
    })  # fmt: skip
    equal(read(values["Icon"]), large, "the icon")
    if shutil.which("desktop-file-validate"):
        checked = run("desktop-file-validate", os.path.join(applications(fresh), "lxss-First.desktop")).good()
        equal(checked.text + checked.said, "", "what desktop-file-validate says")
    fresh.lxctl("rename", "First", "Second").good()
    equal(shortcuts(fresh), ["lxss-Second.desktop"])
    equal(entry(fresh, "Second")["Exec"], "lxctl launch -d Second")
    equal(read(entry(fresh, "Second")["Icon"]), large, "the icon after the rename")
    fresh.lxctl("clone", "Second", "third").good()
    equal(shortcuts(fresh), ["lxss-Second.desktop", "lxss-third.desktop"])
    expect(read(entry(fresh, "third")["Icon"]) == large, "the clone has not the icon")
    expect(entry(fresh, "third")["Icon"] != entry(fresh, "Second")["Icon"], "both have the same file")
    fresh.lxctl("uninstall", "Second").good()
    equal(shortcuts(fresh), ["lxss-third.desktop"])
    fresh.lxctl("uninstall", "third").good()
    equal(shortcuts(fresh), [])


@modes("rootless", "single")
def test_who_wants_no_shortcut_gets_none(fresh):
    fresh.lxctl("install", wsl(fresh, "plain.tar")).good()
    fresh.lxctl("install", wsl(fresh, "refuses.wsl", "[shortcut]", "enabled = false")).good()
    fresh.lxctl("install", "--no-shortcut", wsl(fresh, "refused.wsl", "[oobe]", "defaultUid = 0")).good()
    equal(shortcuts(fresh), [])
    fresh.lxctl("install", wsl(fresh, "usual.wsl", "[oobe]", "defaultUid = 0")).good()
    equal(shortcuts(fresh), ["lxss-usual.desktop"])
    expect("Icon" not in entry(fresh, "usual"), "it has an icon")


@modes("rootless")
def test_an_installation_that_fails_leaves_no_shortcut(fresh):
    def no_sh(add, without):
        without("bin")
        add("etc", type=tarfile.DIRTYPE)
        add("etc/wsl-distribution.conf", b"[oobe]\ndefaultName = Half\n", mode=0o644)

    path = os.path.join(fresh.work, "x.wsl")
    tiny_tar(path, change=no_sh)
    sentence(fresh.lxctl("install", path), "/bin/sh", code=125)
    nothing_changed(fresh)


@modes("rootless")
def test_an_icon_that_is_none_is_warned_of(fresh):
    icons = {
        "a.ico": b"GIF89a" + b"x" * 100,
        "b.ico": picture(8) + b"\0" * (1 << 20),
        "c.ico": ico(b"BM only" * 10),
        "d.svg": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
    }
    for name, data in icons.items():
        source = wsl(fresh, f"{name[0]}.wsl", "[shortcut]", f"icon = /{name}", files={name: data})
        result = fresh.lxctl("install", source).good()
        good = name == "d.svg"
        expect(good or f"/{name}" in result.said, f"no warning of {name}: {result.said}")
        equal("Icon" in entry(fresh, name[0]), good, f"whether {name} is an icon")
    equal(read(entry(fresh, "d")["Icon"]), icons["d.svg"])
    result = fresh.lxctl("install", wsl(fresh, "e.wsl", "[shortcut]", "icon = /no/such.ico")).good()
    contains(result.said, "/no/such.ico")


@modes("root")
def test_root_has_no_shortcuts(fresh):
    fresh.lxctl("install", wsl(fresh, "x.wsl", "[oobe]", "defaultUid = 0")).good()
    equal(shortcuts(fresh), [])
    expect(not os.path.exists("/usr/local/share/applications/lxss-x.desktop"), "root's shortcut is there")


if __name__ == "__main__":
    main(globals())
