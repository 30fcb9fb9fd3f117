# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a run of the benchmarks stands on, and takes away again: an ordinary user
(made for the run where root runs it), one Debian root file system, our programs,
and as many lxssds as are wanted, each with directories of its own."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(SOURCE, "tests"))

import lxss_test  # noqa: E402

PROGRAMS = ("lxbus", "lxctl", "lxssd", "lxinit", "lxss-base", "lxss-diagnose", "lxss-fetch", "lxss-network", "lxss-worker")
TOOLS = ("count", "dbus", "launcher", "stopwatch", "terminal")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class World:
    """One lxssd of the user, by its directories."""

    def __init__(self, machine, name, exit_idle):
        self.machine = machine
        self.dir = machine.folder(name, machine.uid)
        self.runtime = os.path.join(self.dir, "run")
        for folder in ("run", "data", "config", "config/lxss", "home"):
            os.mkdir(os.path.join(self.dir, folder), 0o700)
        with open(os.path.join(self.dir, "config/lxss/lxss.conf"), "w") as file:
            file.write(f"[manager]\nexit-idle={exit_idle}\n")
        for folder, names, files in os.walk(self.dir):
            for entry in [folder] + [os.path.join(folder, f) for f in files]:
                os.chown(entry, machine.uid, machine.gid)
        self.socket = os.path.join(self.runtime, "lxss", "manager")
        self.distributions = os.path.join(self.dir, "data", "lxss", "distributions")
        self.rootfs = os.path.join(self.distributions, "debian", "rootfs")
        self.running = []

    def environment(self, more=None):
        environment = {
            "PATH": f"{self.machine.programs}:{PATH}", "HOME": os.path.join(self.dir, "home"), "LANG": "C.UTF-8",
            "USER": self.machine.user_name, "LOGNAME": self.machine.user_name, "TERM": "dumb",
            "XDG_RUNTIME_DIR": self.runtime, "XDG_DATA_HOME": os.path.join(self.dir, "data"),
            "XDG_CONFIG_HOME": os.path.join(self.dir, "config"), "LXSS_LIBEXEC_DIR": self.machine.programs,
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.dir}/no-bus",
        }  # fmt: skip
        environment.update(more or {})
        return environment

    def options(self, env=None):
        options = {"env": self.environment(env), "cwd": self.environment()["HOME"], "stdin": subprocess.DEVNULL}
        if os.getuid() == 0:
            options.update(user=self.machine.uid, group=self.machine.gid, extra_groups=[])
        return options

    def run(self, *words, env=None, check=True):
        """To its end; returns what it printed."""
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complaint:
            done = subprocess.run(words, stdout=said, stderr=complaint, **self.options(env))
            said.seek(0)
            complaint.seek(0)
            if check and done.returncode != 0:
                raise RuntimeError(f"{' '.join(words)}: {complaint.read().decode(errors='replace').strip()[-400:]}")
            return said.read().decode(errors="replace")

    def start(self, *words, **more):
        options = self.options()
        options.update(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **more)
        process = subprocess.Popen(words, **options)
        self.running.append(process)
        return process

    def install(self, archive, name="debian"):
        self.run("lxctl", "-q", "install", archive, "--name", name)

    def hold(self, name="debian"):
        """Keeps an instance up; returns once it runs."""
        process = self.start("lxctl", "hold", name)
        lxss_test.wait_for(f"{name} is held", lambda: self.leader(name))
        return process

    def status(self):
        return json.loads(self.run("lxctl", "--json", "status"))

    def leader(self, name="debian"):
        for instance in self.status()["instances"]:
            if instance["distribution"] == name and instance["state"] == "running":
                return instance["leader"]
        return None

    def contestant(self, name, command, env=None, **more):
        return {
            "name": name, "user": (self.machine.uid, self.machine.gid), "directory": self.environment()["HOME"],
            "environment": [f"{k}={v}" for k, v in self.environment(env).items()], "command": command, **more,
        }  # fmt: skip

    def close(self):
        for process in self.running:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self.running.clear()
        self.run("lxctl", "shutdown", check=False)
        lxss_test.wait_for("lxssd has ended", lambda: not os.path.exists(self.socket))


