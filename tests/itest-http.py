#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An archive behind a URL as the source of a distribution: every way in which a
server, a proxy or a network may misbehave, and that it comes whole or not at all."""

import base64
import hashlib
import os
import signal

from lxss_http import NO_PROXY, Authority, Server, breaking, hang, redirect, stall, status, without_length
from lxss_test import (
    contains, debian_tar, descendants, equal, everywhere, expect, lengthy, main, modes, once, program_of, read, sentence, tiny_tar,
    wait_for,
)  # fmt: skip


def install(world, url, *options, env=None):
    return world.lxctl("install", url, *options, env={**NO_PROXY, **(env or {})})


def refused(world, result, *needles):
    """It failed with such a sentence, and nothing came of it."""
    sentence(result, *needles, code=125)
    equal(world.installed(), [])
    wait_for("nothing is staged", lambda: not world.staged())
    wait_for("no worker is left", lambda: not [p for p in descendants() if program_of(p) in ("lxss-fetch", "lxss-worker")])


def marker(world, name):
    return world.lxctl("launch", "-d", name, "--", "cat", "/etc/marker").good().text


@once
def test_a_debian_is_installed_from_a_web_server(fresh):
    with Server({"/images/debian.tar": read(debian_tar())}) as server:
        said = install(fresh, server.url("/images/debian.tar?token=secret"))
        contains(said.good().text, "debian")
        contains(said.said, "Downloading")
        expect("Extracting" not in said.said, f"it says that it extracts while it downloads: {said.said}")
        equal(server.requests[0][1]["user-agent"].partition("/")[0], "lxss")
        equal([path for path, _ in server.requests], ["/images/debian.tar?token=secret"])
    contains(fresh.lxctl("launch", "-d", "debian", "--", "cat", "/etc/os-release").good().text, "bookworm")
    source = fresh.lxctl("--json", "list").json()[0]["source"]
    equal(source, server.url("/images/debian.tar"), "the source, without its secrets")


@modes("root", "rootless")
def test_the_name_and_the_digest_are_those_that_were_asked_for(fresh):
    data = tiny_tar(compress=["gzip"])
    digest = hashlib.sha256(data).hexdigest()
    with Server({"/tiny.tar.gz": data, "/": data}) as server:
        install(fresh, server.url("/tiny.tar.gz"), "--sha256", digest).good()
        install(fresh, server.url("/tiny.tar.gz"), "--name", "other", "--sha256", digest.upper()).good()
        equal(fresh.installed(), ["other", "tiny"])
        sentence(install(fresh, server.url("/tiny.tar.gz"), "--name", "third", "--sha256", "0" * 64), "SHA-256", code=125)
        sentence(install(fresh, server.url("/"), "--sha256", digest), "name", code=125)
    equal(fresh.installed(), ["other", "tiny"])


@once
def test_redirects_are_followed_and_do_not_name_the_distribution(fresh):
    with Server() as server:
        server.pages["/tiny.tar"] = redirect("/a")
        server.pages["/a"] = redirect(server.url("/b.tar"), 301)
        server.pages["/b.tar"] = tiny_tar()
        install(fresh, server.url("/tiny.tar")).good()
    equal(fresh.installed(), ["tiny"])


@once
def test_endless_redirects_end(fresh):
    with Server() as server:
        server.pages["/a.tar"] = redirect("/b.tar")
        server.pages["/b.tar"] = redirect("/a.tar")
        refused(fresh, install(fresh, server.url("/a.tar")), "redirected", "address")
        expect(len(server.requests) <= 12, f"{len(server.requests)} requests")


@once
def test_a_redirect_never_leads_to_files_of_this_machine_or_away_from_https(fresh):
    path = os.path.join(fresh.work, "tiny.tar")
    tiny_tar(path)
    authority = Authority(fresh.work)
    with Server({"/a.tar": redirect(f"file://{path}")}) as server:
        refused(fresh, install(fresh, server.url("/a.tar")), "redirects", "https")
        with Server({"/a.tar": redirect(server.url("/b.tar"))}, authority) as secure:
            refused(fresh, install(fresh, secure.url("/a.tar"), env={"SSL_CERT_FILE": authority.root}), "redirects", "https")
        equal([path for path, _ in server.requests], ["/a.tar"], "what was asked of the insecure server")


@once
def test_what_the_server_answers_is_said(fresh):
    cases = {
        404: ("404", "does not have it"), 410: ("410", "no longer"), 401: ("401", "USER:PASSWORD"), 403: ("403", "not give"),
        500: ("500", "later"), 503: ("503", "later"), 429: ("429", "later"), 300: ("300", "where"), 204: ("204",),
    }  # fmt: skip
    with Server({f"/{number}.tar": status(number) for number in cases}) as server:
        for number, needles in cases.items():
            refused(fresh, install(fresh, server.url(f"/{number}.tar")), server.url(f"/{number}.tar"), *needles)


@once
def test_a_login_goes_to_its_host_only(fresh):
    wanted = "Basic " + base64.b64encode(b"anna:secret").decode()

    def guarded(handler):
        if handler.headers.get("Authorization") != wanted:
            return handler.reply(401, b"who?", WWW_Authenticate='Basic realm="x"')
        return handler.reply(302, Location=elsewhere.url("/tiny.tar"))

    with Server({"/tiny.tar": tiny_tar()}) as elsewhere, Server({"/a.tar": guarded}) as server:
        refused(fresh, install(fresh, server.url("/a.tar")), "login")
        said = install(fresh, server.url("/a.tar", "anna:wrong@"))
        refused(fresh, said, "login")
        expect("wrong" not in said.said, f"the password is shown: {said.said}")
        install(fresh, server.url("/a.tar", "anna:secret@")).good()
        expect("authorization" not in elsewhere.requests[0][1], "the login was sent to another host")
    source = fresh.lxctl("--json", "list").json()[0]["source"]
    equal(source, server.url("/a.tar"))


@lengthy
@once
def test_a_server_that_hangs_is_given_up(fresh):
    fresh.configure("transfer-timeout=1\n")
    with Server({"/a.tar": hang, "/b.tar": stall(tiny_tar(), 100000)}) as server:
        refused(fresh, install(fresh, server.url("/a.tar")), "nothing came", "1 s", "transfer-timeout")
        refused(fresh, install(fresh, server.url("/b.tar")), "nothing came", "1 s")
        expect(len(server.requests) > 2, "it was not asked to go on")


@once
def test_who_is_not_there_is_said(fresh):
    server = Server()
    server.__exit__()
    refused(fresh, install(fresh, server.url("/a.tar")), "refused", "address", "127.0.0.1")
    refused(fresh, install(fresh, "http://nosuchhost.invalid/a.tar"), "nosuchhost.invalid", "resolve")
    refused(fresh, install(fresh, "http://127.0.0.1:99999/a.tar"), "URL")
    refused(fresh, install(fresh, "http:a.tar"), "no source")
    refused(fresh, install(fresh, "ftp://127.0.0.1/a.tar"), "no source", "https://")


@modes("root", "rootless")
def test_a_broken_transfer_goes_on_where_it_broke(fresh):
    data = tiny_tar()
    page = breaking(data, len(data) // 3 + 1)
    with Server({"/tiny.tar": page}) as server:
        install(fresh, server.url("/tiny.tar"), "--sha256", hashlib.sha256(data).hexdigest()).good()
        equal(len(page.asked), 3)
        third = len(data) // 3 + 1
        equal([headers.get("range") for _, headers in server.requests], [None, f"bytes={third}-", f"bytes={2 * third}-"])
        equal([headers.get("if-range") for _, headers in server.requests], [None, '"one"', '"one"'])
    equal(marker(fresh, "tiny"), "tiny")


@once
def test_a_date_serves_where_there_is_no_tag(fresh):
    data = tiny_tar()
    page = breaking(data, len(data) // 2 + 1, tags=(None,), Last_Modified="Wed, 01 Nov 2023 10:00:00 GMT")
    with Server({"/tiny.tar": page}) as server:
        install(fresh, server.url("/tiny.tar")).good()
        equal(server.requests[1][1]["if-range"], "Wed, 01 Nov 2023 10:00:00 GMT")


@once
def test_a_broken_transfer_is_never_mended_with_something_else(fresh):
    data = tiny_tar()
    half = len(data) // 2 + 1

    def liar(handler):
        """Serves a range, and says that it is of something else."""
        start = handler.headers.get("Range")
        if not start:
            handler.head(200, len(data), ETag='"one"')
            return handler.wfile.write(data[:half])
        return handler.reply(206, data[half:], ETag='"two"', Content_Range=f"bytes {half}-{len(data) - 1}/{len(data)}")

    def shifted(handler):
        if not handler.headers.get("Range"):
            handler.head(200, len(data), ETag='"one"')
            return handler.wfile.write(data[:half])
        return handler.reply(206, data[half - 1 :], ETag='"one"', Content_Range=f"bytes {half - 1}-{len(data) - 1}/{len(data)}")

    pages = {
        "/changed.tar": (breaking(data, half, tags=('"one"', '"two"')), "changed"),
        "/whole.tar": (breaking(data, half, ranges=False), "cannot go on"),
        "/weak.tar": (breaking(data, half, tags=('W/"one"',)), "no ETag"),
        "/nothing.tar": (breaking(data, half, tags=(None,)), "no ETag"),
        "/liar.tar": (liar, "something else"),
        "/shifted.tar": (shifted, "something else"),
    }
    with Server({path: page for path, (page, _) in pages.items()}) as server:
        for path, (_, needle) in pages.items():
            refused(fresh, install(fresh, server.url(path)), server.url(path), needle, "again")


@once
def test_a_server_that_always_breaks_off_is_given_up(fresh):
    page = breaking(tiny_tar(), 1000)
    with Server({"/a.tar": page}) as server:
        refused(fresh, install(fresh, server.url("/a.tar")), "broke off")
    expect(3 <= len(page.asked) <= 10, f"it was asked {len(page.asked)} times")


@once
def test_an_archive_without_a_length_comes_as_well(fresh):
    data = tiny_tar()
    with Server({"/tiny.tar": without_length(data), "/half.tar": without_length(data[: len(data) // 2])}) as server:
        install(fresh, server.url("/tiny.tar")).good()
        sentence(install(fresh, server.url("/half.tar")), code=125)
    equal(fresh.installed(), ["tiny"])


@once
def test_content_encoding_does_not_change_the_archive(fresh):
    data = tiny_tar(compress=["gzip"])
    digest = hashlib.sha256(data).hexdigest()
    with Server({"/tiny.tar.gz": lambda handler: handler.reply(200, data, Content_Encoding="gzip")}) as server:
        install(fresh, server.url("/tiny.tar.gz"), "--sha256", digest).good()
        expect("accept-encoding" not in server.requests[0][1], "it asks for an encoding")
    equal(marker(fresh, "tiny"), "tiny")


@once
def test_what_is_no_archive_is_said_by_who_unpacks_it(fresh):
    with Server({"/page.tar": b"<html>a page for people</html>" * 1000, "/empty.tar": b""}) as server:
        refused(fresh, install(fresh, server.url("/page.tar")), "archive")
        refused(fresh, install(fresh, server.url("/empty.tar")), "archive")


@once
def test_what_follows_the_end_of_an_archive_harms_nothing(fresh):
    with Server({"/tiny.tar.gz": tiny_tar(compress=["gzip"]) + bytes(4 << 20)}) as server:
        install(fresh, server.url("/tiny.tar.gz")).good()
    equal(marker(fresh, "tiny"), "tiny")


@modes("root", "rootless")
def test_a_certificate_is_believed_where_its_authority_is_known(fresh):
    authority = Authority(fresh.work)
    with Server({"/tiny.tar": tiny_tar()}, authority) as server:
        refused(fresh, install(fresh, server.url("/tiny.tar")), "certificate", "SSL_CERT_FILE")
        other = server.url("/tiny.tar").replace("127.0.0.1", "localhost")
        refused(fresh, install(fresh, other, env={"SSL_CERT_FILE": authority.root}), "certificate")
        refused(fresh, install(fresh, server.url("/tiny.tar"), env={"SSL_CERT_FILE": "/nonexistent"}), "/nonexistent", "SSL_CERT_FILE")
        refused(fresh, install(fresh, server.url("/tiny.tar"), env={"CURL_CA_BUNDLE": "root.pem"}), "root.pem")
        install(fresh, server.url("/tiny.tar"), "--name", "a", env={"SSL_CERT_FILE": authority.root}).good()
        install(fresh, server.url("/tiny.tar"), "--name", "b", env={"CURL_CA_BUNDLE": authority.root}).good()
    equal(fresh.installed(), ["a", "b"])


@modes("root", "rootless")
def test_the_proxy_is_that_of_the_caller(fresh):
    authority = Authority(fresh.work)
    fresh.awake()  # lxssd runs, and has no proxy in its environment
    with Server({"/tiny.tar": tiny_tar()}, authority) as secure, Server() as proxy:
        proxy.pages["http://nosuchhost.invalid/tiny.tar"] = tiny_tar()
        install(fresh, "http://nosuchhost.invalid/tiny.tar", "--name", "a", env={"http_proxy": proxy.url()}).good()
        env = {"https_proxy": proxy.url(), "SSL_CERT_FILE": authority.root}
        install(fresh, secure.url("/tiny.tar"), "--name", "b", env=env).good()
        equal([path for path, _ in proxy.requests], ["http://nosuchhost.invalid/tiny.tar", f"127.0.0.1:{secure.port}"])
        install(fresh, secure.url("/tiny.tar"), "--name", "c", env={**env, "no_proxy": "127.0.0.1"}).good()
        equal(len(proxy.requests), 2, "requests to the proxy")
        sentence(install(fresh, "http://x.invalid/d.tar", env={"http_proxy": "http://nosuchproxy.invalid:1"}), "proxy", code=125)
        proxy.pages["http://x.invalid/d.tar"] = status(407)
        sentence(install(fresh, "http://x.invalid/d.tar", env={"http_proxy": proxy.url()}), "407", "proxy", "login", code=125)
    equal(fresh.installed(), ["a", "b", "c"])


@everywhere
def test_a_file_url_is_a_file_of_this_machine(fresh):
    path = os.path.join(fresh.work, "a b.tar")
    tiny_tar(path)
    install(fresh, f"file://{path.replace(' ', '%20')}", "--name", "tiny").good()
    equal(marker(fresh, "tiny"), "tiny")
    fresh.lxctl("uninstall", "tiny").good()
    os.mkfifo(os.path.join(fresh.work, "fifo.tar"))
    refused(fresh, install(fresh, f"file://{fresh.work}/missing.tar"), "missing.tar", "No such file")
    refused(fresh, install(fresh, f"file://{fresh.work}/fifo.tar"), "fifo.tar", "no file")
    refused(fresh, install(fresh, f"file://{fresh.work}", "--name", "x"), fresh.work, "directory")
    refused(fresh, install(fresh, f"file://elsewhere{path}", "--name", "x"), "this machine")


@modes("root", "rootless")
def test_other_variables_do_not_reach_lxss_fetch(fresh):
    bus = fresh.awake()
    options = bus.dbus.Dictionary({"environment": bus.dbus.Array(["LD_PRELOAD=/x"], signature="s")}, signature="sv")
    bus.fails("InvalidArgument", "/org/lxss/Manager1", "org.lxss.Manager1", "InstallFrom", "ssa{sv}", "http://127.0.0.1/", "x", options)
    equal(fresh.installed(), [])


def transferring(world, server, *options):
    """An install in the middle of its transfer."""
    server.pages["/half.tar"] = stall(tiny_tar(), 200000)
    command = world.start("install", server.url("/half.tar"), *options, env=NO_PROXY)
    wait_for("it is transferred", lambda: server.requests or command.poll() is not None)
    fetchers = [p for p in descendants() if program_of(p) == "lxss-fetch"]
    expect(len(fetchers) == 1, f"there are {len(fetchers)} lxss-fetch")
    return command, fetchers[0]


@modes("root")
def test_root_s_transfers_are_made_by_nobody(fresh):
    with Server() as server:
        command, pid = transferring(fresh, server)
        lines = read(f"/proc/{pid}/status", "r").splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        expect("65534" in fields["Uid"] and "0" not in fields["Uid"].split(), f"it runs as {fields['Uid']}")
        equal(fields["Groups"].split(), [], "its further groups")
        equal(int(fields["CapEff"], 16) | int(fields["CapPrm"], 16), 0, "its capabilities")
        equal(fields["NoNewPrivs"].strip(), "1")
        command.send_signal(signal.SIGTERM)
        command.ended()


@everywhere
def test_a_transfer_gains_no_rights(fresh):
    with Server() as server:
        command, pid = transferring(fresh, server)
        contains(read(f"/proc/{pid}/status", "r"), "NoNewPrivs:\t1")
        command.send_signal(signal.SIGTERM)
        command.ended()


@modes("root", "rootless")
def test_a_signal_ends_a_transfer(fresh):
    with Server() as server:
        command, _ = transferring(fresh, server)
        command.send_signal(signal.SIGINT)
        expect(command.ended() != 0, "lxctl returned 0")
        wait_for("no worker is left", lambda: not [p for p in descendants() if program_of(p) in ("lxss-fetch", "lxss-worker")])
        wait_for("nothing is staged", lambda: not fresh.staged())
    equal(fresh.installed(), [])


@everywhere
def test_kill_9_of_lxctl_or_lxss_fetch_or_lxssd_leaves_nothing(fresh):
    for victim in ("lxctl", "lxss-fetch", "lxssd"):
        with Server() as server:
            command, fetcher = transferring(fresh, server)
            os.kill({"lxctl": command.pid, "lxss-fetch": fetcher, "lxssd": fresh.daemon()}[victim], signal.SIGKILL)
            command.ended()
            wait_for("no worker is left", lambda: not [p for p in descendants() if program_of(p) in ("lxss-fetch", "lxss-worker")])
        fresh.lxctl("list").good()
        wait_for("nothing is staged", lambda: not fresh.staged())
        equal(fresh.installed(), [])


if __name__ == "__main__":
    main(globals())
