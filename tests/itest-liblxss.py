#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""liblxss as C programs use it: the examples, compiled and run against the real lxssd, and what the library is
from outside."""

import os
import re
import signal
import subprocess

from lxss_test import SOURCE, Command, contains, equal, everywhere, example, library, main, once, read, sentence, tiny_tar  # fmt: skip


def source(path):
    return read(os.path.join(SOURCE, path), "r")


def run(world, program, *words, **more):
    return Command([program, *words], env=world.environment(), cwd=world.work, **more)


@everywhere
def test_the_example_of_a_launch_captures_what_a_program_prints(tiny):
    capture = example(tiny, "capture")
    result = Command([capture, "cat", "/etc/marker"], env=tiny.environment(), cwd=tiny.work).finish().good()
    equal((result.text, result.said), ("tiny", "capture: 5 bytes"))
    result = Command([capture, "sh", "-c", "exit 7"], env=tiny.environment(), cwd=tiny.work).finish()
    equal(result.code, 7, "the exit code")
    sentence(Command([capture, "nothing-like-it"], env=tiny.environment(), cwd=tiny.work).finish(), "nothing-like-it", code=125)


@everywhere
def test_the_example_of_an_event_loop_runs_several_programs_at_once(tiny):
    loop = example(tiny, "event-loop", "libsystemd")
    waits, lets_go = "until [ -e /tmp/go ]; do sleep 0.01; done; exit 5", "echo >/tmp/go"
    lines = run(tiny, loop, waits, lets_go, "kill $$", "nothing-like-it 2>/dev/null").finish().good().text.splitlines()
    equal(set(lines), {f"{waits}: exit 5", f"{lets_go}: exit 0", "kill $$: Terminated", "nothing-like-it 2>/dev/null: exit 127"})


@everywhere
def test_the_example_of_an_installation_shows_its_progress(fresh):
    tiny_tar(os.path.join(fresh.work, "tiny.tar"))
    program = example(fresh, "install")
    result = run(fresh, program, "tiny.tar", "mine").finish().good()
    equal(result.text, "installed mine")
    contains(result.err.decode(), "extracting", "committing", what="what it shows")
    equal(fresh.lxctl("list", "-q").good().text, "mine")
    sentence(run(fresh, program, "tiny.tar", "mine").finish(), "mine", code=1)


@everywhere
def test_the_example_of_an_installation_is_canceled_by_a_signal(fresh):
    os.mkfifo(os.path.join(fresh.work, "endless"))
    command = run(fresh, example(fresh, "install"), "endless", "never")
    with open(os.path.join(fresh.work, "endless"), "wb"):
        command.says("preparing")
        command.send_signal(signal.SIGINT)
        result = command.finish()
    equal(result.code, 1, "the exit code")
    equal(fresh.lxctl("list", "-q").good().text, "")


@everywhere
def test_the_example_of_a_terminal_copies_what_is_drawn(debian):
    result = run(debian, example(debian, "terminal"), "sh", "-c", "stty size; tty; exit 4").finish()
    equal((result.code, result.out.split(b"\r\n")[:2]), (4, [b"24 80", b"/dev/pts/0"]))


@once
def test_its_own_names_are_exported_and_no_others(fresh):
    text = subprocess.run(["nm", "-D", "--defined-only", library()], stdout=subprocess.PIPE, check=True).stdout.decode()
    names = {line.split()[-1].partition("@")[0] for line in text.splitlines()}
    equal({name for name in names if not name.startswith(("lxss_", "lxbus_", "LXSS_"))}, set(), "foreign names")
    declared = {name for name in names if name.startswith(("lxss_", "lxbus_"))}
    equal(declared - set(re.findall(r"\.Fn (\w+)", source("man/liblxss.3"))), set(), "names without a manual")


@once
def test_the_manual_has_every_error_and_its_number(fresh):
    table = re.findall(r'X\(\w+,\s*"(\w+)",\s*(\w+),', source("shared/error.h"))
    manual = {name: number for number, names in re.findall(r"\.It Bq Er (\w+)\n(.*)\n", source("man/liblxss.3")) for name in names.split(", ")}
    equal(manual, dict(table), "the errors of the manual")


if __name__ == "__main__":
    main(globals())
