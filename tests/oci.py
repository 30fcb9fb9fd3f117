# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images as the OCI's image-spec has them, written by hand, so that they can be
wrong on purpose; and a registry to keep them in."""

import gzip
import hashlib
import http.server
import io
import json
import os
import platform
import shutil
import socket
import subprocess
import tarfile

from lxss_test import Command, Skip, run, tiny_tar, wait_for

MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
MACHINE = MACHINES.get(platform.machine(), platform.machine())

# "tester" with the password "secret", as htpasswd -nbB writes it.
HTPASSWD = "tester:$2b$04$.KrHGUY3CbknDscy2sTP1eSTknyHWvUBEyDh.F.CaCQmfj75.imT.\n"


class RegistryHandler(http.server.BaseHTTPRequestHandler):
    """What a registry of a test's own answers with."""

    def reply(self, data, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def tools(*names):
    for name in names:
        if not shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"):
            raise Skip(f"{name} is not installed")


def member(archive, name, data=None, **attributes):
    info = tarfile.TarInfo(name)
    info.mode = 0o644 if data is not None else 0o755
    info.mtime = 1700000000
    if data is not None:
        info.size = len(data)
    for key, value in attributes.items():
        setattr(info, key, value)
    archive.addfile(info, io.BytesIO(data) if data is not None else None)


def layer(*members):
    """A layer's tar: (name, data or None, {attributes}) each; without data it is a directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data, *more in members:
            attributes = dict(more[0]) if more else {}
            if data is None:
                attributes.setdefault("type", tarfile.DIRTYPE)
            member(archive, name, data, **attributes)
    return buffer.getvalue()


class Layout:
    """An OCI image layout in a directory."""

    def __init__(self, path):
        self.path = path
        self.manifests = []
        os.makedirs(os.path.join(path, "blobs", "sha256"))
        with open(os.path.join(path, "oci-layout"), "w") as file:
            file.write('{"imageLayoutVersion": "1.0.0"}')

    def file(self, digest):
        return os.path.join(self.path, "blobs", "sha256", digest.split(":")[-1])

    def blob(self, data):
        digest = hashlib.sha256(data).hexdigest()
        with open(self.file(digest), "wb") as file:
            file.write(data)
        return {"digest": "sha256:" + digest, "size": len(data)}

    def image(self, layers, tag="latest", machine=MACHINE, compress=gzip.compress, media=".tar+gzip"):
        """Adds an image of these tars; returns the descriptors of its layers."""
        config = {
            "architecture": machine, "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(tar).hexdigest() for tar in layers]},
        }  # fmt: skip
        descriptors = [
            dict(self.blob(compress(tar)), mediaType="application/vnd.oci.image.layer.v1" + media) for tar in layers
        ]
        manifest = {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": dict(self.blob(json.dumps(config).encode()), mediaType="application/vnd.oci.image.config.v1+json"),
            "layers": descriptors,
        }  # fmt: skip
        entry = dict(self.blob(json.dumps(manifest).encode()), mediaType="application/vnd.oci.image.manifest.v1+json")
        entry["platform"] = {"architecture": machine, "os": "linux"}
        self.add(entry, tag)
        return descriptors

    def add(self, entry, tag):
        if tag:
            entry = dict(entry, annotations={"org.opencontainers.image.ref.name": tag})
        self.manifests.append(entry)
        self.write()

    def index(self, tag):
        """What was added so far becomes one image for several machines."""
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": self.manifests}
        entry = dict(self.blob(json.dumps(index).encode()), mediaType="application/vnd.oci.image.index.v1+json")
        self.manifests = []
        self.add(entry, tag)

    def write(self):
        with open(os.path.join(self.path, "index.json"), "w") as file:
            json.dump({"schemaVersion": 2, "manifests": self.manifests}, file)


def tiny_layout(world, *more, name="tiny", tag="latest", **options):
    """A layout with one image: a distribution, and the layers over it."""
    layout = Layout(os.path.join(world.work, name))
    layout.image([tiny_tar(), *more], tag, **options)
    return layout


def copy(*words):
    tools("skopeo")
    run("skopeo", "copy", "--quiet", *words, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "XDG_RUNTIME_DIR": "/nonexistent"}).good()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def reachable(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def authority(folder, address):
    """A certificate authority made for the test, and a server's certificate of it: paths of CA, certificate, key."""
    tools("openssl")
    os.mkdir(folder)
    ca, ca_key, server, key = (os.path.join(folder, name) for name in ("ca.crt", "ca.key", "server.crt", "server.key"))
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("openssl", "req", "-x509", *new, "-subj", "/CN=An authority", "-days", "2", "-keyout", ca_key, "-out", ca).good()
    run("openssl", "req", *new, "-subj", "/CN=registry", "-keyout", key, "-out", server + ".csr").good()
    with open(server + ".ext", "w") as file:
        file.write(f"subjectAltName=IP:{address}\n")
    run("openssl", "x509", "-req", "-in", server + ".csr", "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
        "-extfile", server + ".ext", "-out", server).good()  # fmt: skip
    return ca, server, key


def registry(world, login=False, certificate=None):
    """Debian's docker-registry on a port of loopback: HOST:PORT. It ends with the test. certificate: (file, key)."""
    tools("docker-registry", "skopeo")
    port = free_port()
    storage = os.path.join(world.work, f"registry-{port}")
    os.mkdir(storage)
    config = f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {storage}\nhttp:\n  addr: 127.0.0.1:{port}\n"
    if certificate:
        config += f"  tls:\n    certificate: {certificate[0]}\n    key: {certificate[1]}\n"
    if login:
        with open(storage + ".htpasswd", "w") as file:
            file.write(HTPASSWD)
        config += f"auth:\n  htpasswd:\n    realm: test\n    path: {storage}.htpasswd\n"
    with open(storage + ".yml", "w") as file:
        file.write(config)
    with open(storage + ".log", "w") as log:
        Command(["docker-registry", "serve", storage + ".yml"], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    wait_for("the registry listens", lambda: reachable(port))
    return f"127.0.0.1:{port}"


def push(layout, tag, target, *words):
    copy("--dest-tls-verify=false", *words, f"oci:{layout.path}:{tag}", f"docker://{target}")
