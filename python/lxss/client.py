# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs of other distributions, and the distributions themselves, see liblxss(3)."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import select
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _structs as c
from ._native import Owner, check, libc, library, milliseconds

class Failure(OSError):
    """Why a call to lxssd failed: errno, a sentence, and the name of the D-Bus error, if there is one."""

    def __init__(self, number: int, message: str, name: str | None) -> None:
        super().__init__(number, message)
        self.name = name


def _call(function: str, *arguments: object) -> None:
    """With an LxssFailure as its last argument."""
    failure = c.Failure()
    result = getattr(library, function)(*arguments, failure)
    if result >= 0:
        return
    message = failure.message.decode(errors="replace") if failure.message else os.strerror(-result)
    name = failure.name.decode() if failure.name else None
    library.lxss_failure_clear(ctypes.byref(failure))
    raise Failure(-result, message, name)


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)


def _strings(words: Sequence[str | bytes] | None) -> ctypes.Array[ctypes.c_char_p] | None:
    if isinstance(words, (str, bytes)):  # a sequence, too, of letters
        raise TypeError(f"a list of words is wanted, not {words!r}")
    if words is None:
        return None
    return (ctypes.c_char_p * (len(words) + 1))(*[os.fsencode(word) for word in words], None)


def _list(array: Any) -> list[str]:
    """An array of strings that ends with NULL."""
    words: list[str] = []
    while (word := array[len(words)]) is not None:
        words.append(os.fsdecode(word))
    return words


def _plain(value: object) -> object:
    return os.fsdecode(value) if isinstance(value, bytes) else value


# ---------------------------------------------------------------- what there is


@dataclass(frozen=True)
class Setting:
    key: str
    value: str
    origin: str


@dataclass(frozen=True)
class Distribution:
    name: str
    state: str
    root: str
    default_user: str
    oobe: str
    release: str
    source: str
    is_default: bool
    install_time: int
    layers: list[str]
    settings: list[Setting]


@dataclass(frozen=True)
class Instance:
    distribution: str
    state: str
    leader: int
    clients: int
    processes: int
    start_time: int
    warnings: list[str]


@dataclass(frozen=True)
class Program:
    distribution: str
    command_line: str
    user: str
    pid: int
    terminal: bool
    start_time: int


@dataclass(frozen=True)
class Work:
    """An operation, whoever began it. fraction: negative where it is not known."""

    kind: str
    distribution: str
    stage: str
    fraction: float


@dataclass(frozen=True)
class Objects:
    distributions: list[Distribution]
    instances: list[Instance]
    programs: list[Program]
    operations: list[Work]


@dataclass(frozen=True)
class Service:
    version: str
    default_distribution: str
    log_target: str
    data_directory: str
    id_mode: str
    pid: int
    n_distributions: int
    n_instances: int
    n_processes: int
    n_operations: int
    n_clients: int


@dataclass(frozen=True)
class Snapshot:
    distribution: str
    name: str
    release: str
    time: int
    base: bool


@dataclass(frozen=True)
class Offer:
    name: str
    friendly_name: str
    family: str
    url: str
    sha256: str
    catalogue: str
    family_default: bool
    is_default: bool


def _value(kind: type, found: ctypes.Structure) -> Any:
    """A dataclass of the struct whose members it has."""
    members: dict[str, object] = {}
    for member in dataclasses.fields(kind):
        value = getattr(found, member.name)
        if member.name == "settings":
            value = [_value(Setting, setting) for setting in value[: found.n_settings]]
        elif member.name in ("layers", "warnings"):
            value = _list(value)
        members[member.name] = _plain(value)
    return kind(**members)


# ---------------------------------------------------------------- operations


@dataclass(frozen=True)
class Progress:
    """fraction: negative where it is not known. warning: what there is to be said of it."""

    stage: str
    fraction: float
    warning: str | None


