#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Layers: clones that share their files, snapshots, and going back to them.
Each distribution is whole and on its own, whatever it shares and whenever lxssd is killed."""

import os
import re
import shutil
import tarfile
import tempfile

from lxss_test import (
    I_DISTRIBUTION, I_MANAGER, MANAGER, Command, Failure, Skip, contains, debian_tar, equal, everywhere, expect, lengthy, listens, main,
    modes, program, run, sentence, tiny_tar, wait_for,
)  # fmt: skip
from tree import ODD, listing, same, small


def at(world, name, *argv):
    return world.lxctl("launch", "-d", name, "-u", "root", "--", *argv)


def shell(world, name, script):
    return at(world, name, "sh", "-c", script).good().text


def layers(world):
    folder = os.path.join(world.data, "layers")
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def conf(world, name):
    return os.path.join(world.data, "distributions", name, "distribution.conf")


def snapshots(world, *arguments):
    return world.lxctl("-q", "snapshots", *arguments).good().text.split()


def settled(world, n_layers):
    """Waits until what nobody refers to has been removed."""
    wait_for(f"{n_layers} layers are there, and nothing is staged", lambda: len(layers(world)) == n_layers and not world.staged())


def needs_layers(world):
    """A small distribution that has a clone; skips where that is copied."""
    small(world)
    world.lxctl("clone", "tiny", "copy").good()
    if not layers(world):
        raise Skip("overlayfs is not possible here: " + (world.lxctl("snapshot", "tiny").said or ""))
    return world


# ------------------------------------------------------------------- the same tree


@lengthy
@modes("root", "rootless")
def test_clones_of_clones_of_a_debian_with_odd_files_are_the_same_tree(fresh):
    fresh.install(debian_tar(), "first").good()
    at(fresh, "first", "sh", "-c", ODD).good()
    before = listing(fresh, "first")
    expect(len(before) > 5000, f"only {len(before)} files")
    for name, clone in (("first", "second"), ("second", "third"), ("third", "fourth"), ("first", "fifth")):
        fresh.lxctl("clone", "--terminate", name, clone).good()
    for name in ("first", "second", "third", "fourth", "fifth"):
        same(listing(fresh, name), before, name)
    equal(len(layers(fresh)), 1, "the number of layers of what never changed")
    blocks = shell(fresh, "fifth", "stat -c %b /odd/sparse")
    expect(int(blocks) < 1000, f"the sparse file takes {blocks} blocks")
    shell(fresh, "third", "echo x >/odd/new; rm -r /usr/share; mkdir /usr/share; chmod 700 /odd; chown -h 1 /odd/link; chown 2 /odd/old")
    changed = listing(fresh, "third")
    contains(b"\n".join(changed), "./odd/link|l|777|1|", "./odd/old|f|600|2|")
    fresh.lxctl("clone", "--terminate", "third", "sixth").good()
    fresh.lxctl("clone", "--copy", "--terminate", "third", "seventh").good()
    archive = os.path.join(fresh.work, "third.tar")
    fresh.lxctl("export", "--terminate", "third", archive).good()
    fresh.install(archive, "eighth").good()
    for name in ("third", "sixth", "seventh", "eighth"):
        same(listing(fresh, name), changed, name)
    same(listing(fresh, "first"), before, "the first, after its clone's clone was changed")
    expect("layers" not in open(conf(fresh, "seventh")).read(), "a copy stands on layers")


def members(path):
    with tarfile.open(path) as archive:
        return {
            m.name: (m.type, m.mode, m.uid, m.gid, m.mtime, m.size, m.linkname, m.pax_headers.get("SCHILY.xattr.user.mine"),
                     m.pax_headers.get("SCHILY.xattr.security.capability"))
            for m in archive
        }  # fmt: skip


CAPABILITY = b"\x01\0\0\2" + b"\0\4\0\0" + b"\0" * 12  # cap_net_bind_service=ep


@modes("root", "rootless")
def test_attributes_and_capabilities_are_the_same(fresh):
    def change(add, without):
        capability = {"SCHILY.xattr.security.capability": CAPABILITY.decode("latin-1")}
        add("data/able", b"x", mode=0o755, pax_headers=capability)
        add("data/mine", b"y", mode=0o644, pax_headers={"SCHILY.xattr.user.mine": "of me"})
        add("data/twice", type=tarfile.LNKTYPE, linkname="data/mine")

    source = os.path.join(fresh.work, "source.tar")
    tiny_tar(source, change=change)
    fresh.install(source, "tiny").good()
    paths = {}
    for name in ("tiny", "copy", "tiny2"):
        if name == "copy":
            fresh.lxctl("clone", "tiny", "copy").good()
        paths[name] = os.path.join(fresh.work, f"{name}.tar")
        fresh.lxctl("export", name.rstrip("2"), paths[name]).good()
    wanted = members(paths["tiny"])
    expect(any(m[7] for m in wanted.values()), f"no attribute arrived: {sorted(wanted)}")
    equal(members(paths["copy"]), wanted, "the clone's members")
    equal(members(paths["tiny2"]), wanted, "the original's members, now that it stands on a layer")


# ------------------------------------------------------------------------ on its own


@everywhere
def test_what_one_writes_the_others_do_not_see(fresh):
    needs_layers(fresh)
    fresh.lxctl("clone", "copy", "third").good()
    for name in ("tiny", "copy", "third"):
        shell(fresh, name, f"echo {name} >/etc/marker; echo {name} >/new-{name}; rm -f /etc/os-release")
    for name in ("tiny", "copy", "third"):
        equal(shell(fresh, name, "cat /etc/marker; ls / | while read n; do case $n in new-*) echo $n;; esac; done"),
              f"{name}\nnew-{name}", name)  # fmt: skip
    before = layers(fresh)
    fresh.lxctl("uninstall", "tiny").good()
    equal(layers(fresh), before, "the layers that the clones stand on")
    equal(shell(fresh, "copy", "cat /etc/marker"), "copy")
    fresh.lxctl("uninstall", "copy").good()
    equal(shell(fresh, "third", "cat /etc/marker"), "third")
    fresh.lxctl("uninstall", "third").good()
    settled(fresh, 0)


@everywhere
def test_the_two_run_at_the_same_time(fresh):
    needs_layers(fresh)
    fresh.client()
    fresh.distribution = "copy"
    fresh.client()
    equal(shell(fresh, "tiny", "echo here >/etc/marker; cat /etc/marker"), "here")
    equal(shell(fresh, "copy", "cat /etc/marker"), "tiny")


@modes("root", "rootless")
def test_dpkg_works_in_a_clone(fresh):
    if not shutil.which("dpkg-deb"):
        raise Skip("dpkg-deb is not installed")
    package = os.path.join(fresh.work, "package")
    os.makedirs(os.path.join(package, "DEBIAN"))
    os.makedirs(os.path.join(package, "usr", "bin"))
    with open(os.path.join(package, "DEBIAN", "control"), "w") as file:
        file.write("Package: lxss-mine\nVersion: 1\nArchitecture: all\nMaintainer: me <me@localhost>\nDescription: mine\n")
    with open(os.path.join(package, "usr", "bin", "mine"), "w") as file:
        file.write("#!/bin/sh\necho mine\n")
    os.chmod(file.name, 0o755)
    run("dpkg-deb", "--root-owner-group", "--build", package, os.path.join(fresh.work, "mine.deb")).good()
    fresh.install(debian_tar(), "first").good()
    fresh.lxctl("clone", "first", "second").good()
    with open(os.path.join(fresh.work, "mine.deb"), "rb") as file:
        fresh.lxctl("launch", "-d", "second", "-u", "root", "--", "sh", "-c", "cat >/root/mine.deb", input=file.read()).good()
    shell(fresh, "second", "dpkg -i /root/mine.deb && SUDO_FORCE_REMOVE=yes dpkg --purge sudo && dpkg --audit && dpkg --verify base-files dpkg")
    equal(shell(fresh, "second", "mine; command -v sudo || echo none"), "mine\nnone")
    equal(shell(fresh, "first", "command -v mine || echo none; command -v sudo"), "none\n/usr/bin/sudo")
    shell(fresh, "second", "dpkg --purge lxss-mine")


# -------------------------------------------------------------------------- snapshots


@everywhere
def test_a_roll_back_brings_back_what_was_there(fresh):
    needs_layers(fresh)
    said = fresh.lxctl("snapshot", "tiny", "good").good().text
    contains(said, "good", "lxctl rollback tiny good")
    look = "stat -c '%n %F %a %u %g' / /* /etc/* /bin/*; cat /etc/marker"
    before = shell(fresh, "tiny", look)
    shell(fresh, "tiny", "rm -r /bin/ls /etc; mkdir /etc; echo bad >/etc/marker; chmod 700 /")
    contains(fresh.lxctl("rollback", "tiny", "good").good().text, "good")
    equal(shell(fresh, "tiny", look), before, "the distribution after the roll back")
    settled(fresh, 1)
    equal(snapshots(fresh), ["good"], "its snapshots")


@everywhere
def test_there_and_back_between_snapshots(fresh):
    needs_layers(fresh)
    for n in ("1", "2", "3"):
        shell(fresh, "tiny", f"echo {n} >/etc/marker; echo {n} >/n{n}")
        fresh.lxctl("snapshot", "tiny", f"s{n}").good()
    shell(fresh, "tiny", "echo 4 >/etc/marker")
    for n in ("2", "3", "1", "3"):
        fresh.lxctl("rollback", "tiny", f"s{n}").good()
        equal(shell(fresh, "tiny", "cat /etc/marker; ls -d /n*").split(), [n] + [f"/n{i + 1}" for i in range(int(n))])
    shell(fresh, "tiny", "echo 5 >/etc/marker")
    contains(fresh.lxctl("rollback", "tiny").good().text, "s3")
    equal(shell(fresh, "tiny", "cat /etc/marker"), "3", "after a roll back to the newest")
    equal(snapshots(fresh, "tiny"), ["s1", "s2", "s3"])
    for n in ("1", "2", "3"):
        fresh.lxctl("snapshot", "--remove", "tiny", f"s{n}").good()
    equal(snapshots(fresh), [])
    equal(shell(fresh, "tiny", "cat /etc/marker; ls -d /n*").split(), ["3", "/n1", "/n2", "/n3"])
    fresh.lxctl("uninstall", "tiny").good()
    fresh.lxctl("uninstall", "copy").good()
    settled(fresh, 0)


@everywhere
def test_a_layer_goes_with_the_last_that_refers_to_it(fresh):
    small(fresh)
    fresh.lxctl("snapshot", "tiny", "a").good()
    shell(fresh, "tiny", "echo x >/etc/marker")
    fresh.lxctl("snapshot", "tiny", "b").good()
    shell(fresh, "tiny", "echo y >/etc/marker")
    equal(len(layers(fresh)), 2)
    fresh.lxctl("rollback", "tiny", "a").good()
    settled(fresh, 2)
    fresh.lxctl("snapshot", "--remove", "tiny", "b").good()
    settled(fresh, 1)
    fresh.lxctl("snapshot", "--remove", "tiny", "a").good()
    settled(fresh, 1)
    equal(shell(fresh, "tiny", "cat /etc/marker"), "tiny")
    fresh.lxctl("uninstall", "tiny").good()
    settled(fresh, 0)


def test_names_and_lists(fresh):
    small(fresh)
    contains(fresh.lxctl("snapshots").good().err, "no snapshots")
    equal(fresh.lxctl("--json", "snapshots").json(), [])
    name = fresh.lxctl("-q", "snapshot", "tiny").good().text
    expect(re.fullmatch(r"\d{4}-\d\d-\d\d-\d{6}", name), f"the name is {name!r}")
    again = fresh.lxctl("--json", "snapshot", "tiny").json()
    equal((again["result"], again["distribution"]), ("done", "tiny"))
    expect(again["snapshot"] != name, "two snapshots have one name")
    listed = fresh.lxctl("--json", "snapshots", "tiny").json()
    equal([s["snapshot"] for s in listed], [name, again["snapshot"]])
    equal([(s["distribution"], s["release"], s["base"]) for s in listed], [("tiny", "Tiny test distribution", True)] * 2)
    expect(listed[0]["time_us"] <= listed[1]["time_us"], "the older one is not the first")
    contains(fresh.lxctl("snapshots").good().text, "SNAPSHOT", name, "tiny", "Tiny test distribution")
    equal(fresh.lxctl("--json", "rollback", "tiny", name).json(), {"result": "done", "distribution": "tiny", "snapshot": name})
    equal(fresh.lxctl("--json", "snapshot", "--remove", "tiny", name).json()["result"], "removed")
    fresh.lxctl("rename", "tiny", "renamed").good()
    equal(snapshots(fresh, "renamed"), [again["snapshot"]])
    fresh.lxctl("clone", "renamed", "copy").good()
    equal(snapshots(fresh, "copy"), [], "the snapshots of a clone")
    equal(fresh.lxctl("rollback", "renamed").good().code, 0)
    fresh.lxctl("uninstall", "renamed").good()
    equal(snapshots(fresh), [])


@everywhere
def test_what_cannot_be_kept_or_gone_back_to_changes_nothing(fresh):
    small(fresh)
    sentence(fresh.lxctl("rollback", "tiny"), "no snapshots", "lxctl snapshot tiny", code=125)
    fresh.lxctl("snapshot", "tiny", "one").good()
    for arguments, needles in (
        (("snapshot",), ("lxctl list",)), (("snapshot", "nosuch"), ("nosuch",)), (("snapshot", "tiny", "a b"), ("letters",)),
        (("snapshot", "tiny", "../x"), ("letters",)), (("snapshot", "tiny", "one"), ("already", "one")),
        (("snapshot", "tiny", "a", "b"), ("b",)), (("snapshot", "--remove", "tiny"), ("lxctl snapshots tiny",)),
        (("snapshot", "--remove", "tiny", "two"), ("two", "lxctl snapshots tiny")), (("rollback",), ("lxctl snapshots",)),
        (("rollback", "tiny", "two"), ("two",)), (("rollback", "nosuch"), ("nosuch",)), (("snapshots", "nosuch"), ("nosuch",)),
        (("snapshots", "tiny", "one"), ("one",)),
    ):  # fmt: skip
        sentence(fresh.lxctl(*arguments), *needles, code=125)
    client = fresh.client()
    for arguments in (("snapshot", "tiny", "two"), ("rollback", "tiny", "one")):
        sentence(fresh.lxctl(*arguments), "running", "--terminate", "lxctl terminate tiny", code=125)
    expect(client.poll() is None, "the program ended")
    fresh.lxctl("snapshot", "tiny", "three", "--terminate").good()
    expect(client.ended() != 0, "the program outlived the snapshot")
    client = fresh.client()
    fresh.lxctl("snapshot", "--remove", "tiny", "three").good()
    expect(client.poll() is None, "removing a snapshot ended the program")
    fresh.lxctl("rollback", "--terminate", "tiny").good()
    expect(client.ended() != 0, "the program outlived the roll back")
    equal(snapshots(fresh), ["one"])


def test_over_dbus_each_says_which_and_where(fresh):
    needs_layers(fresh)
    bus = fresh.awake()
    options = bus.dbus.Dictionary({}, "sv")
    operation, name = bus.manager("Snapshot", "ssa{sv}", "tiny", "", options)
    bus.signal("Finished", str(operation))
    operation, chosen = bus.manager("Rollback", "ssa{sv}", "", "", options)
    equal((str(chosen), str(bus.signal("Finished", str(operation))[0])), (str(name), "done"))
    path = f"{MANAGER}/distribution/tiny"
    found = [str(layer) for layer in bus.get(path, I_DISTRIBUTION, "Layers")]
    equal(found, [os.path.join(fresh.data, "layers", id, "rootfs") for id in layers(fresh)], "Layers")
    equal(str(bus.get(path, I_DISTRIBUTION, "RootDirectory")), fresh.rootfs("tiny"))
    bus.fails("NoSuchSnapshot", MANAGER, I_MANAGER, "Rollback", "ssa{sv}", "tiny", "none", options)
    bus.fails("NoSuchSnapshot", MANAGER, I_MANAGER, "RemoveSnapshot", "ss", "tiny", "none")
    bus.fails("SnapshotExists", MANAGER, I_MANAGER, "Snapshot", "ssa{sv}", "tiny", str(name), options)
    bus.fails("InvalidArgument", MANAGER, I_MANAGER, "Snapshot", "ssa{sv}", "tiny", "", bus.dbus.Dictionary({"copy": True}, "sv"))
    bus.manager("RemoveSnapshot", "ss", "tiny", str(name))
    equal(len(bus.manager("ListSnapshots", "s", "")), 0)
    bus.close()


# ------------------------------------------------------- whole, whatever happens


@everywhere
def test_a_missing_layer_breaks_what_stands_on_it_and_nothing_else(fresh):
    needs_layers(fresh)
    fresh.install(os.path.join(fresh.work, "source.tar"), "other").good()
    fresh.lxctl("shutdown").good()
    (layer,) = layers(fresh)
    elsewhere = os.path.join(fresh.work, "elsewhere")
    os.rename(os.path.join(fresh.data, "layers", layer), elsewhere)
    equal(shell(fresh, "other", "cat /etc/marker"), "tiny")
    for name in ("tiny", "copy"):
        sentence(at(fresh, name, "true"), layer, "missing", f"lxctl uninstall {name}", code=125)
    fresh.lxctl("shutdown").good()
    os.rename(elsewhere, os.path.join(fresh.data, "layers", layer))
    equal(shell(fresh, "tiny", "cat /etc/marker"), "tiny", "when the layer is back")
    fresh.lxctl("shutdown").good()
    os.rename(os.path.join(fresh.data, "layers", layer), elsewhere)
    for name in ("tiny", "copy"):
        fresh.lxctl("uninstall", name).good()
    equal(fresh.installed(), ["other"])


@everywhere
def test_layers_stay_while_it_is_not_known_who_stands_on_them(fresh):
    needs_layers(fresh)
    fresh.lxctl("shutdown").good()
    kept = open(conf(fresh, "copy")).read()
    with open(conf(fresh, "copy"), "w") as file:
        file.write("not a key file")
    fresh.lxctl("uninstall", "tiny").good()
    fresh.lxctl("shutdown").good()
    equal(len(layers(fresh)), 1)
    with open(conf(fresh, "copy"), "w") as file:
        file.write(kept)
    equal(shell(fresh, "copy", "cat /etc/marker"), "tiny", "once its distribution.conf is mended")
    fresh.lxctl("uninstall", "copy").good()
    settled(fresh, 0)


CALLS = ("renameat2", "rename", "mkdir", "fsync", "chmod", "chown")


def traced(world, call=None, n=0):
    """lxssd, running; it is killed before its n-th call of this name, if there is one."""
    if not shutil.which("strace"):
        raise Skip("strace is not installed")
    words = ["strace", "-o", os.path.join(world.work, "calls"), "-e", "trace=" + ",".join(CALLS)]
    words += ["-e", f"inject={call}:signal=KILL:when={n}"] if call else []
    command = Command([*words, program("lxssd")], env=world.environment())
    wait_for("lxssd listens", lambda: command.poll() is not None or listens(world.socket))
    return command


def shut_down(world):
    world.lxctl("shutdown").good()
    wait_for("lxssd is gone", lambda: not listens(world.socket))


def calls_of_a_start(world):
    """{name: how many}"""
    daemon = traced(world)
    world.lxctl("list").good()
    shut_down(world)
    daemon.ended()
    with open(os.path.join(world.work, "calls")) as file:
        names = [line.split("(")[0] for line in file]
    return {call: names.count(call) for call in CALLS}


def killed_everywhere(world, command, check):
    """Kills lxssd before every call of one command that changes a directory, each time with something changed before
    it, and returns how often. check(text, result): what was changed, and how the command ended."""
    with open(world.config, "w") as file:
        file.write("[manager]\nexit-idle=60\n")
    shut_down(world)
    before, kills = calls_of_a_start(world), 0
    for call in CALLS:
        result = None
        while result is None or result.code != 0:
            kills += 1
            shell(world, "tiny", f"echo {kills} >/etc/marker")
            shut_down(world)
            before[call] += 1
            daemon = traced(world, call, before[call])
            result = world.lxctl(*command)
            if result.code == 0:
                shut_down(world)
            daemon.ended()
            wait_for("nothing is staged once lxssd runs again", lambda: world.lxctl("list").good() and not world.staged())
            check(str(kills), result)
    world.configure()
    shut_down(world)
    return kills - len(CALLS)


@modes("root", "rootless")
def test_kill_9_of_lxssd_at_every_step_of_a_clone_leaves_each_whole(fresh):
    needs_layers(fresh)

    def check(text, result):
        equal(shell(fresh, "tiny", "cat /etc/marker"), text, "the original")
        equal(shell(fresh, "copy", "cat /etc/marker"), "tiny", "the other clone")
        if "new" in fresh.installed():
            equal(shell(fresh, "new", "cat /etc/marker"), text, "the clone")
            fresh.lxctl("uninstall", "new").good()
        else:
            expect(result.code != 0, "the clone is not there")

    kills = killed_everywhere(fresh, ("clone", "tiny", "new"), check)
    expect(kills > 15, f"it was killed {kills} times only")


@modes("root", "rootless")
def test_kill_9_of_lxssd_at_every_step_of_a_roll_back_leaves_the_one_or_the_other(fresh):
    needs_layers(fresh)
    fresh.lxctl("snapshot", "tiny", "one").good()

    def check(text, result):
        found = shell(fresh, "tiny", "cat /etc/marker")
        expect(found == "tiny" or (found == text and result.code != 0), f"it is {found!r}, after {text!r}")
        equal(snapshots(fresh), ["one"])
        settled(fresh, 1)

    kills = killed_everywhere(fresh, ("rollback", "tiny", "one"), check)
    expect(kills > 8, f"it was killed {kills} times only")


@everywhere
def test_a_layer_that_was_left_in_staging_is_found_again(fresh):
    needs_layers(fresh)
    fresh.lxctl("shutdown").good()
    (layer,) = layers(fresh)
    os.rename(os.path.join(fresh.data, "layers", layer), os.path.join(fresh.data, "staging", layer))
    for name in ("tiny", "copy"):
        equal(shell(fresh, name, "cat /etc/marker"), "tiny", name)
    equal(layers(fresh), [layer])
    wait_for("nothing is staged", lambda: not fresh.staged())


@everywhere
def test_settings_go_with_a_clone_and_stay_through_a_roll_back(fresh):
    needs_layers(fresh)
    with open(conf(fresh, "tiny"), "a") as file:
        file.write("\n# mine\n[instance]\nlinger=77\n")
    fresh.lxctl("shutdown").good()
    fresh.lxctl("snapshot", "tiny", "one").good()
    shell(fresh, "tiny", "echo x >/etc/marker")
    fresh.lxctl("terminate", "tiny").good()
    fresh.lxctl("rollback", "tiny").good()
    fresh.lxctl("clone", "tiny", "new").good()
    for name in ("tiny", "new"):
        with open(conf(fresh, name)) as file:
            contains(file.read(), "linger=77", "# mine")
    with open(conf(fresh, "new")) as file:
        expect("snapshot" not in file.read(), "a clone has the snapshots of its original")
    fresh.lxctl("config", "new", "default-user", "root").good()  # who is found in a layer
    sentence(fresh.lxctl("config", "new", "default-user", "nosuch"), "nosuch", code=125)


def root_of(world, name):
    return next(d["root"] for d in world.lxctl("--json", "list").json() if d["name"] == name)


def removed(world, name):
    return [path for path in ("usr/share/doc", "etc/group-") if os.path.lexists(os.path.join(root_of(world, name), path))]


@modes("root", "rootless")
def test_what_stands_on_layers_is_moved_as_a_copy_of_all_that_it_shows(fresh):
    fresh.install(debian_tar(), "it").good()
    at(fresh, "it", "sh", "-c", ODD).good()
    fresh.lxctl("clone", "--terminate", "it", "copy").good()
    if not layers(fresh):
        raise Skip("overlayfs is not possible here")
    at(fresh, "it", "sh", "-c", "rm -r /usr/share/doc /etc/group-; echo mine >/etc/mine; chmod 640 /odd/old").good()
    before, other = listing(fresh, "it"), listing(fresh, "copy")
    other_disk = tempfile.mkdtemp(prefix="lxss-test-", dir="/dev/shm")
    try:
        for elsewhere in (other_disk, tempfile.mkdtemp(dir=fresh.work)):
            fresh.lxctl("move", "--terminate", "it", elsewhere).good()
            equal(root_of(fresh, "it"), os.path.join(elsewhere, "lxss-it", "rootfs"))
            same(listing(fresh, "it"), before, "what was moved")
            with open(conf(fresh, "it")) as file:
                expect("layers" not in file.read(), "what was moved refers to layers")
            equal(removed(fresh, "it"), [], "what is there again")
            settled(fresh, 1)
            fresh.lxctl("move", "--terminate", "--back", "it").good()
            fresh.lxctl("clone", "it", "again").good()  # which makes it stand on a layer again
            fresh.lxctl("uninstall", "again").good()
            settled(fresh, 2)
        same(listing(fresh, "it"), before, "what was moved back")
        same(listing(fresh, "copy"), other, "the clone")
    finally:
        fresh.lxctl("uninstall", "--terminate", "it")
        shutil.rmtree(other_disk, ignore_errors=True)
    settled(fresh, 1)


@modes("root", "rootless")
def test_kill_9_of_lxssd_at_every_step_of_a_move_of_what_stands_on_layers_leaves_it_whole(fresh):
    needs_layers(fresh)

    def stand_on_another_layer():
        fresh.lxctl("snapshot", "--terminate", "tiny", "one").good()
        fresh.lxctl("snapshot", "--remove", "tiny", "one").good()

    def check(text, result):
        equal(shell(fresh, "tiny", "cat /etc/marker && test -e /bin/sh && echo whole"), f"{text}\nwhole", "the distribution")
        equal(shell(fresh, "copy", "cat /etc/marker"), "tiny", "the clone")
        moved = root_of(fresh, "tiny").startswith(elsewhere)
        expect(moved or result.code != 0, "it was not moved")
        equal(os.listdir(elsewhere), ["lxss-tiny"] if moved else [], "what is on the other disk")
        settled(fresh, 1 if moved else 2)
        if moved:
            fresh.lxctl("move", "--terminate", "--back", "tiny").good()
            stand_on_another_layer()

    shell(fresh, "tiny", "echo 0 >/etc/marker")
    stand_on_another_layer()
    elsewhere = tempfile.mkdtemp(prefix="lxss-test-", dir="/dev/shm")
    try:
        kills = killed_everywhere(fresh, ("move", "tiny", elsewhere), check)
    finally:
        fresh.lxctl("uninstall", "--terminate", "tiny")
        shut_down(fresh)
        shutil.rmtree(elsewhere, ignore_errors=True)
    expect(kills > 12, f"it was killed {kills} times only")


def test_what_was_moved_has_no_snapshots_and_what_has_snapshots_is_not_moved(fresh):
    needs_layers(fresh)
    elsewhere = os.path.join(fresh.work, "disk")
    os.mkdir(elsewhere)
    fresh.lxctl("snapshot", "tiny", "one").good()
    before = root_of(fresh, "tiny")
    sentence(fresh.lxctl("move", "tiny", elsewhere), "snapshots", "lxctl snapshot --remove tiny", "lxctl clone --copy tiny", code=125)
    equal((root_of(fresh, "tiny"), os.listdir(elsewhere), snapshots(fresh)), (before, [], ["one"]), "where it is")
    fresh.lxctl("clone", "--copy", "tiny", "flat").good()
    fresh.lxctl("move", "flat", elsewhere).good()
    sentence(fresh.lxctl("snapshot", "flat"), elsewhere, "lxctl move --back flat", code=125)
    before = layers(fresh)
    fresh.lxctl("clone", "flat", "another").good()
    equal(shell(fresh, "another", "cat /etc/marker"), "tiny")
    equal(layers(fresh), before, "the layers after a clone of what was moved")
    fresh.lxctl("move", "--back", "flat").good()
    fresh.lxctl("snapshot", "flat").good()


def test_repair_finds_the_layers_again_or_says_why_not(fresh):
    needs_layers(fresh)
    fresh.lxctl("shutdown").good()
    kept = open(conf(fresh, "copy")).read()
    with open(conf(fresh, "copy"), "w") as file:
        file.write("this is no key\n" + kept)
    sentence(at(fresh, "copy", "true"), "lxctl repair copy", code=125)
    fresh.lxctl("repair", "copy").good()
    equal(shell(fresh, "copy", "cat /etc/marker"), "tiny")
    fresh.lxctl("shutdown").good()
    with open(conf(fresh, "copy"), "w") as file:
        file.write("".join(line for line in kept.splitlines(True) if not line.startswith("layers")))
    sentence(at(fresh, "copy", "true"), "layers", code=125)
    sentence(fresh.lxctl("repair", "copy"), "layers", code=125)
    fresh.lxctl("uninstall", "copy").good()
    equal(shell(fresh, "tiny", "cat /etc/marker"), "tiny")


def test_the_depth_has_an_end_that_is_said(fresh):
    needs_layers(fresh)
    for n in range(59):
        shell(fresh, "tiny", f"echo {n} >/etc/marker")
        fresh.lxctl("-q", "snapshot", "tiny", f"s{n}").good()
    equal(shell(fresh, "tiny", "cat /etc/marker"), "58")
    shell(fresh, "tiny", "echo end >/etc/marker")
    sentence(fresh.lxctl("snapshot", "tiny"), "60 layers", "lxctl clone --copy tiny", code=125)
    fresh.lxctl("clone", "tiny", "flat").good()
    equal(shell(fresh, "flat", "cat /etc/marker"), "end")
    with open(conf(fresh, "flat")) as file:
        expect("layers" not in file.read(), "the clone stands on layers")
    fresh.lxctl("rollback", "tiny", "s30").good()
    equal(shell(fresh, "tiny", "cat /etc/marker"), "30")


if __name__ == "__main__":
    main(globals())
