#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images in files: a tar of an OCI layout, also a hostile one, and what paths may look like."""

import io
import os
import shutil
import tarfile

from lxss_test import descendants, equal, everywhere, expect, main, program_of, run, sentence, tiny_tar, wait_for
from oci import MACHINE, Layout, copy, layer, tiny_layout

FILE, LINK = {}, {"type": tarfile.SYMTYPE}


def clean(world):
    equal(world.installed(), [], "what is installed")
    wait_for("nothing is staged", lambda: not world.staged())
    equal([p for p in descendants() if program_of(p) in ("lxss-fetch", "lxss-worker", "skopeo")], [], "what still runs")


def names(world, name, path):
    return says(world, name, "ls", "-A", path).split()


def says(world, name, *argv):
    return world.lxctl("launch", "-d", name, "-u", "root", "--", *argv).good().text


@everywhere
def test_what_docker_saved_becomes_a_distribution(fresh):
    layout = tiny_layout(fresh, layer(("etc/.wh.marker", b""), ("etc/second", b"2\n")))
    archive = os.path.join(fresh.work, "saved.tar")
    copy(f"oci:{layout.path}:latest", f"docker-archive:{archive}:example.org/some/thing:v3")
    fresh.lxctl("install", "docker-archive:saved.tar").good()
    fresh.lxctl("install", "docker-archive:saved.tar:example.org/some/thing:v3").good()
    equal(fresh.installed(), ["saved", "thing"])
    expect("marker" not in names(fresh, "saved", "/etc"), "a file that a layer takes away is there")
    equal(says(fresh, "thing", "cat", "/etc/second"), "2")


@everywhere
def test_the_files_of_a_private_directory_are_read_as_the_user(fresh):
    layout = tiny_layout(fresh)
    archive = os.path.join(fresh.work, "saved.tar")
    copy(f"oci:{layout.path}:latest", f"docker-archive:{archive}:x:y")
    os.chmod(archive, 0o600)
    os.chmod(layout.path, 0o700)
    os.chmod(os.path.join(layout.path, "index.json"), 0o600)
    os.chmod(fresh.work, 0o700)
    fresh.lxctl("install", f"oci:{layout.path}:latest", "--name", "one").good()
    fresh.lxctl("install", f"docker-archive:{archive}", "--name", "two").good()


@everywhere
def test_of_an_image_for_several_machines_this_one_s_is_taken(fresh):
    layout = Layout(os.path.join(fresh.work, "many"))
    layout.image([tiny_tar(marker="other")], None, machine="s390x" if MACHINE != "s390x" else "amd64")
    layout.image([tiny_tar(marker="mine")], None)
    layout.index("all")
    fresh.lxctl("install", f"oci:{layout.path}:all").good()
    equal(says(fresh, "many", "cat", "/etc/marker"), "mine")
    only = Layout(os.path.join(fresh.work, "only"))
    only.image([tiny_tar()], None, machine="s390x" if MACHINE != "s390x" else "amd64")
    only.index("all")
    sentence(fresh.lxctl("install", f"oci:{only.path}:all"), "machine", code=125)
    equal(fresh.installed(), ["many"])


@everywhere
def test_a_tar_of_a_layout_becomes_a_distribution(fresh):
    layout = tiny_layout(fresh, layer(("etc/second", b"2\n")))
    archive = os.path.join(fresh.work, "whole.tar")
    copy(f"oci:{layout.path}:latest", f"oci-archive:{archive}:v1")
    run("gzip", "-k", archive).good()
    os.chmod(archive, 0o600)
    for source, name in (("oci-archive:whole.tar", "whole"), ("oci-archive:whole.tar:v1", "tagged"), ("oci-archive:whole.tar.gz", "packed")):
        fresh.lxctl("install", source, *(() if name == "whole" else ("--name", name))).good()
        equal(says(fresh, name, "cat", "/etc/marker", "/etc/second"), "tiny\n2")
        equal(sorted(os.listdir(os.path.dirname(fresh.rootfs(name)))), ["distribution.conf", "rootfs"], "what is beside the root")
    sentence(fresh.lxctl("install", "oci-archive:whole.tar:v2", "--name", "x"), "v2", code=125)


def hostile_archive(world, *members):
    """A tar of a layout with members that have no place in one."""
    archive = os.path.join(world.work, "hostile.tar")
    with tarfile.open(archive, "w") as tar:
        for name, data, more in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in more.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(data))
        tar.add(tiny_layout(world, name="inner").path, ".")
    shutil.rmtree(os.path.join(world.work, "inner"))
    return archive