class Machine:
    def __init__(self, build, slow_peers):
        self.slow_peers = slow_peers
        self.root = os.getuid() == 0
        base = f"/var/tmp/lxss-bench-{os.getuid()}"
        os.makedirs(base, exist_ok=True)
        os.chmod(base, 0o755)
        self.dir = tempfile.mkdtemp(prefix="r", dir=base)
        os.chmod(self.dir, 0o755)
        self.made_user = False
        self.worlds = []
        self.make_user()
        self.programs = self.folder("programs")
        for name in PROGRAMS:
            shutil.copy(os.path.join(build, name), self.programs)
        for name in TOOLS:
            shutil.copy(os.path.join(build, "bench", name), self.programs)
        shutil.copy(os.path.join(build, "bench", "lxbus"), os.path.join(self.programs, "bench-lxbus"))
        self.archive = self.rootfs = None

    def make_user(self):
        entry = pwd.getpwuid(os.getuid())
        if self.root:
            name = f"lxb{os.getpid()}"
            first = max([100000] + [last for path in ("/etc/subuid", "/etc/subgid") for last in ends_of(path)])
            subprocess.run(["useradd", "--no-create-home", "--shell", "/bin/sh", name], check=True, stderr=subprocess.DEVNULL)
            subprocess.run(["usermod", "-v", f"{first}-{first + 65535}", "-w", f"{first}-{first + 65535}", name], check=True)
            self.made_user = True
            entry = pwd.getpwnam(name)
        self.user_name, self.uid, self.gid = entry.pw_name, entry.pw_uid, entry.pw_gid

    def folder(self, name, owner=None):
        path = os.path.join(self.dir, name)
        if not os.path.isdir(path):
            os.mkdir(path, 0o755)
            if owner is not None:
                os.chown(path, owner, -1)
        return path

    def unpack(self):
        """The one root file system: as an archive, and for root's peers as a directory."""
        source = lxss_test.debian_tar()
        self.archive = os.path.join(self.dir, "debian.tar")
        shutil.copy(source, self.archive)
        os.chmod(self.archive, 0o644)
        if self.root:
            self.rootfs = self.folder("rootfs")
            subprocess.run(["tar", "-C", self.rootfs, "-xpf", self.archive], check=True)

    def world(self, name, exit_idle=60):
        world = World(self, name, exit_idle)
        self.worlds.append(world)
        return world

    def stopwatch(self, contestants, rounds, warm_up=3):
        """{name: [milliseconds, one for each round]}."""
        text = ""
        for c in contestants:
            text += f"contestant\t{c['name']}\n"
            if "user" in c and self.root:
                text += f"user\t{c['user'][0]}\t{c['user'][1]}\n"
            if "directory" in c:
                text += f"directory\t{c['directory']}\n"
            text += "".join(f"env\t{entry}\n" for entry in c.get("environment", []))
            if "absent" in c:
                text += f"absent\t{c['absent']}\n"
            if "prepare" in c:
                text += "\t".join(["prepare", *c["prepare"]]) + "\n"
            program = shutil.which(c["command"][0], path=f"{self.programs}:{PATH}")
            text += "\t".join(["command", program, *c["command"][1:]]) + "\n"
        done = subprocess.run(
            [os.path.join(self.programs, "stopwatch"), str(rounds), str(warm_up)],
            input=text.encode(), stdout=subprocess.PIPE, check=True, cwd="/",
        )  # fmt: skip
        times = {c["name"]: [] for c in contestants}
        for line in done.stdout.decode().splitlines():
            name, nanoseconds = line.split("\t")
            times[name].append(int(nanoseconds) / 1e6)
        return times

    def close(self):
        for world in self.worlds:
            try:
                world.close()
            except Exception as error:
                print(f"bench: {error}", file=sys.stderr)
        if self.made_user:
            for entry in os.listdir("/proc"):  # its uid is this run's own
                try:
                    if entry.isdigit() and os.stat(f"/proc/{entry}").st_uid == self.uid:
                        os.kill(int(entry), 9)
                except OSError:
                    pass
        lxss_test.remove_tree(self.dir)
        if self.made_user:
            subprocess.run(["userdel", self.user_name], stderr=subprocess.DEVNULL)


def ends_of(path):
    for line in (lxss_test.read(path, "r") or "").splitlines():
        fields = line.split(":")
        if len(fields) == 3:
            yield int(fields[1]) + int(fields[2])
