#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a new user meets: the list of verbs, what to type next, suggestions for
slips, help everywhere, JSON that parses, and a README that does not lie."""

import json
import os
import re
import shlex

from lxss_test import (
    SOURCE, Skip, contains, equal, everywhere, expect, main, modes, read, sentence, tiny_tar,
)  # fmt: skip

VERBS = (
    "bus",
    "clone",
    "config",
    "doctor",
    "export",
    "hold",
    "install",
    "launch",
    "list",
    "move",
    "ps",
    "rename",
    "repair",
    "rollback",
    "set-default",
    "shutdown",
    "snapshot",
    "snapshots",
    "status",
    "terminate",
    "uninstall",
)  # fmt: skip


@everywhere
def test_lxctl_alone_shows_the_verbs(fresh):
    result = fresh.lxctl()
    expect(result.code in (0, 125), f"it ended with {result.code}")
    text = result.out + result.err
    contains(text, *VERBS, what="what lxctl says")
    expect(not os.path.exists(fresh.socket), "lxssd was started just to print that")


def test_help_is_help_however_it_is_asked_for(fresh):
    alone = fresh.lxctl("--help").good().out
    contains(alone, *VERBS, what="lxctl --help")
    for words in (["-h"], ["help"]):
        contains(fresh.lxctl(*words).good().out, *VERBS, what=f"lxctl {words[0]}")


@everywhere
def test_every_verb_explains_itself(fresh):
    for verb in VERBS:
        result = fresh.lxctl(verb, "--help").good()
        contains(result.out, verb, what=f"lxctl {verb} --help")
        expect(len(result.text.splitlines()) >= 2, f"lxctl {verb} --help says only {result.text!r}")
        equal(result.err, b"", f"stderr of lxctl {verb} --help")
    expect(not os.path.exists(fresh.socket), "lxssd was started just to print help")


def test_the_version_is_told(fresh):
    result = fresh.lxctl("--version").good()
    expect(re.search(r"\d+(\.\d+)*", result.text), f"it says {result.text!r}")


@everywhere
def test_launch_with_nothing_installed_says_what_to_type(fresh):
    for words in (["launch"], ["launch", "--", "true"], ["launch", "ls"]):
        sentence(fresh.lxctl(*words), "lxctl install", code=125)
    sentence(fresh.lxctl("hold"), "lxctl install", code=125)
    fresh.lxctl("list").good()
    fresh.lxctl("ps").good()
    fresh.lxctl("status").good()


def test_an_unknown_verb_is_named_and_a_near_one_suggested(fresh):
    for slip, verb in (("lauch", "launch"), ("instal", "install"), ("lst", "list"), ("stats", "status"), ("uninstal", "uninstall")):
        result = fresh.lxctl(slip)
        expect(result.code == 125, f"lxctl {slip} ended with {result.code}")
        contains(result.err, slip, verb, what="stderr")
    result = fresh.lxctl("xyzzyplugh")
    sentence(result, "xyzzyplugh", code=125)
    expect(not os.path.exists(fresh.socket), "lxssd was started for that")


def test_an_unknown_option_is_named_and_a_near_one_suggested(fresh):
    for words, slip, option in (
        (["launch", "--usr", "x"], "--usr", "--user"), (["install", "--nam=x", "y"], "--nam", "--name"),
        (["--jsn", "list"], "--jsn", "--json"), (["list", "--verbos"], "--verbos", "--verbose"),
    ):  # fmt: skip
        result = fresh.lxctl(*words)
        equal(result.code, 125, f"the exit code of {words}")
        contains(result.err, slip, option, what="stderr")
    sentence(fresh.lxctl("launch", "-Q"), "-Q", code=125)


def test_missing_and_surplus_words_are_named(fresh):
    sentence(fresh.lxctl("install"), code=125)
    sentence(fresh.lxctl("uninstall"), code=125)
    sentence(fresh.lxctl("set-default"), code=125)
    sentence(fresh.lxctl("launch", "-u"), "-u", code=125)
    sentence(fresh.lxctl("launch", "--user"), "--user", code=125)
    sentence(fresh.lxctl("uninstall", "a", "b"), "b", code=125)
    sentence(fresh.lxctl("shutdown", "now"), "now", code=125)
    sentence(fresh.lxctl("launch", "--no-wait=x"), "--no-wait", code=125)
    sentence(fresh.lxctl("launch", "--linger=soon"), "soon", code=125)


@everywhere
def test_json_parses_whatever_there_is_to_show(fresh):
    for verb in ("list", "ps", "status", "doctor"):
        for words in (["--json", verb], [verb, "--json"]):
            result = fresh.lxctl(*words)
            expect(verb == "doctor" or result.code == 0, f"{words} ended with {result.code}: {result.said}")
            json.loads(result.out)
    source = os.path.join(fresh.work, "tiny.tar")
    tiny_tar(source)
    fresh.install(source, "tiny").good()
    fresh.distribution = "tiny"
    fresh.client("sh", "-c", "echo ready; exec sleep 1000", b'odd"\\\x1b\xff\n')
    for verb, wanted in (("list", "tiny"), ("ps", "sleep"), ("status", "tiny")):
        result = fresh.lxctl("--json", verb).good()
        json.loads(result.out)
        contains(result.out, wanted, what=f"lxctl --json {verb}")


def test_json_of_actions_parses_too(fresh):
    source = os.path.join(fresh.work, "tiny.tar")
    tiny_tar(source)
    for words in (
        ["install", source, "--name", "one"], ["set-default", "one"], ["terminate", "one"], ["uninstall", "one"], ["shutdown"],
    ):  # fmt: skip
        result = fresh.lxctl("--json", *words).good()
        if result.out.strip():
            json.loads(result.out)


@everywhere
def test_status_names_the_log_and_the_log_is_there(fresh):
    fresh.lxctl("list").good()
    text = fresh.lxctl("status").good().text
    if "journal" not in text.lower():
        contains(text, fresh.log, what="lxctl status")
        expect(os.path.exists(fresh.log), f"{fresh.log} is not there")
        expect(os.stat(fresh.log).st_mode & 0o077 == 0, "others may read the log")


@everywhere
def test_doctor_finds_this_machine_suitable(fresh):
    result = fresh.lxctl("doctor")
    expect(result.code in (0, 1, 125), f"it ended with {result.code}: {result.said}")
    contains(result.out, "kernel", "user namespace", what="lxctl doctor")
    expect(len(result.text.splitlines()) >= 3, f"it says only {result.text!r}")


@everywhere
def test_doctor_says_whether_layers_work_where_distributions_are(fresh):
    data = os.path.dirname(fresh.data)
    before = sorted(os.listdir(data))
    [line] = [c for c in fresh.lxctl("doctor", "--json").json() if c["check"] == "layers"]
    equal(line["finding"], "ok", f"what it says of layers ({line})")
    equal(sorted(os.listdir(data)), before, "what it left behind")
    flat = {"LXSS_DATA_DIR": "/proc/self"}  # where nothing can be made
    [line] = [c for c in fresh.lxctl("doctor", "--json", env=flat).json() if c["check"] == "layers"]
    equal(line["finding"], "warn", "where they cannot work")
    contains(line["text"], "/proc/self", what="its text")
    contains(line["remedy"], "ext4", "snapshots", what="its remedy")


@modes("single")
def test_doctor_names_the_missing_subordinate_ids(fresh):
    contains(fresh.lxctl("doctor").out, "subuid", what="lxctl doctor")


def test_quiet_list_is_names_only(fresh):
    equal(fresh.lxctl("list", "-q").good().out, b"", "the list of nothing")
    source = os.path.join(fresh.work, "tiny.tar")
    tiny_tar(source)
    for name in ("beta", "alpha"):
        fresh.install(source, name).good()
    equal(sorted(fresh.lxctl("list", "-q").good().text.split()), ["alpha", "beta"], "list -q")
    equal(fresh.lxctl("list", "--running", "-q").good().text, "", "list --running -q")
    fresh.distribution = "beta"
    fresh.client()
    equal(fresh.lxctl("list", "--running", "-q").good().text, "beta", "list --running -q")


def test_ps_shows_what_runs(tiny):
    client = tiny.client("sh", "-c", "echo ready; exec sleep 424242")
    text = tiny.lxctl("ps").good().text
    contains(text, "tiny", "sleep", what="lxctl ps")
    client.kill()


def test_a_program_may_be_given_without_the_dashes(tiny):
    equal(tiny.lxctl("launch", "echo", "-n", "x").good().out, b"x", "the output")


def test_unknown_settings_warn_with_file_and_line(fresh):
    fresh.configure("nosuchkey=1\n[nosuchsection]\nx=y\n")
    fresh.lxctl("list").good()
    status = fresh.lxctl("status").good().text
    if "journal" in status.lower():
        raise Skip("the warnings are in the journal")
    text = read(fresh.log).decode()
    contains(text, fresh.config, "nosuchkey", what="the log")
    line = read(fresh.config).decode().splitlines().index("nosuchkey=1") + 1
    expect(re.search(re.escape(fresh.config) + rf"\D{{0,8}}\b{line}\b", text), f"the log does not name line {line}: {text}")


def test_settings_that_are_no_settings_do_no_harm(fresh):
    for data in (b"\0\xff rubbish", b"[manager\nexit-idle", b"exit-idle=1\n", b"[manager]\nexit-idle=never-ever\n"):
        with open(fresh.config, "wb") as file:
            file.write(data)
        fresh.lxctl("list").good()
        fresh.lxctl("shutdown").good()
    fresh.configure()


def test_lxctl_without_an_lxssd_program_says_so(fresh):
    sentence(fresh.lxctl("list", env={"LXSS_LIBEXEC_DIR": "/no/such/directory"}), "/no/such/directory", code=125)


def test_an_unwritable_data_directory_is_said(fresh):
    if os.getuid() == 0:
        raise Skip("root may write everywhere")
    os.chmod(os.path.dirname(fresh.data), 0o500)
    try:
        source = os.path.join(fresh.work, "tiny.tar")
        tiny_tar(source)
        sentence(fresh.install(source, "x"), fresh.data, code=125)
    finally:
        os.chmod(os.path.dirname(fresh.data), 0o700)


def test_output_to_a_full_disk_is_an_error(fresh):
    if not os.path.exists("/dev/full"):
        raise Skip("no /dev/full")
    with open("/dev/full", "w") as full:
        command = fresh.start("--help", stdout=full)
        expect(command.ended() != 0, "lxctl --help >/dev/full succeeded")


def shell_blocks(text):
    """The lines of the ```sh blocks of a Markdown text."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S):
        yield from block.replace("\\\n", " ").splitlines()


def test_every_lxctl_command_of_the_readme_has_a_known_verb(fresh):
    data = read(os.path.join(SOURCE, "README.md"))
    if data is None:
        raise Skip("no README.md")
    known = fresh.lxctl("--help").good().text
    count = 0
    for line in shell_blocks(data.decode()):
        line = re.sub(r"^\s*[$#]\s", "", line)
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise AssertionError(f"{line!r} is no shell command: {error}")
        for i, word in enumerate(words):
            if word == "lxctl":
                verbs = [w for w in words[i + 1 :] if not w.startswith("-")]
                if verbs and verbs[0] not in "|;&":
                    count += 1
                    expect(re.search(rf"\b{re.escape(verbs[0])}\b", known), f"README: {line!r}: lxctl knows no {verbs[0]}")
    expect(count, "README.md shows no lxctl command")


if __name__ == "__main__":
    main(globals())
