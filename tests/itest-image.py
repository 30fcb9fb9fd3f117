#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images as the source of a distribution: OCI layouts, docker archives and
registries; how layers lie upon each other, and what hostile ones come to."""

import hashlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading

from lxss_test import (
    I_MANAGER, MANAGER, SOURCE, Skip, contains, debian_tar, descendants, equal, everywhere, expect, lengthy, main, modes, once, program,
    program_of, read, run, sentence, wait_for,
)  # fmt: skip
from oci import MACHINE, Layout, RegistryHandler, free_port, layer, push, registry, tiny_layout, tools
from tree import ODD, listing, same, small

FILE, LINK = {}, {"type": tarfile.SYMTYPE}


def clean(world):
    equal(world.installed(), [], "what is installed")
    wait_for("nothing is staged", lambda: not world.staged())
    equal([p for p in descendants() if program_of(p) in ("lxss-fetch", "lxss-worker", "skopeo")], [], "what still runs")


def says(world, name, *argv):
    return world.lxctl("launch", "-d", name, "-u", "root", "--", *argv).good().text


def names(world, name, path):
    return says(world, name, "ls", "-A", path).split()


# ------------------------------------------------------------------------- sources


@everywhere
def test_an_image_layout_becomes_a_distribution(fresh):
    layout = tiny_layout(fresh, layer(("etc/second", b"2\n"), ("home/x", b"x", {"uid": 0, "mode": 0o4755})), tag="v1")
    contains(fresh.lxctl("install", f"oci:{layout.path}:v1").good().text, "tiny", "Tiny test distribution")
    equal(fresh.installed(), ["tiny"])
    equal(says(fresh, "tiny", "cat", "/etc/marker", "/etc/second"), "tiny\n2")
    equal(says(fresh, "tiny", "stat", "-c", "%a %u:%g", "/home/x"), "4755 0:0")
    equal(sorted(os.listdir(os.path.dirname(fresh.rootfs("tiny")))), ["distribution.conf", "rootfs"], "what is beside the root")
    fresh.lxctl("install", "oci:tiny", "--name", "relative").good()
    equal(says(fresh, "relative", "cat", "/etc/marker"), "tiny")


@modes("root", "rootless")
def test_an_image_comes_from_a_registry(fresh):
    host = registry(fresh)
    layout = tiny_layout(fresh, layer(("etc/owned", b"x", {"uid": 0, "gid": 0})))
    push(layout, "latest", f"{host}/some/where/image:v2")
    fresh.lxctl("install", f"docker://{host}/some/where/image:v2").good()
    equal(fresh.installed(), ["image"])
    equal(says(fresh, "image", "cat", "/etc/marker"), "tiny")
    digest = layout.manifests[0]["digest"]
    fresh.lxctl("install", f"docker://{host}/some/where/image@{digest}", "--name", "by-digest").good()
    equal(says(fresh, "by-digest", "cat", "/etc/owned"), "x")


@once
def test_a_registry_that_needs_a_login_says_how(fresh):
    host = registry(fresh, login=True)
    layout = tiny_layout(fresh)
    push(layout, "latest", f"{host}/image:v2", "--dest-creds", "tester:secret")
    sentence(fresh.lxctl("install", f"docker://{host}/image:v2"), f"skopeo login {host}", code=125)
    clean(fresh)
    if os.getuid() == 0:
        file = os.path.join(fresh.home, ".docker", "config.json")
    else:
        file = os.path.join(fresh.environment()["XDG_RUNTIME_DIR"], "containers", "auth.json")
    login = ["skopeo", "login", "--tls-verify=false", "--authfile", file, "--username", "tester", "--password-stdin", host]
    os.makedirs(os.path.dirname(file), exist_ok=True)
    try:
        run(*login, input=b"secret", env=fresh.environment(), stdin=subprocess.PIPE).good()
        equal(os.stat(file).st_mode & 0o077, 0, "what others may do with the credentials")
        fresh.lxctl("install", f"docker://{host}/image:v2").good()
        equal(says(fresh, "image", "cat", "/etc/marker"), "tiny")
    finally:
        shutil.rmtree(os.path.dirname(file))


def test_layers_come_in_every_compression(fresh):
    zstd = lambda data: subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    for name, compress, media in (("plain", lambda data: data, ".tar"), ("zstd", zstd, ".tar+zstd")):
        layout = tiny_layout(fresh, layer(("etc/second", b"2\n")), name=name, compress=compress, media=media)
        fresh.lxctl("install", f"oci:{layout.path}").good()
        equal(says(fresh, name, "cat", "/etc/marker", "/etc/second"), "tiny\n2")


# -------------------------------------------------------------------------- layers


@everywhere
def test_a_layer_takes_away_and_replaces_what_is_below(fresh):
    below = layer(
        ("srv", None), ("srv/gone", b"1"), ("srv/kept", b"1"), ("srv/tree", None), ("srv/tree/a", b"1"), ("srv/tree/b", None),
        ("srv/tree/b/c", b"1"), ("srv/opaque", None), ("srv/opaque/old", b"1"), ("srv/opaque/sub", None), ("srv/opaque/sub/x", b"1"),
        ("srv/dir-to-file", None), ("srv/dir-to-file/x", b"1"), ("srv/file-to-dir", b"1"), ("srv/link-to-dir", b"", dict(LINK, linkname="tree")),
        ("srv/dir-to-link", None), ("srv/dir-to-link/x", b"1"), ("srv/one", b"1"), ("srv/two", b"", {"type": tarfile.LNKTYPE, "linkname": "srv/one"}),
        ("srv/again", b"1"),
    )  # fmt: skip
    above = layer(
        ("srv/opaque/new", b"2"), ("srv/opaque/.wh..wh..opq", b""), ("srv/.wh.gone", b""), ("srv/.wh.tree", b""), ("srv/.wh.nosuch", b""),
        ("srv/.wh..wh.plnk", None), ("srv/dir-to-file", b"2"), ("srv/file-to-dir", None), ("srv/file-to-dir/y", b"2"),
        ("srv/link-to-dir", None), ("srv/link-to-dir/y", b"2"), ("srv/dir-to-link", b"", dict(LINK, linkname="kept")),
        ("srv/one", b"2"), ("srv/three", b"", {"type": tarfile.LNKTYPE, "linkname": "srv/kept"}),
        ("srv/again", b"2"), ("srv/.wh.again", b""),
    )  # fmt: skip
    layout = tiny_layout(fresh, below, above)
    fresh.lxctl("install", f"oci:{layout.path}").good()
    equal(names(fresh, "tiny", "/srv"), sorted(
        ["again", "dir-to-file", "dir-to-link", "file-to-dir", "kept", "link-to-dir", "one", "opaque", "three", "two"]))  # fmt: skip
    equal(names(fresh, "tiny", "/srv/opaque"), ["new"])
    equal(says(fresh, "tiny", "cat", "/srv/dir-to-file", "/srv/one", "/srv/two", "/srv/again", "/srv/dir-to-link"), "22121")
    equal(names(fresh, "tiny", "/srv/file-to-dir"), ["y"])
    equal(names(fresh, "tiny", "/srv/link-to-dir"), ["y"])
    equal(says(fresh, "tiny", "stat", "-c", "%h", "/srv/three", "/srv/one"), "2\n1")


@modes("root", "rootless")
def test_whiteouts_that_umoci_made_are_understood(fresh):
    tools("umoci", "skopeo")
    layout = tiny_layout(fresh, layer(("srv", None), ("srv/a", b"1"), ("srv/b", b"1"), ("opt", None), ("opt/c", b"1")))
    image = f"{layout.path}:latest"
    rootless = [] if os.getuid() == 0 else ["--rootless"]
    new = os.path.join(fresh.work, "new")
    os.mkdir(new)
    with open(os.path.join(new, "d"), "w") as file:
        file.write("2")
    run("umoci", "insert", *rootless, "--image", image, "--whiteout", "/srv/a").good()
    run("umoci", "insert", *rootless, "--image", image, "--opaque", new, "/opt").good()
    fresh.lxctl("install", f"oci:{layout.path}:latest").good()
    equal(names(fresh, "tiny", "/srv"), ["b"])
    equal(names(fresh, "tiny", "/opt"), ["d"])


@everywhere
def test_a_hostile_layer_reaches_nothing_outside(fresh):
    outside = os.path.join(fresh.work, "outside")
    os.mkdir(outside)
    with open(os.path.join(outside, "precious"), "w") as file:
        file.write("here")
    for number, members in enumerate((
        [("../../escaped", b"x")],
        [("srv/../../../escaped", b"x")],
        [("srv/.wh...", b"")],
        [(".wh...", b"")],
        [("srv/.wh.", b"")],
        [("srv/x", b"", {"type": tarfile.LNKTYPE, "linkname": "../../../etc/passwd"})],
        [("out", b"", dict(LINK, linkname=outside)), ("out/planted", b"x")],
        [("srv/real/sub", None), ("srv/link", b"", dict(LINK, linkname="real")), ("srv/link/sub/planted", b"x")],
    )):  # fmt: skip
        layout = tiny_layout(fresh, layer(*members), name=f"hostile{number}")
        sentence(fresh.lxctl("install", f"oci:{layout.path}"), "member", code=125)
        clean(fresh)
    below, above = layer(("out", b"", dict(LINK, linkname=outside))), layer(("out/.wh.precious", b""), ("out/.wh..wh..opq", b""))
    layout = tiny_layout(fresh, below, above, name="through")
    fresh.lxctl("install", f"oci:{layout.path}").good()
    equal(os.listdir(outside), ["precious"], "what a link led to")
    fresh.lxctl("uninstall", "through").good()
    below = layer(("srv", None), ("srv/real", None), ("srv/real/kept", b"x"), ("srv/link", b"", dict(LINK, linkname="real")))
    layout = tiny_layout(fresh, below, layer(("srv/link/.wh.kept", b"")), layer(("srv/link/.wh..wh..opq", b"")), name="within")
    fresh.lxctl("install", f"oci:{layout.path}").good()
    equal(names(fresh, "within", "/srv/real"), ["kept"], "what a link within led to")


@everywhere
def test_device_nodes_are_left_out_and_absolute_names_are_below_the_root(fresh):
    node = {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}
    layout = tiny_layout(fresh, layer(("srv", None), ("srv/node", b"", node), ("/srv/absolute", b"x"), ("srv/link", b"", dict(LINK, linkname="/etc"))))
    fresh.lxctl("install", f"oci:{layout.path}").good()
    equal(names(fresh, "tiny", "/srv"), ["absolute", "link"])


# ----------------------------------------------------------------------- bad input


@modes("root", "rootless")
def test_a_damaged_image_is_refused(fresh):
    for name in ("flipped", "truncated", "missing", "manifest", "config"):
        layout = tiny_layout(fresh, layer(("etc/second", b"2" * 10000)), name=name)
        digest = layout.manifests[0]["digest"]
        blob = layout.file(digest)
        if name != "manifest":
            with open(blob) as file:
                manifest = json.load(file)
            blob = layout.file((manifest["config"] if name == "config" else manifest["layers"][0])["digest"])
        with open(blob, "r+b") as file:
            if name in ("flipped", "manifest", "config"):
                file.seek(100)
                byte = file.read(1)
                file.seek(100)
                file.write(bytes([byte[0] ^ 1]))
            elif name == "truncated":
                file.truncate(os.stat(blob).st_size // 2)
        if name == "missing":
            os.unlink(blob)
        sentence(fresh.lxctl("install", f"oci:{layout.path}"), "", code=125)
        clean(fresh)


@once
def test_an_image_that_is_no_distribution_is_refused(fresh):
    layout = Layout(os.path.join(fresh.work, "empty"))
    layout.image([layer(("etc", None), ("etc/x", b"x"))])
    sentence(fresh.lxctl("install", f"oci:{layout.path}"), "/bin/sh", code=125)
    chart = Layout(os.path.join(fresh.work, "chart"))
    chart.image([b"x" * 10000], compress=lambda data: data, media=".tar")
    sentence(fresh.lxctl("install", f"oci:{chart.path}"), "tar", code=125)
    clean(fresh)


@once
def test_a_source_that_is_not_there_is_said(fresh):
    layout = tiny_layout(fresh, tag="v1")
    empty = os.path.join(fresh.work, "empty")
    os.mkdir(empty)
    with open(os.path.join(fresh.work, "text"), "w") as file:
        file.write("no image\n" * 1000)
    port = free_port()
    host = registry(fresh)
    push(layout, "v1", f"{host}/image:v1")
    for source, needles in (
        (f"oci:{layout.path}:nosuch", ("nosuch",)),
        (f"oci:{empty}", ()),
        ("oci:text", ("directory",)),
        ("oci:nowhere", ("nowhere", "No such file")),
        ("oci:", ("oci:PATH",)),
        ("docker-archive:text", ()),
        ("docker-archive:empty", ("file",)),
        ("docker-archive:nowhere", ("nowhere", "No such file")),
        (f"docker://127.0.0.1:{port}/image", (f"127.0.0.1:{port}", "cannot be reached")),
        (f"docker://{host}/image:nosuch", ("no image", "nosuch")),
        (f"docker://{host}/nosuch:v1", ("no image", "nosuch")),
        (f"docker://{host}/Image:v1", ("Image",)),
        ("docker://", ()),
        ("docker://a b", ("a b",)),
        ("docker://$(id)", ("$(id)",)),
        (f"oci:{layout.path}:a b", ("a b",)),
    ):
        sentence(fresh.lxctl("install", source, "--name", "x"), *needles, code=125)
        clean(fresh)
    sentence(fresh.lxctl("install", f"docker://{host}/image:v1", "--sha256", "0" * 64), "@sha256:", code=125)
    clean(fresh)


@everywhere
def test_without_skopeo_the_package_is_named(fresh):
    layout = tiny_layout(fresh)
    bin = os.path.join(fresh.work, "bin")
    os.mkdir(bin)
    for name in ("newuidmap", "newgidmap", "getsubids"):
        if shutil.which(name):
            os.symlink(shutil.which(name), os.path.join(bin, name))
    sentence(fresh.lxctl("install", f"oci:{layout.path}", env={"PATH": bin}), "skopeo is not installed", "apt-get install skopeo", code=125)
    clean(fresh)


@modes("root", "rootless")
def test_the_host_s_policy_is_kept(fresh):
    layout = tiny_layout(fresh)
    folder = os.path.join(fresh.home, ".config", "containers")
    os.makedirs(folder)
    with open(os.path.join(folder, "policy.json"), "w") as file:
        file.write('{"default": [{"type": "reject"}]}')
    try:
        sentence(fresh.lxctl("install", f"oci:{layout.path}"), "policy", code=125)
    finally:
        shutil.rmtree(folder)
    clean(fresh)


def test_over_dbus_a_wrong_format_is_refused(fresh):
    layout = tiny_layout(fresh)
    bus = fresh.awake()
    d = bus.dbus
    descriptor = os.open(layout.path, os.O_RDONLY)
    for options, word in (({"format": "zip"}, "zip"), ({"image": "x"}, "format"), ({"format": "oci", "image": "a\nb"}, "name")):
        contains(bus.fails("InvalidArgument", MANAGER, I_MANAGER, "Install", "hsa{sv}", d.types.UnixFd(descriptor), "x", d.Dictionary(options, "sv")), word)
    contains(bus.fails("InvalidArgument", MANAGER, I_MANAGER, "InstallFrom", "ssa{sv}", "docker://x", "x", d.Dictionary({"format": "oci"}, "sv")), "oci")
    os.close(descriptor)
    bus.close()


# ------------------------------------------------------------------ whole or not at all


class Hanging(RegistryHandler):
    """A registry that answers up to the image's bytes, and then says no more."""

    def do_GET(self):
        if self.path == "/v2/":
            self.reply(b"{}", "application/json")
        elif "/manifests/" in self.path:
            self.reply(self.server.manifest, "application/vnd.oci.image.manifest.v1+json")
        else:
            self.server.asked.set()
            self.server.over.wait()


