#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cloning: another distribution with the same files and settings, whole or not
at all, and on its own from then on. What is particular to clones that share their
files is in itest-layers.py; what takes its time here is a copy."""

import os
import signal

from lxss_test import contains, debian_tar, equal, everywhere, expect, lengthy, main, modes, sentence, wait_for
from tree import ODD, listing, same, small


def marker(world, name):
    return world.lxctl("launch", "-d", name, "--", "cat", "/etc/marker").good().text


@lengthy
@modes("rootless")
def test_a_clone_of_a_debian_with_odd_files_is_the_same(fresh):
    fresh.install(debian_tar(), "first").good()
    fresh.lxctl("launch", "-d", "first", "-u", "root", "--", "sh", "-c", ODD).good()
    before = listing(fresh, "first")
    fresh.lxctl("clone", "--copy", "--terminate", "first", "second").good()
    same(listing(fresh, "second"), before, "the clone")
    blocks = fresh.lxctl("launch", "-d", "second", "-u", "root", "--", "stat", "-c", "%b", "/odd/sparse").good().text
    expect(int(blocks) < 1000, f"the sparse file takes {blocks} blocks")


@everywhere
def test_a_clone_is_on_its_own(fresh):
    small(fresh)
    said = fresh.lxctl("clone", "tiny", "copy").good().text
    contains(said, "copy")
    fresh.lxctl("launch", "-d", "copy", "--", "sh", "-c", "echo changed >~/mine").good()
    expect(fresh.launch("cat", "mine", options=["-C", "~"]).code != 0, "a file of the clone is in the original")
    fresh.lxctl("uninstall", "tiny").good()
    equal(marker(fresh, "copy"), "tiny", "/etc/marker of the clone")
    equal(fresh.lxctl("launch", "-d", "copy", "-C", "~", "--", "cat", "mine").good().text, "changed")
    equal(fresh.installed(), ["copy"])


@everywhere
def test_settings_and_user_go_with_it(fresh):
    small(fresh)
    conf = os.path.join(fresh.data, "distributions", "tiny", "distribution.conf")
    with open(conf, "a") as file:
        file.write("\n# mine\n[instance]\nlinger=77\n")
    fresh.lxctl("shutdown").good()
    fresh.lxctl("clone", "tiny", "copy").good()
    with open(os.path.join(fresh.data, "distributions", "copy", "distribution.conf")) as file:
        contains(file.read(), "linger=77", "# mine")
    equal(
        fresh.lxctl("launch", "-d", "copy", "--", "id", "-un").good().text,
        fresh.launch("id", "-un").good().text, "the default user",
    )  # fmt: skip
    for name in ("tiny", "copy"):
        fresh.lxctl("terminate", name).good()


@everywhere
def test_what_cannot_be_cloned_changes_nothing(fresh):
    small(fresh)
    for arguments, needles in (
        ((), ("clone",)), (("tiny",), ("clone",)), (("tiny", "a", "b"), ("b",)), (("nosuch", "a"), ("nosuch",)),
        (("tiny", "tiny"), ("tiny",)), (("tiny", "TINY"), ("tiny",)), (("tiny", "a b"), ("letters",)),
    ):  # fmt: skip
        sentence(fresh.lxctl("clone", *arguments), *needles, code=125)
    client = fresh.client()
    sentence(fresh.lxctl("clone", "tiny", "copy"), "running", "--terminate", code=125)
    expect(client.poll() is None, "the program ended")
    equal(fresh.installed(), ["tiny"])
    fresh.lxctl("clone", "--terminate", "tiny", "copy").good()
    expect(client.ended() != 0, "the program outlived it")


@modes("rootless")
def test_a_signal_cancels_and_the_original_is_free_again(fresh):
    fresh.install(debian_tar(), "first").good()
    for number in (signal.SIGINT, signal.SIGKILL):
        command = fresh.start("clone", "--copy", "first", "second")
        wait_for("the clone is at work", lambda: fresh.staged() or command.poll() is not None)
        command.send_signal(number)
        equal(command.ended(), -number, "how lxctl ended")
        wait_for("the staging directory is empty", lambda: not fresh.staged())
        equal(fresh.installed(), ["first"])
        fresh.lxctl("launch", "-d", "first", "--", "true").good()


@modes("rootless")
def test_launches_wait_until_the_clone_is_there(fresh):
    fresh.install(debian_tar(), "first").good()
    clone = fresh.start("clone", "--copy", "first", "second")
    wait_for("the clone is at work", lambda: fresh.staged() or clone.poll() is not None)
    results = [fresh.start("launch", "-d", name, "--", "echo", name) for name in ("first", "second")]
    for name, command in zip(("first", "second"), results):
        equal(command.finish().good().text, name)
    clone.finish().good()


def test_json_says_what_was_made(fresh):
    small(fresh)
    equal(fresh.lxctl("--json", "clone", "tiny", "copy").json(), {"result": "done", "of": "tiny", "name": "copy"})


if __name__ == "__main__":
    main(globals())
