#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Launching programs: a program cannot tell that it was launched remotely.

Exit codes, descriptors, bytes, environment, users, directories and what is
said about a program that cannot run. Terminals are in itest-terminal."""

import fcntl
import hashlib
import os
import pwd
import random
import resource
import signal
import socket
import struct
import subprocess

from lxss_test import (
    Command, Skip, contains, equal, everywhere, expect, main, modes,
    processes_saying, read, sentence, wait_for,
)  # fmt: skip

AARCH64 = 183
I386 = 3


def elf(machine, bits=64, interpreter=None):
    """The smallest ELF executable that the kernel would look at: a header, a
    PT_LOAD and where asked for a PT_INTERP."""
    headers = 1 + (interpreter is not None)
    if bits == 64:
        size, entry, ident = 64, 56, b"\x7fELF\x02\x01\x01"
        head = struct.pack("<16sHHIQQQIHHHHHH", ident, 2, machine, 1, 0x400078, 64, 0, 0, 64, 56, headers, 0, 0, 0)
    else:
        size, entry, ident = 52, 32, b"\x7fELF\x01\x01\x01"
        head = struct.pack("<16sHHIIIIIHHHHHH", ident, 2, machine, 1, 0x400054, 52, 0, 0, 52, 32, headers, 0, 0, 0)
    tail = (interpreter + b"\0") if interpreter else b""
    start = size + entry * headers
    total = start + len(tail) + 16

    def segment(kind, offset, length, flags):
        address = 0x400000 + offset
        if bits == 64:
            return struct.pack("<IIQQQQQQ", kind, flags, offset, address, address, length, length, 0x1000 if kind == 1 else 1)
        return struct.pack("<IIIIIIII", kind, offset, address, address, length, length, flags, 0x1000 if kind == 1 else 1)

    table = b""
    if interpreter:
        table += segment(3, start, len(tail), 4)
    table += segment(1, 0, total, 5)
    return head + table + tail + b"\xf4" * 16


# ------------------------------------------------------------------ exit codes


@everywhere
def test_the_exit_code_is_the_programs(debian):
    debian.hold()
    for code in (0, 1, 2, 3, 42, 64, 67, 77, 100, 124, 125, 126, 127, 128, 129, 130, 137, 254, 255):
        debian.launch("sh", "-c", f"exit {code}").good(code)


@everywhere
def test_lxctl_dies_of_the_signal_that_killed_the_program(debian):
    debian.hold()
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    for number in (1, 2, 3, 6, 9, 10, 11, 13, 14, 15, 24, 31, 34, 40):
        result = debian.launch("sh", "-c", f"kill -{number} $$")
        equal(result.code, -number, f"the exit of lxctl after signal {number} ({result.said})")


def test_a_signal_to_lxctl_reaches_the_program(debian):
    debian.hold()
    for name in ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2"):
        script = f'$| = 1; $SIG{{{name}}} = sub {{ print "got {name}"; exit 9 }}; print "ready"; sleep 1 while 1'
        command = debian.client("perl", "-e", script)
        command.send_signal(getattr(signal, f"SIG{name}"))
        result = command.finish()
        equal((result.code, result.text), (9, f"readygot {name}"), f"the end after SIG{name}")


def test_a_signal_that_the_program_does_not_handle_ends_both(debian):
    debian.hold()
    for name in ("INT", "TERM", "HUP", "USR1"):
        command = debian.client("sh", "-c", "echo ready; exec sleep 1000")
        command.send_signal(getattr(signal, f"SIG{name}"))
        equal(command.finish().code, -getattr(signal, f"SIG{name}"), f"lxctl's end after SIG{name}")


def test_stop_and_continue_reach_the_program(debian):
    debian.hold()
    mark = f"stopped{os.getpid()}"
    # In a group of its own, as a shell's job: the kernel lets nothing stop that nobody could continue.
    command = debian.client("perl", "-e", '$| = 1; print "ready"; sleep 1 while 1', mark, process_group=0)
    pid = wait_for("the program runs", lambda: [p for p in processes_saying(mark) if p != command.pid])[-1]
    command.send_signal(signal.SIGTSTP)

    def state(wanted):
        line = read(f"/proc/{pid}/stat")
        return line and line[line.rindex(b")") + 2 : line.rindex(b")") + 3] in wanted

    wait_for("the program stops", lambda: state(b"T"))
    command.send_signal(signal.SIGCONT)
    wait_for("the program goes on", lambda: state(b"SR"))
    command.send_signal(signal.SIGTERM)
    equal(command.finish().code, -15)


@everywhere
def test_who_is_continued_at_once_goes_on(debian):
    debian.hold()
    command = debian.client("sh", "-c", "echo ready; while read line; do echo $line; done", process_group=0)
    for i in range(100):
        command.send_signal(signal.SIGTSTP)
        command.send_signal(signal.SIGCONT)
        command.stdin.write(b"%d\n" % i)
        command.stdin.flush()
        command.reads(f"{i}\n")
    command.stdin.close()
    command.stdin = None
    command.finish().good()


@everywhere
def test_two_hundred_parallel_launches_return_two_hundred_right_exit_codes(debian):
    commands = [debian.start_launch("sh", "-c", f"exit {i}") for i in range(200)]
    wrong = []
    for i, command in enumerate(commands):
        result = command.finish(seconds=300)
        if result.code != i:
            wrong.append(f"{i} returned {result.code} ({result.said})")
    expect(not wrong, f"{len(wrong)} of 200 were wrong: " + "; ".join(wrong[:5]))


def test_lxctl_ends_with_its_program_though_a_child_keeps_the_pipe(debian):
    debian.hold()
    # It must be in a session of its own before its parent ends: what is in the program's group is hung up.
    script = 'setsid sh -c "echo >$0; exec sleep 1234567" & until [ -s "$0" ]; do sleep 0.01; done; exit 5'
    command = debian.start_launch("sh", "-c", script, "/tmp/child-is-up")
    equal(command.ended(), 5, "the exit code")
    expect(processes_saying("sleep 1234567"), "the child is gone although the instance is held")


def test_lxctl_ends_with_its_program_though_stdin_stays_open(debian):
    command = debian.start_launch("true", stdin=subprocess.PIPE)
    equal(command.ended(), 0, "the exit code")


def test_a_program_killed_from_inside_takes_its_lxctl_along(debian):
    debian.hold()
    command = debian.client("sh", "-c", "echo ready; exec sleep 7654321")
    debian.launch("pkill", "-KILL", "-f", "sleep 7654321$").good()  # before exec or after it
    equal(command.finish().code, -9)


# ----------------------------------------------------------------- descriptors


@everywhere
def test_megabytes_pass_through_pipes_unchanged(debian):
    data = random.randbytes(8 << 20)
    result = debian.launch("cat", input=data).good()
    equal(hashlib.sha256(result.out).hexdigest(), hashlib.sha256(data).hexdigest(), "the digest of stdout")
    equal(result.err, b"", "stderr")


def test_stderr_is_a_stream_of_its_own(debian):
    data = random.randbytes(2 << 20)
    result = debian.launch("sh", "-c", "echo out; exec cat >&2", input=data).good()
    equal(result.out, b"out\n", "stdout")
    equal(hashlib.sha256(result.err).hexdigest(), hashlib.sha256(data).hexdigest(), "the digest of stderr")


def test_host_and_instance_programs_form_a_pipeline(debian):
    data = b"".join(b"%d whois\n" % i if i % 3 == 0 else b"%d\n" % i for i in range(200000))
    first = Command(["cat"], stdin=subprocess.PIPE)
    middle = debian.start_launch("grep", "whois", stdin=first.stdout)
    last = Command(["wc", "-l"], stdin=middle.stdout)
    first.stdout.close()
    middle.stdout.close()
    first.stdin.write(data)
    first.stdin.close()
    equal(last.finish().text, "66667", "the number of lines")
    equal((first.ended(), middle.ended()), (0, 0), "the exit codes")
    first.stdout = middle.stdout = first.stdin = None


def test_a_closed_reader_ends_the_program_with_sigpipe(debian):
    command = debian.start_launch("yes")
    command.reads("y")
    command.stdout.close()
    command.stdout = None
    equal(command.ended(), -signal.SIGPIPE, "the exit of lxctl")


def test_stdio_are_the_very_same_descriptors(debian):
    read_end, write_end = os.pipe()
    command = debian.start_launch(
        "sh", "-c", "stat -L -c %d:%i /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 >&1; readlink /proc/self/fd/1",
        stdin=open("/etc/passwd"), stdout=write_end, stderr=subprocess.PIPE,
    )  # fmt: skip
    wanted = []
    for descriptor in (os.stat("/etc/passwd"), os.fstat(write_end), os.fstat(command.stderr.fileno())):
        wanted.append(f"{descriptor.st_dev}:{descriptor.st_ino}")
    wanted.append(f"pipe:[{os.fstat(write_end).st_ino}]")
    os.close(write_end)
    command.finish().good()
    with open(read_end) as stream:
        equal(stream.read().split(), wanted, "device:inode of stdin, stdout and stderr")


@everywhere
def test_closed_descriptors_stay_closed(debian):
    script = "r=; for i in 0 1 2; do [ -e /proc/$$/fd/$i ] && r=$r$i; done; echo open:$r >~/open"
    for closed in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):

        def close():
            for number in closed:
                os.close(number)

        debian.launch("sh", "-c", script, preexec_fn=close).good()
        found = debian.launch("cat", "open", options=["-C", "~"]).good().text
        equal(found, "open:" + "".join(str(n) for n in range(3) if n not in closed), f"what is open where {closed} are not")


def test_a_socket_as_stdio_is_the_same_socket(debian):
    ours, theirs = socket.socketpair()
    command = debian.start_launch("sh", "-c", "readlink /proc/self/fd/0; exec cat", stdin=theirs, stdout=theirs)
    inode = os.fstat(theirs.fileno()).st_ino
    theirs.close()
    ours.sendall(b"hello")
    ours.shutdown(socket.SHUT_WR)
    command.finish().good()
    equal(ours.recv(1000, socket.MSG_WAITALL), f"socket:[{inode}]\nhello".encode(), "what came back")
    ours.close()


def test_lxctl_takes_nothing_from_the_programs_stdin(debian):
    path = os.path.join(debian.work, "lines")
    with open(path, "w+") as file:
        file.write("one\ntwo\n")
        file.flush()
        file.seek(0)
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        debian.launch("true", stdin=file).good()
        equal(os.lseek(file.fileno(), 0, os.SEEK_CUR), 0, "the offset after a program that reads nothing")
        equal(debian.launch("sh", "-c", "read x; echo $x", stdin=file).good().text, "one", "the first line")
        equal(os.lseek(file.fileno(), 0, os.SEEK_CUR), 4, "the offset after a program that read a line")


def test_output_is_appended_where_the_caller_appends(debian):
    path = os.path.join(debian.work, "appended")
    with open(path, "w") as file:
        file.write("first\n")
    with open(path, "a") as file:
        debian.launch("sh", "-c", "echo second; echo third", stdout=file).good()
    equal(read(path), b"first\nsecond\nthird\n", "the file")


def test_dev_null_as_all_three_works(debian):
    null = subprocess.DEVNULL
    equal(debian.start_launch("sh", "-c", "cat; echo x; exit 3", stdin=null, stdout=null, stderr=null).ended(), 3)


def at_number(fd, least):
    """A copy of fd, inheritable, at a number of at least this."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD, least)