class HangingRegistry:
    def __init__(self, world):
        layout = tiny_layout(world, name="hanging")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hanging)
        self.server.daemon_threads = True
        self.server.asked, self.server.over = threading.Event(), threading.Event()
        with open(layout.file(layout.manifests[0]["digest"]), "rb") as file:
            self.server.manifest = file.read()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.over.set()
        self.server.shutdown()
        self.server.server_close()

    def pull(self, world):
        """An install that is not done before the test is."""
        self.server.asked.clear()
        command = world.start("install", f"docker://127.0.0.1:{self.server.server_address[1]}/image", "--name", "half")
        wait_for("skopeo asks for a layer", lambda: command.poll() is not None or self.server.asked.is_set())
        return command


def programs(name):
    return [pid for pid in descendants() if program_of(pid) == name]


@modes("root", "rootless")
def test_a_signal_during_a_pull_leaves_nothing(fresh):
    with HangingRegistry(fresh) as hanging:
        for number in (signal.SIGINT, signal.SIGKILL):
            command = hanging.pull(fresh)
            equal([o["stage"] for o in fresh.lxctl("--json", "status").json()["operations"]], ["pulling"], "the stage")
            command.send_signal(number)
            equal(command.ended(), -number, "how lxctl ended")
            wait_for("no skopeo is left", lambda: not programs("skopeo") and not programs("lxss-fetch"))
            clean(fresh)