@everywhere
def test_a_hostile_tar_of_a_layout_reaches_nothing_outside(fresh):
    outside = os.path.join(fresh.work, "outside")
    os.mkdir(outside)
    os.chmod(outside, 0o777)
    up = "../" * 20 + outside.lstrip("/")
    for members in (
        [(f"{up}/planted", b"x", FILE)],
        [(f"{outside}/planted", b"x", FILE)],
        [("out", b"", dict(LINK, linkname=outside)), ("out/planted", b"x", FILE)],
        [("out", b"", dict(LINK, linkname=up)), ("out/planted", b"x", FILE)],
        [("blobs", b"", dict(LINK, linkname=outside))],
        [("node", b"", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3})],
    ):
        result = fresh.lxctl("install", f"oci-archive:{hostile_archive(fresh, *members)}", "--name", "x")
        equal(os.listdir(outside), [], f"what {members} wrote outside")
        if result.code == 0:
            fresh.lxctl("uninstall", "x").good()
        else:
            sentence(result, code=125)
        clean(fresh)


@everywhere
def test_what_docker_saved_may_be_compressed(fresh):
    layout = tiny_layout(fresh, layer(("etc/second", b"2\n")))
    archive = os.path.join(fresh.work, "saved.tar")
    copy(f"oci:{layout.path}:latest", f"docker-archive:{archive}:example.org/x:v1")
    for tool in ("gzip", "xz", "zstd"):
        with open(f"{archive}.{tool}", "wb") as file:
            run(tool, "-1qc", archive, stdout=file).good()
        fresh.lxctl("install", f"docker-archive:saved.tar.{tool}:example.org/x:v1", "--name", tool).good()
        equal(says(fresh, tool, "cat", "/etc/second"), "2")
        equal(sorted(os.listdir(os.path.dirname(fresh.rootfs(tool)))), ["distribution.conf", "rootfs"], "what is beside the root")
    with open(f"{archive}.gzip", "r+b") as file:
        file.truncate(100000)
    for kind in ("docker", "oci"):
        sentence(fresh.lxctl("install", f"{kind}-archive:saved.tar.gzip", "--name", "x"), "cannot be read", code=125)
    equal(fresh.installed(), ["gzip", "xz", "zstd"])


@everywhere
def test_an_archive_of_another_kind_is_told_which_it_is(fresh):
    layout = tiny_layout(fresh)
    for kind in ("docker", "oci"):
        copy(f"oci:{layout.path}:latest", f"{kind}-archive:{fresh.work}/{kind}.tar:x:y")
    for source, needles in (
        ("oci-archive:docker.tar", ("docker-archive:FILE",)),
        ("docker-archive:oci.tar", ("oci-archive:FILE",)),
        ("docker.tar", ("no /bin/sh", "docker-archive:")),
        ("oci.tar", ("no /bin/sh", "oci-archive:")),
        (layout.path, ("no /bin/sh", "oci:")),
    ):
        sentence(fresh.lxctl("install", source, "--name", "wrong"), *needles, code=125)
    equal(fresh.installed(), [], "what is installed")


@everywhere
def test_a_path_may_have_colons(fresh):
    layout = tiny_layout(fresh, layer(("etc/second", b"2\n")), name="a:b:c", tag="v1")
    for kind in ("docker", "oci"):
        shutil.copytree(layout.path, os.path.join(fresh.work, "plain"))
        copy(f"oci:{fresh.work}/plain:v1", f"{kind}-archive:{fresh.work}/{kind}.tar:example.org/x:v1")
        shutil.rmtree(os.path.join(fresh.work, "plain"))
        os.rename(os.path.join(fresh.work, f"{kind}.tar"), os.path.join(fresh.work, f"{kind}:1:2.tar"))
    sources = ["oci:a:b:c", "oci:a:b:c:v1", f"oci:{layout.path}:v1", "docker-archive:docker:1:2.tar", "docker-archive:docker:1:2.tar:example.org/x:v1",
               "oci-archive:oci:1:2.tar"]  # fmt: skip
    for number, source in enumerate(sources):
        fresh.lxctl("install", source, "--name", f"n{number}").good()
        equal(says(fresh, f"n{number}", "cat", "/etc/second"), "2")
        equal(sorted(os.listdir(os.path.dirname(fresh.rootfs(f"n{number}")))), ["distribution.conf", "rootfs"], "what is beside the root")
    sentence(fresh.lxctl("install", "oci:a:b:c:v2", "--name", "x"), "v2", code=125)
    sentence(fresh.lxctl("install", "oci:a:b:d", "--name", "x"), "Cannot open a:", code=125)
    sentence(fresh.lxctl("install", "oci:a:b:c"), "--name", code=125)


if __name__ == "__main__":
    main(globals())
