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
import signal
import struct
import tarfile
import zlib

from lxss_terminal import Terminal, closes_terminals
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


# ----------------------------------------------------------------- first launches

OOBE = b"""#!/bin/sh
# Asks for a name and makes that user, as distributions do; "fail" fails.
echo "run by $(id -un) for $WSL_DISTRO_NAME" >>/oobe.log
echo "Welcome. Name?"
while read -r name; do
  case $name in
    fail) echo "too bad"; exit 7 ;;
    nobody) exit 0 ;;
  esac
  echo "$name:x:1000:1000::/tmp:/bin/sh" >>/etc/passwd
  echo "made $name"
  exit 0
done
exit 1
"""
WISHES = ("[oobe]", "command = /oobe.sh", "defaultUid = 1000")


def install_unready(world, *options, lines=WISHES, files=()):
    source = wsl(world, "new.wsl", *lines, files={"oobe.sh": OOBE, **dict(files)})
    world.lxctl("install", source, *options).good()
    world.distribution = "new"
    return source


def shell(world, *options, **more):
    """`lxctl launch` on a terminal."""
    return Terminal(world, "launch", "-d", "new", *options, **more)


def who(world, *options):
    return world.lxctl("launch", "-d", "new", *options, "id", "-un").good().text


def runs(world):
    """How often the command has run."""
    data = read(os.path.join(world.rootfs("new"), "oobe.log")) or b""
    return data.count(b"\n")


def oobe(world):
    return listed(world, "new")["oobe"]


@closes_terminals
def test_the_first_shell_sets_the_distribution_up_and_is_the_new_users(fresh):
    install_unready(fresh)
    equal((oobe(fresh), listed(fresh, "new")["default_user"]), ("pending", "root"))
    terminal = shell(fresh, "-e", "EXTRA=here")
    terminal.sees(b"Name[?]")
    equal(oobe(fresh), "running")
    terminal.types("anna\r")
    terminal.sees(b"made anna")
    terminal.types("echo I am $(id -un), $USER, $HOME, $EXTRA, $PWD.\r")
    terminal.sees(rb"I am anna, anna, /tmp, here, /\S+\.")
    equal((oobe(fresh), listed(fresh, "new")["default_user"]), ("none", "anna"))
    equal(who(fresh), "anna")
    contains(fresh.lxctl("ps").good().text, "anna", "(login shell)")
    terminal.types("exit 5\r")
    terminal.ends(5)
    equal(read(os.path.join(fresh.rootfs("new"), "oobe.log")), b"run by root for new\n")
    terminal = shell(fresh)
    terminal.types("echo now $(id -un), $WSL_DISTRO_NAME.\r")
    terminal.sees(rb"now anna, \.")
    terminal.types("exit\r")
    terminal.ends(0)
    equal(runs(fresh), 1)


@closes_terminals
def test_what_is_set_up_stays_so_over_restarts_and_clones(fresh):
    install_unready(fresh)
    fresh.lxctl("clone", "new", "copy").good()
    equal(listed(fresh, "copy")["oobe"], "pending", "the clone of what is not set up")
    terminal = shell(fresh)
    terminal.sees(b"Name[?]")
    terminal.types("anna\r")
    terminal.sees(b"made anna")
    terminal.types("exit\r")
    terminal.ends(0)
    fresh.lxctl("shutdown").good()
    fresh.quiet()
    equal((oobe(fresh), listed(fresh, "new")["default_user"]), ("none", "anna"))
    fresh.lxctl("clone", "new", "second").good()
    equal(listed(fresh, "second")["oobe"], "none", "the clone of what is set up")
    equal(listed(fresh, "copy")["oobe"], "pending")


@closes_terminals
def test_what_is_no_shell_on_a_terminal_does_not_set_up(fresh):
    install_unready(fresh)
    equal(who(fresh), "root")
    equal(fresh.lxctl("launch", "-d", "new", input=b"id -un\n").good().text, "root")
    terminal = Terminal(fresh, "launch", "-d", "new", "id", "-un")
    terminal.sees(b"root")
    terminal.ends(0)
    terminal = shell(fresh, "-u", "root")
    terminal.types("echo I am $(id -un).\r")
    terminal.sees(rb"I am root\.")
    terminal.types("exit\r")
    terminal.ends(0)
    equal((oobe(fresh), runs(fresh)), ("pending", 0))