@modes("root", "rootless")
def test_kill_9_of_any_program_during_a_pull_leaves_nothing(fresh):
    with HangingRegistry(fresh) as hanging:
        for victim, word in (("skopeo", "signal 9"), ("lxss-fetch", "unexpectedly")):
            command = hanging.pull(fresh)
            for pid in programs(victim):
                os.kill(pid, signal.SIGKILL)
            sentence(command.finish(), word, code=125)
            clean(fresh)
        command = hanging.pull(fresh)
        os.kill(fresh.daemon(), signal.SIGKILL)
        command.ended()
        wait_for("nothing is left", lambda: not descendants())
        fresh.lxctl("list").good()
        clean(fresh)


def test_only_images_have_a_worker_load_what_reads_json():
    loaded = run("ldd", program("lxss-worker")).good().text
    contains(loaded, "libarchive")
    expect("json" not in loaded and "libgio" not in loaded, f"every worker loads {loaded}")


# -------------------------------------------------------------------------- export


def exported(world, name, *options):
    path = os.path.join(world.work, "exported")
    world.lxctl("export", "--terminate", name, f"oci:{path}:v1", *options).good()
    return path


def beside(world):
    return sorted(os.listdir(world.work))


@everywhere
def test_an_exported_image_is_a_valid_layout_of_the_user(fresh):
    tools("skopeo")
    small(fresh)
    path = exported(fresh, "tiny")
    equal(sorted(os.listdir(path)), ["blobs", "index.json", "oci-layout"])
    for folder, folders, files in os.walk(path):
        for entry in folders + files:
            st = os.stat(os.path.join(folder, entry))
            equal((st.st_uid, st.st_mode & 0o777), (os.getuid(), 0o755 if entry in folders else 0o644), entry)
    for name in os.listdir(os.path.join(path, "blobs", "sha256")):
        equal(hashlib.sha256(read(os.path.join(path, "blobs", "sha256", name))).hexdigest(), name, "a blob's digest")
    config = json.loads(run("skopeo", "inspect", "--config", f"oci:{path}:v1").good().out)
    equal((config["architecture"], config["os"], config["config"]["Cmd"]), (MACHINE, "linux", ["/bin/sh"]))
    contains(config["config"]["Env"][0], "PATH=", "/usr/bin")
    equal(beside(fresh), ["exported", "source.tar"], "what is in the directory")


