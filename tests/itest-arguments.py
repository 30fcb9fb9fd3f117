#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Arguments and environment: any bytes, up to the limits of execve(2) itself,
and what lxctl makes of its own words before the program's begin."""

import resource

from lxss_test import contains, equal, everywhere, expect, main, modes, sentence  # fmt: skip

STRING_MAX = 131072 - 1  # MAX_ARG_STRLEN without its null byte
EVERY_BYTE = bytes(range(1, 256))


def environment(world, *options, env=None, **more):
    """What the program finds, {name: value}; no name comes twice."""
    out = world.launch("env", "-0", options=options, env=env, **more).good().out
    entries = [entry.split(b"=", 1) for entry in out.split(b"\0")[:-1]]
    names = [name for name, _ in entries]
    expect(len(names) == len(set(names)), f"a variable is set twice: {names}")
    return dict(entries)


def small_stack():
    """execve(2) allows a quarter of it for arguments and environment."""
    resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))


# ------------------------------------------------------------------------ bytes


@everywhere
def test_every_byte_passes_in_an_argument_and_in_a_variable(debian):
    debian.hold()
    words = [EVERY_BYTE, EVERY_BYTE[::-1], *(bytes([b]) for b in EVERY_BYTE)]
    equal(debian.launch("printf", "%s\\0", *words).good().out.split(b"\0")[:-1], words, "the arguments")
    found = environment(debian, "-e", b"X=" + EVERY_BYTE, "-e", "Y", env={"Y": EVERY_BYTE[::-1]})
    equal(found[b"X"], EVERY_BYTE, "the variable that -e sets")
    equal(found[b"Y"], EVERY_BYTE[::-1], "the variable that -e passes on")


def test_names_of_variables_may_be_odd(debian):
    found = environment(debian, "-e", "a b\n=1", "-e", b"\xff=2", "-e", "x.y=a=b=", "-e", "TERM=")
    equal([found.get(name) for name in (b"a b\n", b"\xff", b"x.y", b"TERM")], [b"1", b"2", b"a=b=", b""], "the values")


@everywhere
def test_empty_arguments_stay_where_they_are(debian):
    """WSL's ExecEmptyArg."""
    debian.hold()
    equal(debian.launch("echo", "foo", "", "bar").good().out, b"foo  bar\n", "the output")
    for words in ([""], ["", ""], ["", "a", ""]):
        result = debian.launch("sh", "-c", 'printf "%s " $#; printf "[%s]" "$@"', "sh", *words).good()
        equal(result.text, f"{len(words)} " + "".join(f"[{w}]" for w in words), f"the arguments {words}")


def test_the_name_of_the_program_is_the_word_that_was_typed(debian):
    equal(debian.launch("sh", "-c", "tr '\\0' ' ' </proc/$$/cmdline").good().text.split()[0], "sh", "argv[0]")
    equal(debian.launch("/bin/sh", "-c", "echo $0").good().text, "/bin/sh", "argv[0]")


# ----------------------------------------------------------------------- limits


@everywhere
def test_the_longest_argument_and_variable_that_the_kernel_takes_pass(debian):
    debian.hold()
    word = "x" * STRING_MAX
    equal(len(debian.launch("printf", "%s", word).good().out), STRING_MAX, "the length of the argument")
    value = "y" * (STRING_MAX - len("X="))
    equal(environment(debian, "-e", f"X={value}")[b"X"], value.encode(), "the variable")


@everywhere
def test_as_many_arguments_pass_as_execve_takes(debian):
    """All that the host lets lxctl have, but for the difference of the two environments."""
    debian.hold()
    room = (2 << 20) - 16384
    for word in ("", "z" * 50, "w" * 100000):
        count = room // (len(word) + 1 + 8)  # the bytes and the pointer
        result = debian.launch("sh", "-c", 'echo $# "${#1}"', "sh", *[word] * count, preexec_fn=small_stack).good()
        equal(result.text, f"{count} {len(word)}", f"number and length of words of {len(word)} bytes")


def test_as_many_variables_pass_as_execve_takes(debian):
    count = 9000
    given = {f"VARIABLE_{i}": "v" * 100 for i in range(count)}
    options = [word for name in given for word in ("-e", name)]
    found = environment(debian, *options, env=given, preexec_fn=small_stack)
    equal(sum(name.startswith(b"VARIABLE_") for name in found), count, "the number of variables")