def test_fd_passes_a_pipe_under_its_own_number(debian):
    read_end, write_end = os.pipe()
    number = at_number(write_end, 30)
    os.close(write_end)
    command = debian.start_launch(
        "sh", "-c", f"bash -c 'echo through the pipe >&{number}'", options=["--fd", str(number)], pass_fds=[number]
    )
    os.close(number)
    command.finish().good()
    with open(read_end) as stream:
        equal(stream.read(), "through the pipe\n", "what came through")


def test_fd_passes_a_file_with_its_offset_and_flags(debian):
    path = os.path.join(debian.work, "offset")
    with open(path, "wb") as file:
        file.write(b"skip this, read this")
    reading = at_number(os.open(path, os.O_RDONLY), 30)
    os.lseek(reading, 11, os.SEEK_SET)
    appending = at_number(os.open(path, os.O_WRONLY | os.O_APPEND), 40)
    options = ["--fd", str(reading), "--fd", str(appending)]
    script = f'cat <&{reading}; echo ", more" >&{appending}'
    result = debian.launch("bash", "-c", script, options=options, pass_fds=[reading, appending]).good()
    equal(result.out, b"read this", "what was read from the offset on")
    equal(read(path), b"skip this, read this, more\n", "the file after an append")
    equal(os.lseek(reading, 0, os.SEEK_CUR), 20, "our own offset, which is the program's too")
    os.close(reading)
    os.close(appending)


