# SPDX-License-Identifier: LGPL-2.1-or-later
"""lxss.h as ctypes sees it."""

from __future__ import annotations

import ctypes

from ._native import declare, handle, handle_p, int_p, library

string = ctypes.c_char_p
strings_p = ctypes.POINTER(ctypes.c_char_p)


class Failure(ctypes.Structure):
    _fields_ = [("name", string), ("message", string)]


class Setting(ctypes.Structure):
    _fields_ = [("key", string), ("value", string), ("origin", string)]


class Distribution(ctypes.Structure):
    _fields_ = [
        ("name", string),
        ("state", string),
        ("root", string),
        ("default_user", string),
        ("oobe", string),
        ("release", string),
        ("source", string),
        ("is_default", ctypes.c_bool),
        ("install_time", ctypes.c_uint64),
        ("layers", strings_p),
        ("settings", ctypes.POINTER(Setting)),
        ("n_settings", ctypes.c_size_t),
    ]


class Instance(ctypes.Structure):
    _fields_ = [
        ("distribution", string),
        ("state", string),
        ("leader", ctypes.c_uint32),
        ("clients", ctypes.c_uint32),
        ("processes", ctypes.c_uint32),
        ("start_time", ctypes.c_uint64),
        ("warnings", strings_p),
    ]


class Program(ctypes.Structure):
    _fields_ = [
        ("distribution", string),
        ("command_line", string),
        ("user", string),
        ("pid", ctypes.c_uint32),
        ("terminal", ctypes.c_bool),
        ("start_time", ctypes.c_uint64),
    ]


class Work(ctypes.Structure):
    _fields_ = [("kind", string), ("distribution", string), ("stage", string), ("fraction", ctypes.c_double)]


class Objects(ctypes.Structure):
    _fields_ = [
        ("distributions", ctypes.POINTER(ctypes.POINTER(Distribution))),
        ("instances", ctypes.POINTER(ctypes.POINTER(Instance))),
        ("programs", ctypes.POINTER(ctypes.POINTER(Program))),
        ("operations", ctypes.POINTER(ctypes.POINTER(Work))),
        ("n_distributions", ctypes.c_size_t),
        ("n_instances", ctypes.c_size_t),
        ("n_programs", ctypes.c_size_t),
        ("n_operations", ctypes.c_size_t),
    ]


class Service(ctypes.Structure):
    _fields_ = [
        ("version", string),
        ("default_distribution", string),
        ("log_target", string),
        ("data_directory", string),
        ("id_mode", string),
        ("pid", ctypes.c_uint32),
        ("n_distributions", ctypes.c_uint32),
        ("n_instances", ctypes.c_uint32),
        ("n_processes", ctypes.c_uint32),
        ("n_operations", ctypes.c_uint32),
        ("n_clients", ctypes.c_uint32),
    ]


class Snapshot(ctypes.Structure):
    _fields_ = [("distribution", string), ("name", string), ("release", string), ("time", ctypes.c_uint64), ("base", ctypes.c_bool)]


class Offer(ctypes.Structure):
    _fields_ = [
        ("name", string),
        ("friendly_name", string),
        ("family", string),
        ("url", string),
        ("sha256", string),
        ("catalogue", string),
        ("family_default", ctypes.c_bool),
        ("is_default", ctypes.c_bool),
    ]


class Change(ctypes.Structure):
    _fields_ = [("key", string), ("value", string)]


class Install(ctypes.Structure):
    _fields_ = [
        ("fd", ctypes.c_int),
        ("keyring", ctypes.c_int),
        ("signature", ctypes.c_int),
        ("flags", ctypes.c_int),
        ("max_size", ctypes.c_uint64),
        ("uri", string),
        ("name", string),
        ("fallback_name", string),
        ("format", string),
        ("image", string),
        ("user", string),
        ("sha256", string),
        ("signature_url", string),
    ]


class Export(ctypes.Structure):
    _fields_ = [
        ("distribution", string),
        ("fd", ctypes.c_int),
        ("flags", ctypes.c_int),
        ("format", string),
        ("directory", string),
        ("temporary", string),
        ("mode", ctypes.c_uint),
        ("tag", string),
    ]


class Progress(ctypes.Structure):
    _fields_ = [("stage", string), ("fraction", ctypes.c_double), ("warning", string)]