@everywhere
def test_more_than_execve_takes_is_said_and_ends_with_126(debian):
    debian.hold()
    half = "x" * (STRING_MAX // 2)
    for words in ([half, half, half], ["true", half, half]):
        sentence(debian.launch(*words, options=["-s"]), "too long", code=126)
    grows = {f"P{i}": "/:" * 10000 for i in range(60)}  # each path becomes ten bytes longer
    names = ":".join(f"{name}/l" for name in grows)
    result = debian.launch("true", env={**grows, "LXENV": names}, preexec_fn=small_stack)
    sentence(result, "true", "too long", code=126)
    debian.launch("true").good()


@modes("root")  # who may take memory from /init
def test_arguments_for_which_init_has_no_memory_are_an_error(debian):
    debian.hold()
    leader = debian.leader()
    with open(f"/proc/{leader}/statm") as file:
        pages = int(file.read().split()[0])
    before = resource.prlimit(leader, resource.RLIMIT_AS)
    resource.prlimit(leader, resource.RLIMIT_AS, (pages * resource.getpagesize() + (256 << 10), before[1]))
    words = ["x" * 100000] * 10
    sentence(debian.launch("true", *words, preexec_fn=small_stack), "Cannot allocate memory", code=125)
    resource.prlimit(leader, resource.RLIMIT_AS, before)
    debian.launch("true", *words, preexec_fn=small_stack).good()


def test_a_caller_on_the_bus_learns_what_is_too_long_too(debian):
    bus = debian.awake()
    try:
        bus.launch("debian", [b"true", b"x" * (STRING_MAX + 1)])
    except bus.dbus.DBusException as error:
        equal(error.get_dbus_name(), "org.lxss.Error.ArgumentsTooLong", "the error")
        contains(str(error), "true", "too long", what="the error")
    else:
        raise AssertionError("an argument of 128 KiB was taken")


# ---------------------------------------------------------------- the shell's words


@everywhere
def test_the_words_of_s_are_the_shells_and_others_are_not(debian):
    """WSL's CommandLineParsing."""
    debian.hold()
    user = debian.launch("id", "-un").good().text
    for words, direct, shell in (
        (["a  b"], "[a  b]", "[a][b]"),
        (['"a  b"'], '["a  b"]', "[a  b]"),
        (["'$USER'"], "['$USER']", "[$USER]"),
        (["$USER"], "[$USER]", f"[{user}]"),
        (['"$USER"', "x"], '["$USER"][x]', f"[{user}][x]"),
        (['""', "x"], '[""][x]', "[][x]"),
        (["", "x"], "[][x]", "[x]"),
        (["a\\ b"], "[a\\ b]", "[a b]"),
        (["a;", "printf", "%s", "b"], "[a;][printf][%s][b]", "[a]b"),
        (["$((6*7))"], "[$((6*7))]", "[42]"),
    ):
        equal(debian.launch("printf", "[%s]", *words).good().text, direct, f"{words} without -s")
        equal(debian.launch("printf", "'[%s]'", *words, options=["-s"]).good().text, shell, f"{words} with -s")


# ------------------------------------------------------------------------- LXENV


@everywhere
def test_lxenv_may_be_empty_and_may_repeat_itself(debian):
    debian.hold()
    caller = {"A": "/etc", "B": "/etc:rel:/usr", "EMPTY": ""}
    for lxenv, wanted in (
        ("", {}), (":", {}), ("/p", {}), (":::A:", {b"A": b"/etc"}), ("EMPTY", {b"EMPTY": b""}),
        ("EMPTY/p:EMPTY/l", {b"EMPTY": b""}), ("NOT_SET", {b"NOT_SET": b""}), ("A:A:A", {b"A": b"/etc"}),
        ("A:A/p", {b"A": b"/mnt/host/etc"}), ("A/p:A", {b"A": b"/etc"}), ("A/p:A/w", {b"A": b"/mnt/host/etc"}),
        ("A/pu", {b"A": b"/mnt/host/etc"}), ("A/up", {b"A": b"/mnt/host/etc"}), ("A/pw", {}), ("A/uwp", {b"A": b"/mnt/host/etc"}),
        ("A/", {b"A": b"/etc"}), ("A/pp", {b"A": b"/mnt/host/etc"}), ("A/P", {}), ("A/p/l", {}),
        ("B/p", {b"B": b"/mnt/host/etc:rel:/usr"}), ("B/pl", {b"B": b"/mnt/host/etc:rel:/mnt/host/usr"}),
    ):  # fmt: skip
        found = environment(debian, env={**caller, "LXENV": lxenv})
        equal(found.pop(b"LXENV"), lxenv.encode(), "LXENV itself")
        equal({n: v for n, v in found.items() if n in (b"A", b"B", b"EMPTY", b"NOT_SET", b"")}, wanted, f"LXENV={lxenv}")


def test_e_goes_over_lxenv(debian):
    found = environment(debian, "-e", "A=mine", "-e", "B", env={"A": "/etc", "B": "/usr", "LXENV": "A/p:B/p"})
    equal((found[b"A"], found[b"B"]), (b"mine", b"/usr"), "A and B")


# --------------------------------------------------------------- lxctl's own words


@everywhere
def test_what_is_wrong_with_lxctls_own_words_is_said_exactly(tiny):
    """WSL's InnerCommandLineParsing."""
    for words, text in (
        (["-u"], "Option -u needs USER."), (["--user"], "Option --user needs USER."),
        (["-abc"], "There is no option -a."), (["-sXtrue"], "There is no option -X."), (["-d"], "Option -d needs NAME."),
        (["-e"], "Option -e needs VAR[=VALUE]."), (["--fd"], "Option --fd needs N."), (["-C"], "Option -C needs DIR."),
        (["--shell=x"], "Option --shell takes no value."), (["-e", "=x"], '"=x" is not of the form VAR or VAR=VALUE.'),
        (["---"], "There is no option ---."), (["--fd", "two"], '"two" is not the number of a descriptor.'),
        (["--linger=-1"], '"-1" is not a number of seconds.'),
    ):  # fmt: skip
        result = tiny.lxctl("launch", *words)
        equal(result.code, 125, f"the exit code of launch {words}")
        contains(result.err, text, what=f"what launch {words} says")
        expect(len(result.said.splitlines()) <= 2, f"launch {words} says {result.said!r}")


def test_a_dash_alone_is_a_program_and_two_end_the_options(tiny):
    sentence(tiny.lxctl("launch", "-d", "tiny", "-"), "-", code=127)
    sentence(tiny.lxctl("launch", "-d", "tiny", "--", "-abc"), "-abc", code=127)
    sentence(tiny.lxctl("launch", "-d", "tiny", "--", "--"), "--", code=127)
    equal(tiny.lxctl("launch", "-Td", "tiny", "echo", "-d", "-").good().text, "-d -", "the words behind the program")
    equal(tiny.lxctl("launch", "-sdtiny", "--", "echo", "$0").good().text, "sh", "clustered options")


if __name__ == "__main__":
    main(globals())
