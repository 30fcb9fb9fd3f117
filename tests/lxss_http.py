# SPDX-License-Identifier: LGPL-2.1-or-later
"""A web server on loopback for the tests, in threads of the test itself: what it
serves is said by a table of paths, and what it was asked stays to be looked at."""

import http.server
import os
import socket
import ssl
import subprocess
import threading

NO_PROXY = {"http_proxy": None, "https_proxy": None, "no_proxy": None}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.close_connection = True
        self.server.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        answer = self.server.pages.get(self.path.partition("?")[0])
        if answer is None:
            return self.reply(404, b"nothing here")
        try:
            return answer(self) if callable(answer) else self.reply(200, answer)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            return None

    def do_CONNECT(self):
        """As a proxy: relays to wherever, and says so in requests."""
        self.close_connection = True
        self.server.requests.append((self.path, dict(self.headers)))
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((self.server.hosts.get(host, host), int(port))) as there:
            self.send_response(200)
            self.end_headers()
            there_to_here = threading.Thread(target=relay, args=(there, self.connection), daemon=True)
            there_to_here.start()
            relay(self.connection, there)
            there_to_here.join()

    def reply(self, status, body=b"", **headers):
        self.head(status, len(body), **headers)
        self.wfile.write(body)

    def head(self, status, length=None, **headers):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()


def relay(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Server:
    """pages: path → bytes, or a function of the Handler."""

    running = []

    def __init__(self, pages=None, authority=None, hosts=None):
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.handle_error = lambda *_: None
        self.http.pages = pages or {}
        self.http.requests = []
        self.http.hosts = hosts or {}
        self.over = threading.Event()  # what hangs, hangs until then
        self.http.over = self.over
        if authority:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority.certificate, authority.key)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.scheme = "https" if authority else "http"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    @property
    def pages(self):
        return self.http.pages

    @property
    def requests(self):
        return self.http.requests

    @property
    def port(self):
        return self.http.server_address[1]

    def url(self, path="", login=""):
        return f"{self.scheme}://{login}127.0.0.1:{self.port}{path}"


class Authority:
    """Keys of our own: a root certificate, and one for 127.0.0.1 that it vouches for."""

    def __init__(self, folder):
        self.root = os.path.join(folder, "root.pem")
        self.certificate = os.path.join(folder, "server.pem")
        self.key = os.path.join(folder, "server.key")
        root_key, request, extensions = (os.path.join(folder, name) for name in ("root.key", "request", "extensions"))
        with open(extensions, "w") as file:
            file.write("subjectAltName=IP:127.0.0.1\n")
        new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        for command in (
            [*new, "-x509", "-days", "2", "-subj", "/CN=root of the tests", "-keyout", root_key, "-out", self.root],
            [*new, "-subj", "/CN=127.0.0.1", "-keyout", self.key, "-out", request],
            ["openssl", "x509", "-req", "-in", request, "-CA", self.root, "-CAkey", root_key, "-CAcreateserial",
             "-days", "2", "-extfile", extensions, "-out", self.certificate],
        ):  # fmt: skip
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


# -- pages


def hang(handler):
    """Takes the request and says nothing."""
    handler.server.over.wait()


def stall(data, at):
    """Says so much, and no more, and nothing to who wants the rest."""

    def page(handler):
        if handler.headers.get("Range"):
            return hang(handler)
        handler.head(200, len(data), ETag='"one"')
        handler.wfile.write(data[:at])
        handler.wfile.flush()
        return hang(handler)

    return page


def status(number, **headers):
    return lambda handler: handler.reply(number, b"a page for people", **headers)


def redirect(to, number=302):
    return lambda handler: handler.reply(number, b"over there", Location=to() if callable(to) else to)


def without_length(data):
    def page(handler):
        handler.head(200)
        handler.wfile.write(data)

    return page


def breaking(data, parts, tags=('"one"',), ranges=True, **headers):
    """Breaks off after each part of the data, whoever asks, and serves ranges, where ranges is
    True. The nth answer has the nth tag, or the last one."""
    asked = []

    def page(handler):
        asked.append(1)
        tag = tags[min(len(asked), len(tags)) - 1]
        start, wanted = 0, handler.headers.get("Range")
        if ranges and wanted and (handler.headers.get("If-Range") in (None, tag) or not tag):
            start = int(wanted.partition("=")[2].partition("-")[0])
        more = {**headers, **({"ETag": tag} if tag else {})}
        if start:
            handler.head(206, len(data) - start, Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}", **more)
        else:
            handler.head(200, len(data), **more)
        end = start + parts if len(asked) * parts < len(data) else len(data)
        handler.wfile.write(data[start:end])

    page.asked = asked
    return page