def test_fd_passes_a_directory(debian):
    folder = os.path.join(debian.work, "folder")
    os.mkdir(folder)
    os.chmod(folder, 0o755)
    open(os.path.join(folder, "a-file-in-it"), "w").close()
    number = at_number(os.open(folder, os.O_RDONLY | os.O_DIRECTORY), 30)
    result = debian.launch("ls", f"/proc/self/fd/{number}/", options=["--fd", str(number)], pass_fds=[number])
    equal(result.good().text, "a-file-in-it", "the listing")
    os.close(number)


def test_fd_that_is_not_open_is_refused(debian):
    sentence(debian.launch("true", options=["--fd", "77"]), "77", code=125)
    for word in ("x", "-1", "", "4294967296", "1x"):
        sentence(debian.launch("true", options=[f"--fd={word}"]), code=125)


@everywhere
def test_no_descriptor_leaks_into_the_program(debian):
    extra = at_number(os.open("/", os.O_RDONLY), 50)
    for argv in (["ls", "/proc/self/fd"], ["sh", "-c", "exec ls /proc/self/fd"]):
        result = debian.launch(*argv, pass_fds=[extra]).good()
        equal(result.text.split(), ["0", "1", "2", "3"], "the descriptors of ls (3 is its own)")
    os.close(extra)