@lengthy
@modes("root", "rootless")
def test_a_debian_comes_back_from_an_image_as_it_was(fresh):
    fresh.install(debian_tar(), "first").good()
    fresh.lxctl("launch", "-d", "first", "-u", "root", "--", "sh", "-c", ODD).good()
    before = listing(fresh, "first")
    path = exported(fresh, "first")
    fresh.lxctl("install", f"oci:{path}:v1", "--name", "second", seconds=300).good()
    same(listing(fresh, "second"), before, "the second Debian")
    config = json.loads(run("skopeo", "inspect", "--config", f"oci:{path}:v1").good().out)
    equal(config["config"]["Cmd"], ["/bin/bash"])


RUNC = {
    "ociVersion": "1.0.2", "hostname": "c",
    "process": {"user": {"uid": 0, "gid": 0}, "cwd": "/", "args": [], "env": []},
    "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "network")]},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "root": {"path": "rootfs"},
}  # fmt: skip


PODMAN = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""


@modes("root")
def test_runc_runs_what_umoci_unpacks_of_an_exported_image(fresh):
    tools("umoci", "runc")
    small(fresh)
    path, bundle = exported(fresh, "tiny"), os.path.join(fresh.work, "bundle")
    run("umoci", "unpack", "--image", f"{path}:v1", bundle).good()
    with open(os.path.join(bundle, "config.json")) as file:
        args = json.load(file)["process"]["args"]
    equal(args, ["/bin/sh"], "what the image runs")
    config = json.loads(json.dumps(RUNC))
    config["process"]["args"] = [*args, "-c", "cat /etc/marker"]
    with open(os.path.join(bundle, "config.json"), "w") as file:
        json.dump(config, file)
    result = run("runc", "--root", os.path.join(fresh.work, "runc"), "run", "--bundle", bundle, f"lxss-test-{os.getpid()}")
    if result.code and b"cgroup" in result.err:
        raise Skip("runc refuses this machine: " + result.said.strip().splitlines()[-1])
    equal(result.good().text, "tiny")


