#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Settings of one distribution: shown with where they come from, changed at once
or not at all, and each of them does what it says."""

import os

from lxss_test import (
    I_DISTRIBUTION, MANAGER, contains, debian_tar, equal, everywhere, expect, main, mode, modes, read, sentence, wait_for,
)  # fmt: skip
from tree import small

KEYS = ["default-user", "linger", "home", "network", "lxbus", "automount", "isolated", "memory", "processors", "pids"]


def conf_path(world, name=None):
    return os.path.join(world.data, "distributions", name or world.distribution, "distribution.conf")


def config(world, *words):
    return world.lxctl("config", *words)


def shown(world, *words):
    """{key: (value, where it comes from)}"""
    settings = world.lxctl("--json", "config", *words).json()["settings"]
    return {s["key"]: (s["value"], s["from"]) for s in settings}


def again(world, *words):
    """Sets something, with an instance that has not seen it gone."""
    config(world, *words).good()
    world.lxctl("terminate", world.distribution).good()


# ----------------------------------------------------------- showing, changing


@everywhere
def test_all_settings_are_shown_with_where_they_come_from(fresh):
    fresh.configure("[instance]\nlinger=5\npids=500\n")
    small(fresh)
    config(fresh, "tiny", "automount", "no").good()
    settings = shown(fresh, "tiny")
    equal(list(settings), KEYS, "the keys")
    equal(settings["linger"], ("5", "user"))
    equal(settings["automount"], ("no", "distribution"))
    equal(settings["memory"], ("unlimited", "default"))
    lines = [line.split() for line in config(fresh).good().text.splitlines()]
    equal(lines[0], ["KEY", "VALUE", "FROM"])
    equal([line[0] for line in lines[1:]], KEYS, "the first column")
    expect(["pids", "500", "user"] in lines, f"there is no line of pids in {lines}")
    quiet = fresh.lxctl("-q", "config", "-d", "tiny").good().text.splitlines()
    equal([line.split("=")[0] for line in quiet], KEYS, "what -q prints")


@everywhere
def test_one_setting_is_shown_set_and_taken_out_again(fresh):
    small(fresh)
    for words in (("linger",), ("tiny", "linger"), ("-d", "tiny", "linger")):
        equal(config(fresh, *words).good().text, "0")
        equal(config(fresh, *words, "77").good().text, "", "what setting it prints")
        equal(config(fresh, *words).good().text, "77")
        config(fresh, *words[:-1], "--unset", words[-1]).good()
    for key, value, written in (
        ("memory", "1024M", "1G"), ("memory", "2gb", "2G"), ("memory", "33554433", "33554433"), ("memory", "64KiB", None),
        ("processors", "1.50", "1.5"), ("processors", "2", "2"), ("linger", "forever", "forever"), ("isolated", "TRUE", "yes"),
        ("pids", "unlimited", "unlimited"),
    ):  # fmt: skip
        if written:
            equal(fresh.lxctl("--json", "config", "tiny", key, value).json()["value"], written, f"{key} set to {value}")
        else:
            sentence(config(fresh, "tiny", key, value), key, value, code=125)
    equal(
        fresh.lxctl("--json", "config", "tiny", "--unset", "memory").json(),
        {"distribution": "tiny", "key": "memory", "value": "unlimited", "from": "default", "pending": False},
    )
    equal(fresh.lxctl("--json", "config", "memory").json()["from"], "default")


@everywhere
def test_what_else_stands_in_the_file_stays(fresh):
    small(fresh)
    before = read(conf_path(fresh), "r")
    with open(conf_path(fresh), "a") as file:
        file.write("\n# mine\n[instance]\n# why\nlinger=7\nunheard-of=1\n")
    fresh.lxctl("shutdown").good()
    config(fresh, "tiny", "automount", "no").good()
    after = read(conf_path(fresh), "r")
    contains(after, "# mine", "# why\nlinger=7", "unheard-of=1", "automount=no", *before.splitlines())
    config(fresh, "tiny", "--unset", "automount").good()
    expect("automount" not in read(conf_path(fresh), "r"), "automount is still in the file")
    fresh.lxctl("shutdown").good()
    equal(config(fresh, "tiny", "linger").good().text, "7")


@everywhere
def test_what_is_wrong_changes_nothing(fresh):
    small(fresh)
    before = read(conf_path(fresh), "r")
    for words, needles in (
        (("tiny", "lingr", "5"), ("lingr", "linger")), (("lingre",), ("linger",)), (("tiny", "interop", "no"), ("interop",)),
        (("tiny", "linger", "soon"), ("linger", "soon", "seconds", "forever")), (("tiny", "home", "hots"), ("hots", "private")),
        (("tiny", "network", "own"), ("network", "host", "private", "none")), (("tiny", "automount", ""), ("automount", "yes")),
        (("tiny", "memory", "1"), ("memory", "16M")), (("tiny", "memory", "12Q"), ("12Q",)), (("tiny", "pids", "0"), ("pids",)),
        (("tiny", "memory", "99999999999999999999G"), ("memory",)), (("tiny", "processors", "0"), ("processors",)),
        (("tiny", "processors", "1.2345"), ("processors",)), (("tiny", "default-user", "nosuch"), ("nosuch", "useradd")),
        (("tiny", "default-user", ""), ("user",)), (("tiny", "default-user", "ro"), ("ro",)), (("tinny", "linger", "5"), ("tinny", "tiny")),
        (("tiny", "--unset", "lingr"), ("lingr", "linger")), (("tiny", "linger", "5", "6"), ("6",)), (("tiny", "linger", "--unset", "linger"), ("linger",)),
        (("-d", "tiny", "linger", "5", "6"), ("6",)), (("-d", "nosuch"), ("nosuch",)), (("--unset",), ("KEY",)),
        (("linger=5",), ("two words", "lxctl config linger 5")), (("tiny", "linger=5"), ("lxctl config tiny linger 5",)),
        (("tiny", "lingr=5"), ("lingr=5",)),
    ):  # fmt: skip
        sentence(config(fresh, *words), *needles, code=125)
    equal(read(conf_path(fresh), "r"), before, "distribution.conf")
    with open(conf_path(fresh), "w") as file:
        file.write("noise\n")
    sentence(config(fresh, "tiny", "linger", "5"), "distribution.conf", code=125)
    equal(read(conf_path(fresh), "r"), "noise\n", "the damaged file")


@everywhere
def test_a_running_instance_keeps_what_it_has_and_that_is_said(fresh):
    small(fresh)
    client = fresh.client()
    result = config(fresh, "tiny", "automount", "no").good()
    contains(result.said, "tiny", "starts again", "lxctl terminate tiny")
    equal(fresh.lxctl("-q", "config", "tiny", "automount", "no").good().said, "", "what is said with -q")
    equal(fresh.lxctl("--json", "config", "tiny", "automount", "no").json()["pending"], True)
    where = ("sh", "-c", "pwd")
    equal(fresh.launch(*where).good().text, "/mnt/host" + fresh.work, "the directory in the instance that runs")
    fresh.lxctl("terminate", "tiny").good()
    client.ended()
    expect(fresh.launch(*where).good().text != "/mnt/host" + fresh.work, "the host is still there")


@modes("rootless")
def test_programs_change_settings_over_dbus_all_or_none(fresh):
    small(fresh)
    bus = fresh.awake()
    bus.manager("Subscribe")
    path = bus.manager("ListDistributions")[0][2]
    settings = bus.dbus.Dictionary({"linger": "5", "pids": "100"}, "ss")
    equal(bool(bus.manager("Configure", "sa{ss}as", "tiny", settings, bus.dbus.Array([], "s"))), False)
    changed = bus.signal("PropertiesChanged", path)
    contains(str(changed), "Settings", "linger")
    values = {str(key): str(value) for key, value, _ in bus.get(path, I_DISTRIBUTION, "Settings")}
    equal((values["linger"], values["pids"]), ("5", "100"))
    before = read(conf_path(fresh), "r")
    for settings, unset in (({"linger": "6", "pids": "x"}, []), ({"linger": "6"}, ["nosuch"]), ({"nosuch": "1"}, []), ({"": ""}, [])):
        bus.fails(
            "InvalidArgument", MANAGER, "org.lxss.Manager1", "Configure", "sa{ss}as", "tiny",
            bus.dbus.Dictionary(settings, "ss"), bus.dbus.Array(unset, "s"),
        )  # fmt: skip
    equal(read(conf_path(fresh), "r"), before, "distribution.conf")
    bus.close()


# ------------------------------------------------------------- what they mean


@modes("root", "rootless")
def test_the_default_user_is_who_programs_run_as(fresh):
    fresh.install(debian_tar(), "debian").good()
    fresh.distribution = "debian"
    fresh.launch("useradd", "-m", "berta", options=["-u", "root"]).good()
    client = fresh.client()
    equal(config(fresh, "default-user", "berta").good().said, "", "what is said while it runs")
    equal(fresh.launch("id", "-un").good().text, "berta")
    client.let_go()
    fresh.lxctl("shutdown").good()
    equal(fresh.launch("id", "-un").good().text, "berta", "after a new start of lxssd")
    expect(shown(fresh)["default-user"] == ("berta", "distribution"), "the user is not shown")
    config(fresh, "--unset", "default-user").good()
    equal(fresh.launch("id", "-un").good().text, "root")


@modes("single")
def test_with_a_single_id_only_root_can_be_the_default_user(fresh):
    small(fresh)
    sentence(config(fresh, "default-user", "nobody"), "nobody", "doctor", code=125)
    config(fresh, "default-user", "root").good()


@everywhere
def test_linger_keeps_the_instance_after_its_last_client(fresh):
    small(fresh)
    again(fresh, "linger", "forever")
    fresh.launch("true").good()
    expect(fresh.leader(), "the instance ended")
    again(fresh, "linger", "0")
    fresh.launch("true").good()
    wait_for("the instance is gone", lambda: not fresh.leader())


@everywhere
def test_an_isolated_instance_sees_nothing_of_the_host(fresh):
    small(fresh)
    with open(os.path.join(fresh.home, "of-the-host"), "w"):
        pass
    config(fresh, "home", "host").good()
    again(fresh, "isolated", "yes")
    result = fresh.launch("sh", "-c", "pwd; ls -d /mnt/host/etc ~/of-the-host")
    expect(result.code != 0 and "/mnt/host" not in result.text, f"it sees {result.text}")
    equal(result.text.count("\n"), 0, "the lines")


@modes("rootless", "single")
def test_the_home_of_the_host_can_be_that_of_the_default_user(fresh):
    small(fresh)
    config(fresh, "home", "host").good()
    config(fresh, "automount", "no").good()
    with open(os.path.join(fresh.home, "from-host"), "w") as file:
        file.write("hello\n")
    equal(fresh.launch("sh", "-c", "cat ~/from-host && echo back >~/from-inside && pwd").good().text.split()[0], "hello")
    equal(read(os.path.join(fresh.home, "from-inside"), "r"), "back\n", "the file on the host")
    equal(os.stat(os.path.join(fresh.home, "from-inside")).st_uid, os.getuid(), "its owner")
    lines = fresh.launch("cat", "/proc/self/mountinfo").good().text.splitlines()
    home = fresh.launch("sh", "-c", "echo ~").good().text
    mount = [line.split()[5].split(",") for line in lines if line.split()[4] == home]
    expect(len(mount) == 1 and {"nosuid", "nodev"} <= set(mount[0]), f"the home is mounted with {mount}")
    expect(fresh.launch("ls", "/run/lxss/home").code != 0, "what it was moved from is still there")
    again(fresh, "home", "private")
    expect(fresh.launch("ls", options=["-C", "~"]).good().text == "", "the distribution's own home is not empty")


@modes("rootless")
def test_the_home_of_the_host_goes_to_the_user_of_the_distributions_own_choice(fresh):
    fresh.install(debian_tar(), "debian").good()
    fresh.distribution = "debian"
    script = "useradd -m berta; printf '[user]\\ndefault=berta\\n' >/etc/wsl.conf; mkdir -p /home/berta/own"
    fresh.launch("sh", "-c", script, options=["-u", "root"]).good()
    again(fresh, "home", "host")
    with open(os.path.join(fresh.home, "from-host"), "w"):
        pass
    contains(fresh.launch("ls", "/home/berta").good().text, "from-host")
    again(fresh, "home", "private")
    contains(fresh.launch("ls", "/home/berta").good().text, "own")


def test_without_a_home_on_the_host_the_instance_says_why_it_does_not_start(fresh):
    small(fresh)
    config(fresh, "home", "host").good()
    if mode() == "root":
        contains(fresh.launch("true").good().said, "home=host", "nobody")
        return
    fresh.lxctl("shutdown").good()
    os.rename(fresh.home, fresh.home + ".away")
    try:
        sentence(fresh.launch("true"), "home directory", code=125)
    finally:
        os.rename(fresh.home + ".away", fresh.home)
    fresh.launch("true").good()


@everywhere
def test_without_a_network_there_is_a_loopback_and_nothing_else(fresh):
    small(fresh)
    devices = "cat /proc/net/dev | while read name rest; do case $name in *:) echo $name;; esac; done"
    inode = os.stat("/proc/self/ns/net").st_ino
    equal(fresh.launch("stat", "-L", "-c", "%i", "/proc/self/ns/net").good().text, str(inode), "the network by default")
    again(fresh, "network", "none")
    expect(fresh.launch("stat", "-L", "-c", "%i", "/proc/self/ns/net").good().text != str(inode), "the network is the host's")
    equal(fresh.launch("sh", "-c", devices).good().text, "lo:", "the devices")
    contains(fresh.launch("cat", "/proc/net/fib_trie").good().text, "127.0.0.1")
    equal(fresh.launch("ls", "/sys/class/net").good().text, "lo", "the devices in /sys")
    mounts = fresh.launch("cat", "/proc/self/mountinfo").good().text
    expect("/etc/resolv.conf" not in mounts, "the host's resolver is there")
    again(fresh, "network", "host")
    equal(fresh.launch("stat", "-L", "-c", "%i", "/proc/self/ns/net").good().text, str(inode), "the network again")


@everywhere
def test_limits_that_cannot_hold_are_warned_about(fresh):
    small(fresh)
    for key, value in (("memory", "64M"), ("processors", "0.5"), ("pids", "50")):
        config(fresh, key, value).good()
    result = fresh.launch("true").good()
    contains(result.said, "not enforced", "systemd")
    equal(fresh.lxctl("-q", *fresh.words(["true"])).good().said, "", "what is said with -q")
    for key in ("memory", "processors", "pids"):
        config(fresh, "--unset", key).good()
    equal(fresh.launch("true").good().said, "", "what is said without limits")


if __name__ == "__main__":
    main(globals())