# ---------------------------------------------------------- arguments and bytes


@everywhere
def test_arguments_arrive_as_they_were_given(debian):
    words = ["a", "", "b c", "", "*", "$HOME", "\\", "'", '"', "\n", "-", "--", "-x", "é", "\U0001f427"]
    result = debian.launch("printf", "[%s]", *words).good()
    equal(result.out, "".join(f"[{w}]" for w in words).encode(), "the arguments")


def test_arguments_need_not_be_utf8(debian):
    word = bytes(b for b in range(1, 256))
    equal(debian.launch("printf", "%s", word).good().out, word, "the argument")


def test_options_of_the_program_are_not_lxctls(debian):
    result = debian.lxctl("launch", "-d", "debian", "echo", "-d", "x", "--help", "--", "-u").good()
    equal(result.text, "-d x --help -- -u", "the words")


def test_long_arguments_pass(debian):
    word = "x" * 131000
    equal(len(debian.launch("printf", "%s", word).good().out), 131000, "the length of one argument")
    many = ["y" * 100] * 10000
    equal(debian.launch("sh", "-c", "echo $#", "sh", *many).good().text, "10000", "the number of arguments")


def test_the_environment_is_a_login_with_what_was_asked_for(debian):
    secret = {"SECRET": "hidden", "LD_LIBRARY_PATH": None, "LANG": "C.UTF-8", "TERM": "vt220"}
    result = debian.launch("env", "-0", env=secret).good()
    found = dict(item.split(b"=", 1) for item in result.out.split(b"\0") if item)
    for name in (b"HOME", b"USER", b"LOGNAME", b"SHELL", b"PATH"):
        expect(found.get(name), f"{name.decode()} is not set: {show_names(found)}")
    equal(found[b"USER"], found[b"LOGNAME"], "USER")
    equal(found[b"USER"].decode(), debian.launch("whoami").good().text, "USER")
    equal(found.get(b"TERM"), b"vt220", "TERM")
    equal(found.get(b"LANG"), b"C.UTF-8", "LANG")
    expect(found[b"HOME"].startswith(b"/"), "HOME is no path")
    expect(b"/usr/bin" in found[b"PATH"].split(b":"), f"PATH is {found[b'PATH']!r}")
    for name in found:
        expect(
            name != b"SECRET" and not name.startswith(b"LXSS_TEST") and not name.startswith(b"XDG_DATA")
            and name not in (b"LXSS_LIBEXEC_DIR", b"LXSS_DATA_DIR", b"LXSS_RUNTIME_DIR", b"LXSS_CONFIG_FILE"),
            f"{name.decode()} of the caller leaked into the program",
        )  # fmt: skip


