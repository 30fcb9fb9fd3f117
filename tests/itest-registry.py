#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Registries with a certificate: whose authority is known or not, and with a login."""

import os
import shutil
import subprocess

from lxss_test import equal, everywhere, main, run, sentence, wait_for
from oci import authority, push, registry, tiny_layout

# This machine by an address that is not loopback's, for which certificates need not be had.
ANY = "0.0.0.0"


def secure_registry(world, **options):
    """HOST:PORT, as it is installed from, and the certificate of its authority."""
    ca, *certificate = authority(os.path.join(world.work, "authority"), ANY)
    port = registry(world, certificate=certificate, **options).split(":")[1]
    return f"{ANY}:{port}", ca


def marker(world, name):
    return world.lxctl("launch", "-d", name, "--", "cat", "/etc/marker").good().text


def nothing(world):
    equal(world.installed(), [], "what is installed")
    wait_for("nothing is staged", lambda: not world.staged())


@everywhere
def test_a_registry_of_an_unknown_authority_is_refused_until_that_is_named(fresh):
    host, ca = secure_registry(fresh)
    push(tiny_layout(fresh), "latest", f"{host}/image:v1")
    source = f"docker://{host}/image:v1"
    sentence(fresh.lxctl("install", source), "x509", f"~/.config/containers/certs.d/{host}/ca.crt", "SSL_CERT_FILE", code=125)
    nothing(fresh)
    fresh.lxctl("install", source, "--name", "variable", env={"SSL_CERT_FILE": ca}).good()
    equal(marker(fresh, "variable"), "tiny")
    fresh.lxctl("uninstall", "--terminate", "variable").good()
    fresh.lxctl("shutdown").good()
    sentence(fresh.lxctl("install", source), "x509", code=125)
    nothing(fresh)
    folder = os.path.join(fresh.home, ".config", "containers")
    os.makedirs(os.path.join(folder, "certs.d", host))
    try:
        shutil.copy(ca, os.path.join(folder, "certs.d", host, "ca.crt"))
        fresh.lxctl("install", source, "--name", "directory").good()
        equal(marker(fresh, "directory"), "tiny")
    finally:
        shutil.rmtree(folder)


@everywhere
def test_a_certificate_and_a_login_go_together(fresh):
    host, ca = secure_registry(fresh, login=True)
    push(tiny_layout(fresh), "latest", f"{host}/image:v1", "--dest-creds", "tester:secret")
    source = f"docker://{host}/image:v1"
    known = {"SSL_CERT_FILE": ca}
    sentence(fresh.lxctl("install", source, env=known), f"skopeo login {host}", code=125)
    nothing(fresh)
    file = os.path.join(fresh.work, "auth.json")
    login = ["skopeo", "login", "--cert-dir", os.path.dirname(ca), "--authfile", file, "--username", "tester", "--password-stdin", host]
    os.unlink(os.path.join(os.path.dirname(ca), "ca.key"))  # of a directory with keys of clients skopeo wants their certificates
    os.unlink(os.path.join(os.path.dirname(ca), "server.key"))
    run(*login, input=b"secret", env=fresh.environment(), stdin=subprocess.PIPE).good()
    os.unlink(os.path.join(os.path.dirname(ca), "server.crt"))
    sentence(fresh.lxctl("install", source, env={"REGISTRY_AUTH_FILE": file}), "x509", code=125)
    nothing(fresh)
    fresh.lxctl("shutdown").good()
    fresh.lxctl("install", source, env=dict(known, REGISTRY_AUTH_FILE=file)).good()
    equal(marker(fresh, "image"), "tiny")


if __name__ == "__main__":
    main(globals())