@closes_terminals
def test_a_set_up_that_fails_gives_no_shell_and_is_tried_again(fresh):
    install_unready(fresh)
    for number in (1, 2):
        terminal = shell(fresh)
        terminal.sees(b"Name[?]")
        terminal.types("fail\r")
        terminal.sees(b"too bad")
        terminal.sees(rb'"/oobe.sh", which sets new up, failed with exit status 7')
        terminal.ends(1)
        wait_for("it is to be set up", lambda: oobe(fresh) == "pending")
        equal((who(fresh), runs(fresh)), ("root", number))
    terminal = shell(fresh)
    terminal.sees(b"Name[?]")
    terminal.types("anna\r")
    terminal.sees(b"made anna")
    terminal.types("exit\r")
    terminal.ends(0)
    equal((oobe(fresh), who(fresh), runs(fresh)), ("none", "anna", 3))


@closes_terminals
def test_a_set_up_that_is_interrupted_is_tried_again(fresh):
    install_unready(fresh)
    terminal = shell(fresh)
    terminal.sees(b"Name[?]")
    terminal.types("\x03")
    terminal.sees(b"ended by signal 2")
    terminal.ends(1)
    terminal = shell(fresh)
    terminal.sees(b"Name[?]")
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.state(rb"ended -9")
    wait_for("it is to be set up", lambda: oobe(fresh) == "pending")
    terminal = shell(fresh)
    terminal.sees(b"Name[?]")
    fresh.lxctl("terminate", "new").good()
    terminal.state(rb"ended -?\d+")
    equal(oobe(fresh), "pending")
    terminal = shell(fresh)
    terminal.sees(b"Name[?]")
    os.kill(fresh.daemon(), signal.SIGKILL)
    terminal.state(rb"ended -?\d+")
    wait_for("it is to be set up", lambda: oobe(fresh) == "pending")
    equal((who(fresh), runs(fresh)), ("root", 4))
    terminal = shell(fresh)
    terminal.sees(b"Name[?]")
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.state(rb"ended -9")
    fresh.lxctl("rename", "new", "renamed").good()
    equal(listed(fresh, "renamed")["oobe"], "pending")


@closes_terminals
def test_it_stops_and_goes_on_with_its_terminal(fresh):
    install_unready(fresh)
    terminal = shell(fresh)
    terminal.sees(b"Name[?]")
    terminal.types("\x1a")
    terminal.state(rb"stopped \d+")
    equal(oobe(fresh), "running")
    terminal.foreground()
    terminal.types("anna\r")
    terminal.sees(b"made anna")
    terminal.types("exit\r")
    terminal.ends(0)
    equal(oobe(fresh), "none")


@closes_terminals
def test_others_wait_while_it_is_set_up(fresh):
    install_unready(fresh)
    first = shell(fresh)
    first.sees(b"Name[?]")
    second = shell(fresh)
    second.sees(b"waiting for new to be set up in another terminal")
    program = fresh.start("launch", "-d", "new", "id", "-un")
    program.says("waiting for new to be set up")
    sentence(fresh.lxctl("launch", "-d", "new", "--no-wait", "id"), "new", "-u root", code=125)
    equal(who(fresh, "-u", "root"), "root", "who names a user")
    first.types("anna\r")
    first.sees(b"made anna")
    equal(program.finish().good().text, "anna")
    second.types("echo I am $(id -un).\r")
    second.sees(rb"I am anna\.")
    second.types("exit\r")
    second.ends(0)
    first.types("exit\r")
    first.ends(0)
    equal(runs(fresh), 1)


