#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Renaming: the same distribution under another name, or nothing changed."""

import os

from lxss_test import equal, everywhere, expect, main, sentence, tiny_tar


def tar(world, **options):
    path = os.path.join(world.work, "tiny.tar")
    tiny_tar(path, **options)
    return path


def works(world, name, marker):
    equal(world.lxctl("launch", "-d", name, "--", "cat", "/etc/marker").good().text, marker, f"/etc/marker of {name}")


@everywhere
def test_a_renamed_distribution_is_the_same_under_another_name(fresh):
    for name in ("one", "two"):
        fresh.install(tar(fresh, marker=name), name).good()
    fresh.lxctl("set-default", "two").good()
    fresh.lxctl("rename", "two", "three").good()
    equal(fresh.installed(), ["one", "three"])
    works(fresh, "three", "two")
    equal(fresh.lxctl("launch", "--", "cat", "/etc/marker").good().text, "two", "the default one")
    sentence(fresh.lxctl("launch", "-d", "two", "--", "true"), "two", code=125)
    fresh.lxctl("shutdown").good()
    works(fresh, "three", "two")
    equal(fresh.lxctl("launch", "--", "cat", "/etc/marker").good().text, "two", "the default one after a new start")
    fresh.lxctl("rename", "three", "Three").good()
    equal(fresh.installed(), ["Three", "one"])
    equal(fresh.lxctl("--json", "rename", "one", "four").json(), {"before": "one", "name": "four"})
    works(fresh, "four", "one")


@everywhere
def test_a_name_that_is_no_good_renames_nothing(fresh):
    for name in ("one", "two"):
        fresh.install(tar(fresh), name).good()
    for arguments, needles in (
        ((), ("rename",)), (("one",), ("rename",)), (("one", "x", "y"), ("y",)), (("one", ""), ("letters",)),
        (("one", "../x"), ("letters",)), (("one", "a b"), ("letters",)), (("one", "x" * 65), ("letters",)),
        (("one", "two"), ("two",)), (("one", "TWO"), ("two",)), (("one", "one"), ("already",)), (("nosuch", "x"), ("nosuch",)),
    ):  # fmt: skip
        sentence(fresh.lxctl("rename", *arguments), *needles, code=125)
    fresh.distribution = "one"
    client = fresh.client()
    sentence(fresh.lxctl("rename", "one", "x"), "running", "--terminate", code=125)
    expect(client.poll() is None, "the program ended")
    equal(fresh.installed(), ["one", "two"])
    fresh.lxctl("rename", "--terminate", "one", "x").good()
    expect(client.ended() != 0, "the program outlived the renaming")
    equal(fresh.installed(), ["two", "x"])


@everywhere
def test_what_was_just_left_is_no_longer_running(fresh):
    names = ["one", "two"]
    fresh.install(tar(fresh), "one").good()
    for _ in range(20):
        works(fresh, names[0], "tiny")
        fresh.lxctl("rename", *names).good()
        names.reverse()
    works(fresh, "one", "tiny")
    fresh.lxctl("clone", "one", "three").good()
    works(fresh, "one", "tiny")
    fresh.lxctl("export", "one", os.path.join(fresh.work, "one.tar")).good()
    works(fresh, "one", "tiny")
    fresh.lxctl("uninstall", "one").good()


if __name__ == "__main__":
    main(globals())