def show_names(environment):
    return " ".join(sorted(name.decode("utf-8", "replace") for name in environment))


def variable(world, name, env, *options):
    """What a variable is inside, or None."""
    script = f'if [ "${{{name}+set}}" ]; then printf "=%s" "${name}"; fi'
    out = world.launch("sh", "-c", script, options=options, env=env).good().out
    return out[1:] if out else None


def test_e_sets_a_variable_or_passes_the_callers(debian):
    debian.hold()
    equal(variable(debian, "X", {}, "-e", "X=a b=c"), b"a b=c", "-e X=VALUE")
    equal(variable(debian, "X", {}, "-eX=1", "-e", "X=2"), b"2", "the last of two -e")
    equal(variable(debian, "X", {}, "-e", "X="), b"", "-e X=")
    equal(variable(debian, "X", {"X": "mine"}, "-e", "X"), b"mine", "-e X")
    equal(variable(debian, "X", {"X": "mine"}), None, "X without -e")
    equal(variable(debian, "X", {}, "-e", b"X=\xff\xfe\n"), b"\xff\xfe\n", "bytes that are not UTF-8")
    sentence(debian.launch("true", options=["-e", "=x"]), code=125)


def test_lxenv_passes_variables_by_wslenvs_rules(debian):
    debian.hold()
    caller = {"A": "/etc", "B": "/etc:/usr", "C": "c", "D": "d"}
    equal(variable(debian, "C", {**caller, "LXENV": "C"}), b"c", "C of LXENV=C")
    equal(variable(debian, "D", {**caller, "LXENV": "C:D/u"}), b"d", "D of LXENV=C:D/u")
    equal(variable(debian, "C", {**caller, "LXENV": "C/w"}), None, "C of LXENV=C/w, which goes outwards only")
    equal(variable(debian, "A", {**caller, "LXENV": "A/p"}), b"/mnt/host/etc", "a path")
    equal(variable(debian, "B", {**caller, "LXENV": "B/l"}), b"/mnt/host/etc:/mnt/host/usr", "a list of paths")
    equal(variable(debian, "A", {**caller, "LXENV": "C"}), None, "what LXENV does not list")
    equal(variable(debian, "C", {**caller, "LXENV": "C/z"}), None, "an entry with an unknown flag")
    equal(variable(debian, "LXENV", {**caller, "LXENV": "C"}), b"C", "LXENV itself")


# ------------------------------------------------------------ shells and users


@everywhere
def test_without_a_program_it_is_a_login_shell(debian):
    result = debian.lxctl("launch", "-d", "debian", input=b'echo "$0"; exit 7\n')
    equal(result.code, 7, f"the exit code ({result.said})")
    expect(result.text.startswith("-"), f"the shell is called {result.text!r}, which is no login shell")


def test_s_gives_the_words_to_the_shell(debian):
    result = debian.lxctl("launch", "-d", "debian", "-s", "--", "echo", "$HOME", "|", "cat;", "exit", "4")
    equal(result.code, 4, f"the exit code ({result.said})")
    expect(result.text.startswith("/"), f"the shell printed {result.text!r}")


def test_u_chooses_the_user(debian):
    debian.hold()
    for user in ("root", "0"):
        result = debian.launch("sh", "-c", "id -u; id -g; whoami; echo $HOME", options=["-u", user]).good()
        equal(result.text.split(), ["0", "0", "root", "/root"], f"-u {user}")
    default = debian.launch("whoami").good().text
    number = debian.launch("id", "-u").good().text
    for user in (default, number):
        equal(debian.launch("whoami", options=["-u", user]).good().text, default, f"whoami with -u {user}")


