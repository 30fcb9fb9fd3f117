# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tools that we are measured against. Each runs /bin/true in the same Debian
root file system, as its users would have it do that; what is not installed is left
out. All but nsenter, bwrap and distrobox are root's."""

import json
import os
import shutil
import subprocess
import tempfile

TRUE = "/bin/true"


def quietly(*words, check=True, **options):
    """What it says goes to a file, for what it leaves running may keep that open."""
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, **options)
        said.seek(0)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {said.read().decode(errors='replace').strip()[-400:]}")


class Peer:
    """start() brings up what runs all the time; command() is what is timed."""

    name = program = ""
    root = True  # only root can use it

    def __init__(self, machine):
        self.machine = machine

    def available(self):
        return bool(shutil.which(self.program)) and (not self.root or os.getuid() == 0)

    def start(self):
        pass

    def stop(self):
        pass

    def contestant(self):
        return {"name": self.name, "command": self.command()}


class Nsenter(Peer):
    """Into our own running instance, as the user whom it belongs to."""

    name, program, root = "nsenter", "nsenter", False

    def contestant(self):
        leader = str(self.machine.user.leader())
        words = ["nsenter", "-t", leader, "-U", "-m", "-p", "-i", "-u", "-C", "--preserve-credentials", TRUE]
        return self.machine.user.contestant(self.name, words)


class LxcAttach(Peer):
    name, program = "lxc-attach", "lxc-attach"

    def start(self):
        self.directory = self.machine.folder("lxc")
        os.makedirs(os.path.join(self.directory, "bench"), exist_ok=True)
        with open(os.path.join(self.directory, "bench", "config"), "w") as file:
            file.write(
                f"lxc.uts.name = bench\nlxc.rootfs.path = dir:{self.machine.rootfs}\nlxc.net.0.type = none\n"
                "lxc.init.cmd = /bin/sleep infinity\nlxc.mount.auto = proc:mixed sys:ro\nlxc.apparmor.profile = unconfined\n"
            )
        quietly("lxc-start", "-P", self.directory, "-n", "bench", "-d")
        quietly("lxc-wait", "-P", self.directory, "-n", "bench", "-s", "RUNNING", "-t", "20")

    def command(self, *words):
        return ["lxc-attach", "-P", self.directory, "-n", "bench", "--", *(words or (TRUE,))]

    def stop(self):
        quietly("lxc-stop", "-P", self.directory, "-n", "bench", "-k", check=False)


class RuncExec(Peer):
    name, program = "runc exec", "runc"

    def start(self):
        self.id = f"lxss-bench-{self.program}-{os.getpid()}"
        bundle = self.machine.folder(self.program)
        quietly("runc", "spec", cwd=bundle)
        path = os.path.join(bundle, "config.json")
        with open(path) as file:
            config = json.load(file)
        config["root"] = {"path": self.machine.rootfs, "readonly": False}
        config["process"].update(terminal=False, args=["/bin/sleep", "infinity"])
        config["process"].pop("rlimits", None)
        with open(path, "w") as file:
            json.dump(config, file)
        quietly(self.program, "run", "-d", self.id, cwd=bundle)

    def command(self):
        return [self.program, "exec", self.id, TRUE]

    def stop(self):
        quietly(self.program, "delete", "-f", self.id, check=False)


class CrunExec(RuncExec):
    name, program = "crun exec", "crun"

    def available(self):
        return super().available() and bool(shutil.which("runc"))  # which writes the bundle


class Podman(Peer):
    """What podman exec and distrobox have in common."""

    CONF = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "host"
[engine]
runtime = "{runtime}"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""

    def conf(self):
        path = os.path.join(self.machine.folder("podman"), "containers.conf")
        with open(path, "w") as file:
            file.write(self.CONF.format(runtime="runc" if shutil.which("runc") else "crun"))
        return path


class PodmanExec(Podman):
    name, program = "podman exec", "podman"

    def start(self):
        self.container = f"lxss-bench-{os.getpid()}"
        self.environment = dict(os.environ, CONTAINERS_CONF=self.conf())
        quietly(
            "podman", "run", "-d", "--name", self.container, "--network", "host", "--rootfs", self.machine.rootfs,
            "sleep", "infinity", env=self.environment,
        )  # fmt: skip

    def contestant(self):
        environment = [f"{k}={v}" for k, v in self.environment.items() if k in ("PATH", "HOME", "CONTAINERS_CONF")]
        return {"name": self.name, "environment": environment, "command": ["podman", "exec", self.container, TRUE]}

    def stop(self):
        quietly("podman", "rm", "-f", "-t", "0", self.container, check=False, env=self.environment)


class Distrobox(Podman):
    """Without root, as it wants to be used. Its first enter, which takes many seconds, is not what is timed."""

    name, program, root = "distrobox enter", "distrobox", False
    slow = True

    def available(self):
        return super().available() and bool(shutil.which("podman")) and self.machine.slow_peers

    def start(self):
        user = self.machine.user
        self.environment = {"CONTAINERS_CONF": self.conf()}
        user.run("podman", "import", self.machine.archive, "localhost/lxss-bench", env=self.environment)
        user.run("distrobox", "create", "--yes", "-n", "lxss-bench", "-i", "localhost/lxss-bench", env=self.environment)
        user.run("distrobox", "enter", "lxss-bench", "--", "true", env=self.environment)

    def contestant(self):
        return self.machine.user.contestant(
            self.name, ["distrobox", "enter", "lxss-bench", "--", TRUE], self.environment
        )

    def stop(self):
        self.machine.user.run("podman", "rm", "-f", "-t", "0", "lxss-bench", env=self.environment, check=False)
        self.machine.user.run("podman", "rmi", "-f", "localhost/lxss-bench", env=self.environment, check=False)


class Schroot(Peer):
    name, program = "schroot -r", "schroot"

    def start(self):
        self.session = f"lxss-bench-{os.getpid()}"
        self.conf = f"/etc/schroot/chroot.d/{self.session}.conf"
        with open(self.conf, "w") as file:
            file.write(
                f"[{self.session}]\ntype=directory\ndirectory={self.machine.rootfs}\nusers=root\nroot-users=root\nprofile=minimal\n"
            )
        quietly("schroot", "-b", "-c", self.session, "-n", self.session)

    def command(self):
        return ["schroot", "-r", "-c", self.session, "-d", "/", "--", TRUE]

    def stop(self):
        quietly("schroot", "-e", "-c", self.session, check=False)
        os.unlink(self.conf)


class Bwrap(Peer):
    """New namespaces each time, rootless, with what our instances have in them."""

    name, program, root = "bwrap", "bwrap", False

    def contestant(self):
        words = [
            "bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try",
            "--bind", self.machine.user.rootfs, "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs",
            "/run", "--ro-bind", "/sys", "/sys", TRUE,
        ]  # fmt: skip
        return self.machine.user.contestant(self.name, words)


class Nspawn(Peer):
    name, program = "systemd-nspawn", "systemd-nspawn"

    def command(self):
        words = f"systemd-nspawn -q -D {self.machine.rootfs} --register=no --keep-unit --pipe {TRUE}"
        return ["sh", "-c", f"exec {words} 2>/dev/null"]  # where there is no systemd it complains about a directory


RUNNING = [Nsenter, LxcAttach, Schroot, RuncExec, CrunExec, PodmanExec, Distrobox]
NEW = [Bwrap, Nspawn]