@modes("root")
def test_podman_runs_an_exported_image(fresh):
    tools("podman", "runc")
    small(fresh)
    path = exported(fresh, "tiny")
    with open(os.path.join(fresh.work, "containers.conf"), "w") as file:
        file.write(PODMAN)
    environment = fresh.environment({"CONTAINERS_CONF": os.path.join(fresh.work, "containers.conf")})
    storage = os.path.join(fresh.work, "storage")
    run_root = tempfile.mkdtemp(prefix="lxss-podman-", dir="/tmp")  # podman wants a short one
    podman = ["podman", "--root", storage, "--runroot", run_root, "--storage-driver", "vfs"]
    try:
        image = run(*podman, "pull", "--quiet", f"oci:{path}:v1", env=environment).good().text
        result = run(*podman, "run", "--rm", "--network", "none", image, "/bin/cat", "/etc/marker", env=environment)
        if result.code and (b"cgroup" in result.err or b"netavark" in result.err):
            raise Skip("podman refuses this machine: " + result.said.strip().splitlines()[-1])
        equal(result.good().text, "tiny")
    finally:
        run(*podman, "rmi", "--all", "--force", env=environment)
        shutil.rmtree(run_root)


def large(world):
    """So much that it takes a while to export."""
    command = "for i in 1 2 3 4; do cat /bin/* >>/root/large; cat /root/large >/root/other; cat /root/other >>/root/large; done"
    world.lxctl("launch", "-d", "tiny", "-u", "root", "--", "sh", "-c", command).good()
    world.lxctl("terminate", "tiny").good()