class Fd(ctypes.Structure):
    _fields_ = [("number", ctypes.c_int), ("fd", ctypes.c_int)]


class Terminal(ctypes.Structure):
    _fields_ = [
        ("mask", ctypes.c_uint),
        ("rows", ctypes.c_uint16),
        ("columns", ctypes.c_uint16),
        ("x_pixels", ctypes.c_uint16),
        ("y_pixels", ctypes.c_uint16),
        ("background", ctypes.c_bool),
    ]


class Launch(ctypes.Structure):
    _fields_ = [
        ("distribution", string),
        ("user", string),
        ("directory", string),
        ("argv", strings_p),
        ("environment", strings_p),
        ("fds", ctypes.POINTER(Fd)),
        ("n_fds", ctypes.c_size_t),
        ("closed_mask", ctypes.c_uint),
        ("terminal", ctypes.POINTER(Terminal)),
        ("linger_seconds", ctypes.c_uint64),
        ("flags", ctypes.c_int),
    ]


class Exit(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("status", ctypes.c_int)]


ProgressHandler = ctypes.CFUNCTYPE(None, handle, ctypes.POINTER(Progress), handle)
failure_p = ctypes.POINTER(Failure)
begins: list[object] = [handle_p, failure_p]

declare({
    "lxss_connect": [ctypes.c_int, handle_p, failure_p],
    "lxss_fd": [handle],
    "lxss_dispatch": [handle],
    "lxss_get_objects": [handle, ctypes.POINTER(ctypes.POINTER(Objects)), failure_p],
    "lxss_get_service": [handle, ctypes.POINTER(ctypes.POINTER(Service)), failure_p],
    "lxss_list_snapshots": [handle, string, ctypes.POINTER(ctypes.POINTER(ctypes.POINTER(Snapshot))), failure_p],
    "lxss_list_online": [handle, ctypes.POINTER(ctypes.POINTER(ctypes.POINTER(Offer))), failure_p],
    "lxss_set_default": [handle, string, failure_p],
    "lxss_rename": [handle, string, string, failure_p],
    "lxss_remove_snapshot": [handle, string, string, failure_p],
    "lxss_configure": [handle, string, ctypes.POINTER(Change), ctypes.c_size_t, ctypes.POINTER(ctypes.c_bool), failure_p],
    "lxss_repair": [handle, string, handle_p, failure_p],
    "lxss_hold": [handle, string, int_p, failure_p],
    "lxss_terminate": [handle, string, failure_p],
    "lxss_shutdown": [handle, failure_p],
    "lxss_install": [handle, ctypes.POINTER(Install), *begins],
    "lxss_uninstall": [handle, string, ctypes.c_int, *begins],
    "lxss_export": [handle, ctypes.POINTER(Export), *begins],
    "lxss_clone": [handle, string, string, ctypes.c_int, *begins],
    "lxss_move": [handle, string, ctypes.c_int, ctypes.c_int, *begins],
    "lxss_make_snapshot": [handle, string, string, ctypes.c_int, *begins],
    "lxss_roll_back": [handle, string, string, ctypes.c_int, *begins],
    "lxss_operation_wait": [handle, ctypes.c_int, failure_p],
    "lxss_operation_cancel": [handle],
    "lxss_launch": [handle, ctypes.POINTER(Launch), *begins],
    "lxss_process_pid": [handle],
    "lxss_process_open": [handle, int_p, failure_p],
    "lxss_process_signal": [handle, ctypes.c_int, ctypes.c_int, failure_p],
    "lxss_process_set_foreground": [handle, ctypes.c_bool],
    "lxss_process_terminal": [handle],
    "lxss_terminal_receive": [ctypes.c_int, int_p],
    "lxss_process_wait": [handle, ctypes.c_int, ctypes.POINTER(Exit)],
}, {"lxss_disconnect", "lxss_process_free", "lxss_operation_free", "lxss_free"})  # fmt: skip
library.lxss_failure_clear.argtypes = [failure_p]
library.lxss_failure_clear.restype = None
library.lxss_operation_watch.argtypes = [handle, ProgressHandler, handle]
library.lxss_operation_watch.restype = None
for name in ("lxss_operation_distribution", "lxss_operation_snapshot"):
    getattr(library, name).argtypes = [handle]
    getattr(library, name).restype = string