class Operation(Owner):
    """A change that takes a while. Closing it forgets it; it goes on as long as its client is open."""

    _free = "lxss_operation_free"

    def __init__(self, held: int | None, client: Client, on_progress: Callable[[Progress], None] | None) -> None:
        super().__init__(held)
        self._client = client  # which must be there as long as this is
        self._problem: BaseException | None = None
        self._handler = c.ProgressHandler(lambda _operation, news, _userdata: self._take(on_progress, news.contents))
        if on_progress:
            library.lxss_operation_watch(self._own, self._handler, None)

    def _take(self, on_progress: Callable[[Progress], None] | None, news: c.Progress) -> None:
        if not on_progress or self._problem:
            return
        warning = None if news.warning is None else os.fsdecode(news.warning)
        try:
            on_progress(Progress(os.fsdecode(news.stage), news.fraction, warning))
        except BaseException as problem:  # C lies between here and whoever waits
            self._problem = problem

    @property
    def distribution(self) -> str | None:
        name = library.lxss_operation_distribution(self._own)
        return name and os.fsdecode(name)

    @property
    def snapshot(self) -> str | None:
        name = library.lxss_operation_snapshot(self._own)
        return name and os.fsdecode(name)

    def wait(self, timeout: float | None = None) -> None:
        """Until it is done. A Failure says why it is not."""
        try:
            _call("lxss_operation_wait", self._own, milliseconds(timeout))
        finally:
            if self._problem:
                raise self._problem

    def cancel(self) -> None:
        check(library.lxss_operation_cancel(self._own))


# ---------------------------------------------------------------- programs


@dataclass(frozen=True)
class Completed:
    """As subprocess.CompletedProcess: the exit status, or a signal as a negative number."""

    returncode: int
    stdout: bytes


@dataclass(frozen=True)
class Terminal:
    """One of the instance, which the program has as these of its descriptors."""

    fds: tuple[int, ...] = (0, 1, 2)
    rows: int = 24
    columns: int = 80
    background: bool = False


