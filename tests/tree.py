# SPDX-License-Identifier: LGPL-2.1-or-later
"""Root file systems as lists that can be compared, and files that are hard to carry."""

import hashlib
import os
import stat

from lxss_test import expect, read, tiny_tar

# Every file with all that an archive keeps, but for what lxssd mounts upon and what every install writes.
LISTING = r"""
cd / && find . -xdev -mindepth 1 \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run -o -path ./tmp -o -path ./mnt/host -o -path ./init \
  -o -path ./etc/resolv.conf -o -path ./etc/hosts -o -path ./etc/sudoers.d \) -prune -o -printf '%p|%y|%m|%U|%G|%l|%Ts' \
  \( -type d -printf '\n' -o -printf '|%s|%n\n' \) | LC_ALL=C sort
find . -xdev -type f \( -path './etc/*' -o -path './usr/bin/*' -o -path './odd/*' \) -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
"""

ODD = r"""
mkdir /odd && cd /odd && umask 077
printf hello >a; ln a b; ln -s ../etc/passwd link; ln -s nowhere dangling; mkfifo fifo
truncate -s 64M sparse; printf x | dd of=sparse bs=1 seek=30M conv=notrunc status=none
printf x >"$(printf '\377\n\033[31m')"; printf x >"$(printf 'n%.0s' $(seq 255))"
mkdir -p deep/$(printf 'dir/%.0s' $(seq 60)); printf bottom >deep/$(printf 'dir/%.0s' $(seq 60))f
chmod 6755 a; mkdir sticky; chmod 1777 sticky; mkdir closed; chmod 0 closed
touch -d '1971-02-03 04:05:06' old
"""


MADE_BY_INSTANCES = ("init", "mnt/host", "etc/hosts", "etc/resolv.conf")


def snapshot(root):
    """{path: (mode, size, digest)} of what this user can see of a directory on the host."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root)
            if relative in MADE_BY_INSTANCES:
                continue
            st = os.lstat(path)
            regular = stat.S_ISREG(st.st_mode)
            data = read(path) if regular else b""
            digest = hashlib.sha256(data).hexdigest() if data is not None else None
            found[relative] = (st.st_mode, st.st_size if regular else 0, digest)
    return found


def listing(world, name):
    result = world.lxctl("launch", "-d", name, "-u", "root", "--", "sh", "-c", LISTING).good()
    return result.out.splitlines()


def same(found, wanted, what):
    differences = set(found) ^ set(wanted)
    expect(not differences, f"{what} differs in {len(differences)} lines: {sorted(differences)[:6]}")


def small(world, name="tiny"):
    source = os.path.join(world.work, "source.tar")
    tiny_tar(source)
    world.install(source, name).good()
    world.distribution = name
    return world