@everywhere
def test_an_exported_image_is_there_whole_or_not_at_all(fresh):
    client = small(fresh).client()
    target = os.path.join(fresh.work, "exported")
    sentence(fresh.lxctl("export", "tiny", f"oci:{target}"), "running", "--terminate", code=125)
    equal(beside(fresh), ["source.tar"], "what is in the directory")
    client.kill()
    client.ended()
    large(fresh)
    for number in (signal.SIGINT, signal.SIGKILL):
        command = fresh.start("export", "tiny", f"oci:{target}")
        wait_for("the layer grows", lambda: command.poll() is not None or [p for p in descendants() if program_of(p) == "lxss-worker"])
        command.send_signal(number)
        equal(command.ended(), -number, "how lxctl ended")
        wait_for("no worker is left", lambda: not [p for p in descendants() if program_of(p) == "lxss-worker"])
        expect("exported" not in beside(fresh), "half an image is there")
        wait_for("what was written is gone", lambda: beside(fresh) == ["source.tar"])
    fresh.lxctl("export", "tiny", f"oci:{target}").good()
    before = sorted(os.listdir(os.path.join(target, "blobs", "sha256")))
    sentence(fresh.lxctl("export", "tiny", f"oci:{target}"), "is there already", code=125)
    equal(sorted(os.listdir(os.path.join(target, "blobs", "sha256"))), before, "the blobs of the first image")
    os.mkdir(os.path.join(fresh.work, "empty"))
    fresh.lxctl("export", "tiny", "oci:empty/").good()
    equal(sorted(os.listdir(os.path.join(fresh.work, "empty"))), ["blobs", "index.json", "oci-layout"])