@closes_terminals
def test_who_waited_for_a_set_up_that_failed_is_the_next_to_try(fresh):
    install_unready(fresh)
    first = shell(fresh)
    first.sees(b"Name[?]")
    second = shell(fresh)
    second.sees(b"waiting for new")
    first.types("fail\r")
    first.ends(1)
    second.sees(b"Name[?]")
    second.types("anna\r")
    second.sees(b"made anna")
    second.types("exit\r")
    second.ends(0)
    equal((oobe(fresh), runs(fresh)), ("none", 2))


@closes_terminals
def test_who_imports_or_names_a_user_is_never_asked(fresh):
    for options in (["--no-oobe"], ["--user", "me"]):
        install_unready(fresh, *options)
        equal(oobe(fresh), "none")
        terminal = shell(fresh)
        terminal.types("echo I am $(id -u).\r")
        terminal.sees(rb"I am (0|1000)\.")
        terminal.types("exit\r")
        terminal.ends(0)
        equal(runs(fresh), 0)
        fresh.lxctl("uninstall", "new").good()


@closes_terminals
def test_a_set_up_that_makes_no_user_is_done_all_the_same(fresh):
    install_unready(fresh)
    terminal = shell(fresh)
    terminal.sees(b"Name[?]")
    terminal.types("nobody\r")
    terminal.sees(b"There is no user with the id 1000")
    terminal.types("echo I am $(id -un).\r")
    terminal.sees(rb"I am root\.")
    terminal.types("exit\r")
    terminal.ends(0)
    equal((oobe(fresh), listed(fresh, "new")["default_user"]), ("none", "root"))


@closes_terminals
def test_the_new_users_shell_stands_where_it_was_asked_to(fresh):
    install_unready(fresh, lines=("[oobe]", "command = true", "defaultUid = 0"))
    terminal = shell(fresh, "-C", "/etc")
    terminal.types("echo in $(pwd).\r")
    terminal.sees(rb"in /etc\.")
    terminal.types("exit\r")
    terminal.ends(0)
    equal(oobe(fresh), "none")


@modes("single")
@closes_terminals
def test_where_there_is_one_user_alone_nothing_is_set_up(fresh):
    install_unready(fresh)
    equal((oobe(fresh), listed(fresh, "new")["default_user"]), ("none", "root"))
    terminal = shell(fresh)
    terminal.types("echo I am $(id -un).\r")
    terminal.sees(rb"I am root\.")
    terminal.types("exit\r")
    terminal.ends(0)


DEBIAN_OOBE = b"""#!/bin/bash
# As Microsoft's documentation has it, but for the user's name.
set -ue
if getent passwd 1000 >/dev/null; then
  echo 'User account already exists, skipping creation'
  exit 0
fi
read -r -p 'Enter new UNIX username: ' username
/usr/sbin/useradd --uid 1000 --create-home --shell /bin/bash --groups sudo "$username"
passwd "$username"
"""


@closes_terminals
def test_a_real_debian_sets_itself_up(fresh):
    source = os.path.join(fresh.work, "debian.wsl")
    shutil.copyfile(debian_tar(), source)
    with tarfile.open(source, "a") as archive:
        for name, data, rights in (
            ("./etc/wsl-distribution.conf", b"[oobe]\ncommand = /usr/lib/wsl/oobe.sh\ndefaultUid = 1000\ndefaultName = new\n", 0o644),
            ("./usr/lib/wsl/oobe.sh", DEBIAN_OOBE, 0o755),
        ):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), rights
            archive.addfile(member, io.BytesIO(data))
    fresh.lxctl("install", source, seconds=300).good()
    terminal = shell(fresh)
    terminal.sees(b"username: ")
    terminal.types("anna\r")
    terminal.sees(b"New password: ")
    terminal.types("secret\r")
    terminal.sees(b"Retype new password: ")
    terminal.types("secret\r")
    terminal.sees(b"password updated")
    terminal.types("cd; echo I am $(id -un) in $PWD, $(stat -c %U $PWD).\r")
    terminal.sees(rb"I am anna in /home/anna, anna\.")
    terminal.types("echo secret | sudo -S id -un; exit\r")
    terminal.sees(b"root")
    terminal.ends(0)
    equal((oobe(fresh), who(fresh)), ("none", "anna"))


if __name__ == "__main__":
    main(globals())