def test_an_unknown_user_is_refused_with_a_sentence(debian):
    debian.hold()
    sentence(debian.launch("true", options=["-u", "nosuchperson"]), "nosuchperson", code=125)
    for user in ("rootx", "roo", "-1", "+0", "01", "0x0", "1x", " 0", "4294967295", "4294967296", "root\n", "root:"):
        result = debian.launch("id", "-u", options=[f"--user={user}"])
        equal(result.code, 125, f"the exit code for the user {user!r} (id -u printed {result.text!r})")


@modes("rootless")
def test_the_default_user_is_the_caller(debian):
    result = debian.launch("sh", "-c", "whoami; id -u; id -g; echo $HOME").good()
    name = pwd.getpwuid(os.getuid()).pw_name
    equal(result.text.split(), [name, "1000", "1000", f"/home/{name}"], "the default user")


@modes("rootless")
def test_files_on_both_sides_belong_to_the_same_person(debian):
    path = os.path.join(debian.work, "made-inside")
    debian.launch("touch", f"/mnt/host{path}").good()
    equal(os.stat(path).st_uid, os.getuid(), "the owner on the host")
    equal(debian.launch("stat", "-c", "%u", f"/mnt/host{path}").good().text, "1000", "the owner inside")


@modes("rootless")
def test_sudo_works_without_a_password(debian):
    equal(debian.launch("sudo", "-n", "id", "-u").good().text, "0", "id under sudo")


def test_supplementary_groups_are_those_of_the_distribution(debian):
    debian.hold()
    user = debian.launch("whoami").good().text
    script = 'for i in $(seq 70); do groupadd -f many$i && gpasswd -a "$1" many$i >/dev/null; done'
    try:
        debian.launch("sh", "-c", script, "sh", user, options=["-u", "root"]).good()
        number = debian.launch("id", "-u").good().text
        for options in ([], ["-u", user], ["-u", number], ["-t"]):
            groups = debian.launch("id", "-Gn", options=options).good().text.split()
            expect({f"many{i}" for i in range(1, 71)} <= set(groups), f"with {options} only these groups: {groups}")
        equal(debian.launch("id", "-G", options=["-u", "nobody"]).good().text, "65534", "the groups of somebody else")
    finally:
        debian.launch("sh", "-c", "for i in $(seq 70); do groupdel many$i; done", options=["-u", "root"])


# ---------------------------------------------------------------- directories


@everywhere
def test_the_directory_is_the_callers_seen_through_mnt_host(debian):
    debian.hold()
    for folder in ("/usr", "/etc", "/"):
        found = debian.launch("pwd", cwd=folder).good().text
        equal(found.rstrip("/"), f"/mnt/host{folder}".rstrip("/"), f"the directory for {folder}")


def test_the_directory_may_have_any_name(debian):
    folder = os.path.join(debian.work, "two words\té\n'\"").encode() + b"\xff"
    os.mkdir(folder)
    os.chmod(folder, 0o755)
    equal(debian.launch("sh", "-c", "printf %s. \"$(pwd)\"", cwd=folder).good().out, b"/mnt/host" + folder + b".", "pwd")
    with open(os.path.join(folder, b"file"), "w") as file:
        file.write("content")
    os.chmod(os.path.join(folder, b"file"), 0o644)
    equal(debian.launch("cat", "file", cwd=folder).good().text, "content", "a file by its relative path")


def test_C_chooses_the_directory(debian):
    debian.hold()
    equal(debian.launch("pwd", options=["-C", "/etc"]).good().text, "/etc", "-C /etc")
    home = debian.launch("sh", "-c", "echo $HOME").good().text
    equal(debian.launch("pwd", options=["-C", "~"]).good().text, home, "-C ~")
    equal(debian.launch("pwd", options=["-C", "~", "-u", "root"]).good().text, "/root", "-C ~ -u root")
    equal(debian.launch("pwd", options=["-C", "bin"], cwd="/usr").good().text, "/mnt/host/usr/bin", "-C bin in /usr")
    sentence(debian.launch("pwd", options=["-C", "/not/there"]), "/not/there", code=125)
    sentence(debian.launch("pwd", options=["-C", "/etc/passwd"]), "/etc/passwd", code=125)