@lengthy
@modes("root", "rootless")
def test_lxctl_killed_at_any_system_call_leaves_a_whole_image_or_none(fresh):
    """lxssd is there already, and what it makes is its to remove."""
    fresh.configure("exit-idle=60\n")
    small(fresh)
    target, report = os.path.join(fresh.work, "exported"), os.path.join(fresh.dir, "report")
    number = done = 0
    hit = "lxssd"  # as fault_at.py calls what it starts
    while hit:
        number += 1
        words = [os.path.join(SOURCE, "tests", "fault_at.py"), report, "lxssd", "SIGKILL", str(number), program("lxctl"), "export", "tiny", f"oci:{target}"]
        run("/usr/bin/python3", *words, env=fresh.environment(), cwd=fresh.work).good()
        with open(report) as file:
            hit = json.load(file)["hit"]
        wait_for("the export is over", lambda: fresh.lxctl("--json", "list").json()[0]["state"] == "stopped")
        wait_for("nothing else is there", lambda: beside(fresh) in (["source.tar"], ["exported", "source.tar"]))
        if os.path.exists(target):
            equal(sorted(os.listdir(target)), ["blobs", "index.json", "oci-layout"], f"the image after lxctl died at call {number}")
            shutil.rmtree(target)
            done += 1
    expect(number > 20 and 0 < done < number, f"{done} of {number} exports were carried out")
    fresh.lxctl("shutdown").good()
    equal(beside(fresh), ["source.tar"], "what is in the directory")


def test_lxssd_killed_while_it_writes_an_image_leaves_nothing(fresh):
    large(small(fresh))
    command = fresh.start("export", "tiny", f"oci:{fresh.work}/exported")
    wait_for("the layer grows", lambda: [p for p in descendants() if program_of(p) == "lxss-worker"])
    os.kill(fresh.daemon(), signal.SIGKILL)
    sentence(command.finish(), "lxssd", code=125)
    equal(beside(fresh), ["source.tar"], "what is in the directory")


@modes("root", "rootless")
def test_an_image_that_cannot_be_written_is_refused(fresh):
    small(fresh)
    file = os.path.join(fresh.work, "file")
    with open(file, "w") as stream:
        stream.write("x")
    for arguments, needles in (
        (("tiny", "oci:"), ("directory",)),
        (("tiny", "oci::tag"), ("directory",)),
        (("tiny", "oci:file"), ("file",)),
        (("tiny", "oci:nowhere/image"), ("nowhere/image", "No such file")),
        (("tiny", "oci:image:a b"), ("a b", "tag")),
        (("tiny", "oci:image:-x"), ("-x", "tag")),
        (("tiny", "oci:image", "--format", "tar"), ("--format",)),
        (("nosuch", "oci:image"), ("nosuch",)),
    ):
        sentence(fresh.lxctl("export", *arguments), *needles, code=125)
    equal(beside(fresh), ["file", "source.tar"], "what is in the directory")
    bus = fresh.awake()
    d = bus.dbus
    with open(file, "r+b") as stream:
        operation = bus.manager("Export", "sha{sv}", "tiny", d.types.UnixFd(stream), d.Dictionary({"format": "oci"}, "sv"))
        result, _, text = bus.signal("Finished", str(operation))
        expect(str(result) != "done" and "directory" in str(text), f"it ended with {result}, {text}")
        options = d.Dictionary({"format": "tar", "tag": "x"}, "sv")
        contains(bus.fails("InvalidArgument", MANAGER, I_MANAGER, "Export", "sha{sv}", "tiny", d.types.UnixFd(stream), options), "tag")
        for names in ({"directory": b"a/b", "temporary": b".b"}, {"directory": b"b", "temporary": b".."}, {"temporary": b"x"}):
            options = d.Dictionary({"format": "oci", **{name: d.ByteArray(value) for name, value in names.items()}}, "sv")
            contains(bus.fails("InvalidArgument", MANAGER, I_MANAGER, "Export", "sha{sv}", "tiny", d.types.UnixFd(stream), options), "names")
    bus.close()


if __name__ == "__main__":
    main(globals())