class Process(Owner):
    """A program that was launched. Closing it forgets it; the program goes on."""

    _free = "lxss_process_free"

    def __init__(self, held: int | None, client: Client) -> None:
        super().__init__(held)
        self._client = client  # which must be there as long as this is

    @property
    def pid(self) -> int:
        """As the host knows it."""
        return int(library.lxss_process_pid(self._own))

    def pidfd(self) -> int:
        """The caller's."""
        fd = ctypes.c_int(-1)
        _call("lxss_process_open", self._own, fd)
        return fd.value

    def signal(self, signo: int, group: bool = False) -> None:
        _call("lxss_process_signal", self._own, signo, int(group))

    def set_foreground(self, foreground: bool) -> None:
        check(library.lxss_process_set_foreground(self._own, foreground))

    def terminal(self) -> int:
        """The master of its terminal, once, as pty.openpty() has it: non-blocking, and the caller's."""
        socket, master = library.lxss_process_terminal(self._own), ctypes.c_int(-1)
        select.select([socket], [], [])
        check(library.lxss_terminal_receive(socket, master))
        return master.value

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, or a signal as a negative number. -EOWNERDEAD where its instance ended under it."""
        end = c.Exit()
        check(library.lxss_process_wait(self._own, milliseconds(timeout), end))
        return int(end.status) if end.code == os.CLD_EXITED else -int(end.status)


# ---------------------------------------------------------------- clients

_TERMINATE, _DETACH, _COPY, _DEFAULT, _NO_OOBE, _NO_SHORTCUT, _LEGACY = (1 << bit for bit in range(7))
_NO_WAIT = 1 << 1

OnProgress = Callable[[Progress], None]

# Within a class that has a method of that name, list is no type.
_Snapshots = list[Snapshot]
_Offers = list[Offer]
_Anything = list[Any]


class Client(Owner):
    """A connection to lxssd. What it launches and begins goes on as long as it is open. A distribution that
    is None is the default one."""

    _free = "lxss_disconnect"

    def __init__(self, start: bool = True) -> None:
        self._held = None
        held = ctypes.c_void_p()
        _call("lxss_connect", 0 if start else 1, held)
        super().__init__(held.value)

    def fileno(self) -> int:
        return int(library.lxss_fd(self._own))

    def dispatch(self) -> None:
        """Before each wait for fileno(), and after it."""
        check(library.lxss_dispatch(self._own))

    # what there is

    def objects(self) -> Objects:
        """All that lxssd manages at one moment."""
        found = ctypes.POINTER(c.Objects)()
        _call("lxss_get_objects", self._own, found)
        try:
            o = found.contents
            return Objects(
                [_value(Distribution, d.contents) for d in o.distributions[: o.n_distributions]],
                [_value(Instance, i.contents) for i in o.instances[: o.n_instances]],
                [_value(Program, p.contents) for p in o.programs[: o.n_programs]],
                [_value(Work, w.contents) for w in o.operations[: o.n_operations]],
            )
        finally:
            library.lxss_free(found)

    def list(self) -> list[Distribution]:
        return self.objects().distributions

    def service(self) -> Service:
        found = ctypes.POINTER(c.Service)()
        _call("lxss_get_service", self._own, found)
        try:
            service: Service = _value(Service, found.contents)
            return service
        finally:
            library.lxss_free(found)

    def _entries(self, function: str, kind: type, struct: type[ctypes.Structure], *arguments: object) -> _Anything:
        found = ctypes.POINTER(ctypes.POINTER(struct))()
        _call(function, self._own, *arguments, found)
        entries: _Anything = []
        try:
            while found[len(entries)]:
                entries.append(_value(kind, found[len(entries)].contents))
            return entries
        finally:
            library.lxss_free(found)

    def snapshots(self, distribution: str | None = None) -> _Snapshots:
        """Of one distribution, or of all."""
        return self._entries("lxss_list_snapshots", Snapshot, c.Snapshot, _encoded(distribution))

    def online(self) -> _Offers:
        """What the catalogue has for this kind of machine."""
        return self._entries("lxss_list_online", Offer, c.Offer)

    # changes at once

    def set_default(self, distribution: str) -> None:
        _call("lxss_set_default", self._own, _encoded(distribution))

    def rename(self, distribution: str, new_name: str) -> None:
        _call("lxss_rename", self._own, _encoded(distribution), _encoded(new_name))

    def remove_snapshot(self, distribution: str, snapshot: str) -> None:
        _call("lxss_remove_snapshot", self._own, _encoded(distribution), _encoded(snapshot))

    def configure(self, distribution: str | None, changes: Mapping[str, str | None]) -> bool:
        """None: no longer set. Whether it runs, and has them only when it starts again."""
        wanted = (c.Change * len(changes))(*[c.Change(_encoded(k), _encoded(v)) for k, v in changes.items()])
        pending = ctypes.c_bool()
        _call("lxss_configure", self._own, _encoded(distribution), wanted, len(changes), pending)
        return pending.value

    def repair(self, distribution: str) -> str:
        """Makes a broken one usable. The path of the damaged file of settings, empty where there is none."""
        kept = ctypes.c_void_p()
        _call("lxss_repair", self._own, _encoded(distribution), kept)
        try:
            return os.fsdecode(ctypes.string_at(kept.value or 0))
        finally:
            libc.free(kept)

    def hold(self, distribution: str | None = None) -> int:
        """Keeps an instance up until the descriptor is closed, which is the caller's."""
        fd = ctypes.c_int(-1)
        _call("lxss_hold", self._own, _encoded(distribution), fd)
        return fd.value

    def terminate(self, distribution: str | None = None) -> None:
        _call("lxss_terminate", self._own, _encoded(distribution))

    def shutdown(self) -> None:
        _call("lxss_shutdown", self._own)

    # operations

    def _begin(self, on_progress: OnProgress | None, function: str, *arguments: object) -> Operation:
        held = ctypes.c_void_p()
        _call(function, self._own, *arguments, held)
        return Operation(held.value, self, on_progress)

    def install(
        self,
        source: int | str,
        name: str | None = None,
        *,
        on_progress: OnProgress | None = None,
        fallback_name: str | None = None,
        format: str | None = None,
        image: str | None = None,
        user: str | None = None,
        sha256: str | None = None,
        keyring: int = -1,
        signature: int | str = -1,
        max_size: int = 0,
        default: bool = False,
        oobe: bool = True,
        shortcut: bool = True,
        legacy: bool = False,
    ) -> Operation:
        """source: a descriptor, or a URI. signature: a descriptor, or a URL."""
        flags = default * _DEFAULT | (not oobe) * _NO_OOBE | (not shortcut) * _NO_SHORTCUT | legacy * _LEGACY
        wanted = c.Install(
            source if isinstance(source, int) else -1, keyring, signature if isinstance(signature, int) else -1, flags,
            max_size, None if isinstance(source, int) else source.encode(), _encoded(name), _encoded(fallback_name),
            _encoded(format), _encoded(image), _encoded(user), _encoded(sha256),
            None if isinstance(signature, int) else signature.encode(),
        )  # fmt: skip
        return self._begin(on_progress, "lxss_install", wanted)

    def uninstall(self, distribution: str, *, terminate: bool = False, on_progress: OnProgress | None = None) -> Operation:
        return self._begin(on_progress, "lxss_uninstall", _encoded(distribution), terminate * _TERMINATE)

    def export(
        self, distribution: str | None, fd: int, format: str = "tar", *, terminate: bool = False, on_progress: OnProgress | None = None
    ) -> Operation:
        wanted = c.Export(_encoded(distribution), fd, terminate * _TERMINATE, format.encode())
        return self._begin(on_progress, "lxss_export", wanted)

    def clone(
        self, distribution: str, new_name: str, *, copy: bool = False, terminate: bool = False, on_progress: OnProgress | None = None
    ) -> Operation:
        flags = terminate * _TERMINATE | copy * _COPY
        return self._begin(on_progress, "lxss_clone", _encoded(distribution), _encoded(new_name), flags)

    def move(self, distribution: str, directory: int = -1, *, terminate: bool = False, on_progress: OnProgress | None = None) -> Operation:
        """directory: a descriptor; -1: to the usual place."""
        return self._begin(on_progress, "lxss_move", _encoded(distribution), directory, terminate * _TERMINATE)

    def make_snapshot(
        self, distribution: str, snapshot: str | None = None, *, terminate: bool = False, on_progress: OnProgress | None = None
    ) -> Operation:
        return self._begin(on_progress, "lxss_make_snapshot", _encoded(distribution), _encoded(snapshot), terminate * _TERMINATE)

    def roll_back(
        self, distribution: str, snapshot: str | None = None, *, terminate: bool = False, on_progress: OnProgress | None = None
    ) -> Operation:
        return self._begin(on_progress, "lxss_roll_back", _encoded(distribution), _encoded(snapshot), terminate * _TERMINATE)

    # programs

    def launch(
        self,
        argv: Sequence[str | bytes] | None = None,
        distribution: str | None = None,
        *,
        fds: dict[int, int] | None = None,
        terminal: Terminal | None = None,
        user: str | None = None,
        directory: str | None = None,
        environment: dict[str, str] | None = None,
        linger: int = 0,
        wait: bool = True,
    ) -> Process:
        """fds: {in the program: here}; None: our own 0, 1 and 2, as far as they are not the terminal."""
        mask = sum(1 << fd for fd in terminal.fds) if terminal else 0
        chosen = {fd: fd for fd in range(3) if not mask & 1 << fd} if fds is None else fds
        wanted = c.Launch(
            _encoded(distribution), _encoded(user), _encoded(directory),
            _strings(argv), _strings(None if environment is None else [f"{k}={v}" for k, v in environment.items()]),
            (c.Fd * len(chosen))(*[c.Fd(number, fd) for number, fd in chosen.items()]), len(chosen), 0, None, linger, 0 if wait else _NO_WAIT,
        )  # fmt: skip
        if terminal:
            wanted.terminal = ctypes.pointer(c.Terminal(mask, terminal.rows, terminal.columns, 0, 0, terminal.background))
        held = ctypes.c_void_p()
        _call("lxss_launch", self._own, wanted, held)
        return Process(held.value, self)

    def run(self, argv: Sequence[str | bytes], distribution: str | None = None) -> Completed:
        """To its end, with what it printed; without input."""
        reader, writer = os.pipe()
        with open(reader, "rb") as output:
            try:
                process = self.launch(argv, distribution, fds={1: writer, 2: 2})
            finally:
                os.close(writer)
            with process:
                printed = output.read()
                return Completed(process.wait(), printed)