def test_a_directory_inside_the_distribution_is_that_directory(debian):
    """Where the caller stands in the instance's own files, it is "as is"."""
    folder = debian.rootfs()
    try:
        os.listdir(os.path.join(folder, "etc"))
    except OSError:
        raise Skip("the caller may not enter the root file system")
    equal(debian.launch("pwd", cwd=os.path.join(folder, "etc")).good().text, "/etc", "the directory")


# ----------------------------------------------------- programs that cannot run


@everywhere
def test_a_program_that_is_not_there(debian):
    debian.hold()
    sentence(debian.launch("no-such-program"), "no-such-program", code=127)
    sentence(debian.launch("/no/such/program"), "/no/such/program", code=127)
    sentence(debian.launch("./not-here"), "./not-here", code=127)
    sentence(debian.launch("/etc/passwd/x"), "/etc/passwd/x", code=127)
    equal(debian.launch("").code, 127, "the exit code for an empty name")


@everywhere
def test_a_program_that_may_not_be_executed(debian):
    debian.hold()
    sentence(debian.launch("/etc/passwd"), "/etc/passwd", code=126)
    sentence(debian.launch("/etc"), "/etc", "director", code=126)
    debian.put("/tmp/unset", b"#!/bin/sh\n", "644")
    sentence(debian.launch("/tmp/unset"), "/tmp/unset", code=126)


@everywhere
def test_a_program_for_another_machine(debian):
    debian.hold()
    debian.put("/tmp/arm-program", elf(AARCH64))
    sentence(debian.launch("/tmp/arm-program"), "/tmp/arm-program", "aarch64", code=126)
    debian.put("/tmp/arm-dynamic", elf(AARCH64, interpreter=b"/lib/ld-linux-aarch64.so.1"))
    sentence(debian.launch("/tmp/arm-dynamic"), "aarch64", code=126)


@everywhere
def test_a_program_whose_interpreter_is_missing(debian):
    debian.hold()
    debian.put("/tmp/script", b"#!/nonexistent/interpreter -x\necho hello\n")
    sentence(debian.launch("/tmp/script"), "/nonexistent/interpreter", code=126)
    program = read("/bin/true")
    place = program.find(b"/lib64/ld-linux-x86-64.so.2")
    if place < 0:
        raise Skip("the host's true has no PT_INTERP of x86-64")
    debian.put("/tmp/lost", program.replace(b"/lib64/ld-linux-x86-64.so.2", b"/lib64/ld-absent-x86-64.so.2"[:27]))
    sentence(debian.launch("/tmp/lost"), "/lib64/ld-absent", code=126)


def test_a_32_bit_program_without_its_libraries(debian):
    debian.hold()
    debian.put("/tmp/old", elf(I386, 32, b"/lib/ld-linux.so.2"))
    sentence(debian.launch("/tmp/old"), "/tmp/old", code=126)
    contains(debian.launch("/tmp/old").err, "/lib/ld-linux.so.2", what="stderr")


def test_a_program_in_no_format_that_can_be_run(debian):
    debian.hold()
    for name, data in (("text", b"echo no interpreter line\n"), ("empty", b""), ("cut", elf(62)[:40]), ("null", b"\0" * 4096)):
        debian.put(f"/tmp/{name}", data)
        sentence(debian.launch(f"/tmp/{name}"), f"/tmp/{name}", code=126)


def test_a_program_busy_being_written_or_hidden_by_rights(debian):
    debian.hold()
    debian.launch("sh", "-c", "install -d -m 700 /tmp/closed && cp /bin/true /tmp/closed/true", options=["-u", "root"]).good()
    if debian.launch("id", "-u").good().text == "0":
        raise Skip("the default user is root")
    sentence(debian.launch("/tmp/closed/true"), "/tmp/closed/true", code=126)


def test_a_program_is_found_in_the_path_of_the_instance(debian):
    debian.hold()
    debian.put("/tmp/only-here", b"#!/bin/sh\necho found\n")
    equal(debian.launch("only-here", options=["-e", "PATH=/tmp:/usr/bin:/bin"]).good().text, "found", "the output")
    sentence(debian.launch("only-here"), "only-here", code=127)


if __name__ == "__main__":
    main(globals())
