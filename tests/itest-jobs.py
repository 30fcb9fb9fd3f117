#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Job control: lxctl stops, continues and keeps to the background as any
program does, and a shell inside does the same with programs of its own."""

import os
import signal
import termios

from lxss_terminal import Terminal, closes_terminals, on_terminal, size_of
from lxss_test import equal, everywhere, expect, in_foreground, main, processes_saying, program, program_of, read, wait_for  # fmt: skip


@closes_terminals
def test_ctrl_z_stops_the_job_and_fg_brings_it_back(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; exec cat")
    terminal.sees("ready")
    terminal.types("one\n")
    terminal.sees("one\r\none\r\n")
    for _ in range(3):
        terminal.types(b"\x1a")
        terminal.state(rb"stopped (\d+)")
        terminal.unchanged()
        terminal.foreground()
        wait_for("lxctl has the terminal again", terminal.is_raw)
        terminal.types("two\n")
        terminal.sees("two\r\ntwo\r\n")
    terminal.types(b"\x04")
    terminal.ends(0)


@closes_terminals
def test_a_stopped_job_can_be_killed(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; exec sleep 24680")
    terminal.sees("ready")
    terminal.types(b"\x1a")
    terminal.state(rb"stopped (\d+)")
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.foreground()
    terminal.state(rb"ended -9")
    wait_for("the program is gone", lambda: not processes_saying("sleep 24680"))


@closes_terminals
def test_a_window_resized_while_stopped_has_its_size_after_fg(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; read x; stty size")
    terminal.sees("ready")
    terminal.types(b"\x1a")
    terminal.state(rb"stopped (\d+)")
    terminal.resize(20, 60)
    terminal.foreground()
    wait_for("lxctl has the terminal again", terminal.is_raw)
    wait_for("the size arrives", lambda: size_of(debian, terminal) == "20 60")
    terminal.types("\n")
    terminal.sees("20 60\r\n")
    terminal.ends(0)


@closes_terminals
def test_a_shell_inside_controls_its_own_jobs(debian):
    terminal = on_terminal(debian, "bash", "--norc", "--noprofile", "-i", options=["-e", "PS1=<prompt>"])
    terminal.sees("<prompt>")
    expect(b"no job control" not in terminal.seen, "the shell has no job control")
    terminal.types("sleep 1000 | cat\n")
    terminal.sees(r"cat\r\n")
    wait_for("the pipeline runs", lambda: processes_saying("sleep 1000"))
    terminal.types(b"\x03")
    terminal.sees("<prompt>")
    terminal.types("sleep 2000; echo over\n")
    wait_for("sleep runs", lambda: processes_saying("sleep 2000"))
    terminal.types(b"\x1a")
    terminal.sees("Stopped")
    terminal.sees("<prompt>")
    terminal.types("fg\n")
    terminal.sees("sleep 2000")
    wait_for("sleep is in the foreground", lambda: in_foreground("sleep 2000"))
    terminal.types(b"\x03")
    terminal.sees("<prompt>")
    terminal.types("suspend -f\n")
    terminal.state(rb"stopped (\d+)")
    terminal.foreground()
    terminal.types("echo a\"\"live\n")
    terminal.sees("alive")
    terminal.types("exit 9\n")
    terminal.ends(9)


@closes_terminals
def test_programs_in_the_background_of_a_shell_end_with_it(debian):
    terminal = on_terminal(debian, "bash", "--norc", "--noprofile", "-i", options=["-e", "PS1=<prompt>"])
    terminal.sees("<prompt>")
    terminal.types("sleep 13579 &\n")
    wait_for("the background job runs", lambda: processes_saying("sleep 13579"))
    terminal.types("exit\n")
    terminal.ends(0)
    wait_for("the background job is gone", lambda: not processes_saying("sleep 13579"))


@closes_terminals
def test_modes_that_nobody_would_guess_are_there_while_the_job_is_stopped(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; read odd; exit 0", odd=True)
    terminal.sees("ready")
    for _ in range(2):
        wait_for("lxctl has the terminal", terminal.is_raw)
        wait_for("the program goes on", lambda: in_foreground("read odd"))
        terminal.types(b"\x1a")
        terminal.state(rb"stopped (\d+)")
        terminal.unchanged()
        terminal.foreground()
    wait_for("lxctl has the terminal again", terminal.is_raw)
    terminal.types(b"\x04")
    terminal.ends(0)


@closes_terminals
def test_modes_set_while_the_job_was_stopped_are_kept(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; exec cat")
    terminal.sees("ready")
    terminal.types(b"\x1a")
    terminal.state(rb"stopped (\d+)")
    terminal.make_odd()
    terminal.before = termios.tcgetattr(terminal.slave)
    terminal.foreground()
    wait_for("lxctl has the terminal again", terminal.is_raw)
    terminal.types(b"\x04")
    terminal.ends(0)


@closes_terminals
def test_a_job_in_the_background_runs_and_writes_and_leaves_the_terminal_alone(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo one; stty size; echo two >&2; exit 6", background=True)
    terminal.sees(r"one\s+33 101\s+two\s")
    terminal.ends(6)
    terminal = on_terminal(debian, "sh", "-c", "echo ready; until [ -e /tmp/go ]; do sleep 0.05; done; echo done", background=True)
    terminal.sees("ready")
    terminal.unchanged()
    terminal.types("for the shell\n")
    debian.launch("touch", "/tmp/go").good()
    terminal.sees("done")
    terminal.ends(0)
    equal(os.read(terminal.slave, 100), b"for the shell\n", "what was typed meanwhile")


@closes_terminals
def test_a_job_in_the_background_that_reads_the_terminal_is_stopped_until_fg(debian):
    terminal = on_terminal(debian, "sh", "-c", "echo ready; read x; echo read $x", background=True)
    terminal.sees("ready")
    equal(int(terminal.state(rb"stopped (\d+)").group(1)), signal.SIGTTIN, "the signal that stopped the job")
    terminal.unchanged()
    terminal.foreground()
    wait_for("lxctl has the terminal", terminal.is_raw)
    terminal.types("word\n")
    terminal.sees("read word")
    terminal.ends(0)


@closes_terminals
def test_a_job_that_was_sent_to_the_background_is_stopped_when_it_reads(debian):
    script = "echo ready; read x; echo first $x; read y; echo second $y"
    terminal = on_terminal(debian, "sh", "-c", script)
    terminal.sees("ready")
    os.kill(terminal.pid, signal.SIGTSTP)
    terminal.state(b"stopped")
    terminal.go_on_in_the_background()
    equal(int(terminal.state(rb"stopped (\d+)").group(1)), signal.SIGTTIN, "the signal that stopped the job")
    terminal.foreground()
    terminal.types("one\n")
    terminal.sees("first one")
    terminal.types("two\n")
    terminal.sees("second two")
    terminal.ends(0)


def states(mark):
    """Of the programs that say mark, lxctl aside: their states (proc(5))."""
    lines = [read(f"/proc/{pid}/stat") for pid in processes_saying(mark) if program_of(pid) == "sleep"]
    return {line[line.rindex(b")") + 2 :][:1] for line in lines if line}


@everywhere
@closes_terminals
def test_a_shell_of_the_host_controls_lxctl_as_any_job(debian):
    """Bash with lxctl alone, in a pipeline and in the background."""
    debian.hold()
    terminal = Terminal(debian, command=["/bin/bash", "--norc", "--noprofile", "-i"], env={"PS1": "<prompt>"})
    launch = f"{program('lxctl')} launch -d debian --"
    terminal.sees("<prompt>")
    for tail in ("", " | cat"):
        terminal.types(f"{launch} sh -c 'echo run\"\"ning; exec sleep 97531'{tail}\n")
        terminal.sees("running")
        wait_for("the program runs", lambda: states("sleep 97531") == {b"S"})
        terminal.types(b"\x1a")
        terminal.sees("Stopped")
        terminal.sees("<prompt>")
        wait_for("the program is stopped", lambda: states("sleep 97531") == {b"T"})
        terminal.types("bg\n")
        wait_for("the program goes on in the background", lambda: states("sleep 97531") == {b"S"})
        terminal.sees("<prompt>")
        terminal.types("jobs\n")
        terminal.sees("Running")
        terminal.sees("<prompt>")
        terminal.types("fg\n")
        terminal.sees("sleep 97531")
        wait_for("the job has the terminal", lambda: os.tcgetpgrp(terminal.master) != terminal.pid)  # bash says it before
        if not tail:  # in a pipeline the terminal's modes are not lxctl's to change
            wait_for("lxctl has the terminal", terminal.is_raw)
        terminal.types(b"\x03")
        terminal.sees("<prompt>")
        wait_for("the program is gone", lambda: not states("sleep 97531"))
    terminal.types(f"{launch} sh -c 'exit 7'; echo code $?, ; {launch} sh -c 'kill -TERM $$'; echo code $?,\n")
    terminal.sees("code 7,")
    terminal.sees("code 143,")
    terminal.sees("<prompt>")
    terminal.types(f"{launch} sleep 97532 & sleep 0\n")
    wait_for("the program runs in the background", lambda: states("sleep 97532") == {b"S"})
    terminal.sees("<prompt>")
    terminal.types("kill %1; wait %1; echo code $?,\n")
    terminal.sees("code 143,")
    terminal.types("exit 4\n")
    terminal.ends(4)


if __name__ == "__main__":
    main(globals())
