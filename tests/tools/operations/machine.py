"""A Debian of one's own: installed by debootstrap into a folder, and started with its own systemd.

It shares the kernel with this machine and nothing else: namespaces keep processes, mounts and network apart,
so every port and path is the one of the page. `pasta` lets it reach the internet, and nobody reach it.
"""

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from subprocess import DEVNULL

from tests.benchmarks.setup.running import process

PROGRAMS = {"debootstrap": "debootstrap", "pasta": "passt", "unshare": "util-linux", "nsenter": "util-linux"}
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}
AUTHORITIES = Path("/usr/local/share/ca-certificates")
# A container's file systems: what belongs to the kernel of this machine can only be read.
BOOT = """
set -e
root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for folder in run tmp dev; do mount -t tmpfs -o mode=1777 tmpfs "$root/$folder"; done
chmod 755 "$root/run" "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
# No chroot: in one, no unit could have PrivateUsers=.
cd "$root"
pivot_root . mnt
umount -l /mnt
exec env -i container=other PATH="$PATH" /lib/systemd/systemd
"""
NAMESPACES = ("--mount", "--uts", "--ipc", "--cgroup", "--pid")


class Failed(SystemExit):
    """Says which command has failed on the machine."""


class Machine:
    """A Debian in `folder`, from its installation to the end of the block."""

    def __init__(self, folder):
        self.root = folder / "debian"
        self._cgroup = _cgroups() / f"poster-admin-{os.getpid()}"
        self._stack = ExitStack()
        self._init = 0

    def __enter__(self):
        packages = "--include=dbus,systemd-sysv"
        subprocess.run(
            ["debootstrap", "--variant=minbase", packages, "trixie", str(self.root)],
            check=True,
            stdout=DEVNULL,
        )
        shutil.copy("/etc/resolv.conf", self.root / "etc" / "resolv.conf")
        self.write("/etc/hostname", "loyalty\n")
        # A company's proxy signs with an authority of its own.
        if AUTHORITIES.is_dir():
            shutil.copytree(AUTHORITIES, self.root / AUTHORITIES.relative_to("/"), dirs_exist_ok=True)
        try:
            self._boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _boot(self):
        self._cgroup.mkdir()
        enter = f"echo $$ > {self._cgroup}/cgroup.procs; exec unshare {' '.join(NAMESPACES)} "
        enter += '--fork --kill-child bash -c "$1" boot "$2"'
        pasta = ["pasta", "--config-net", "--netns-only", "--runas=0:0", "--foreground", "--quiet"]
        pasta += ["--no-map-gw", *(f"-{ports}none" for ports in "tuTU")]
        network = self._stack.enter_context(
            process([*pasta, "--", "bash", "-c", enter, "enter", BOOT, str(self.root)], stdin=DEVNULL)
        )
        self._init = _wait_for(lambda: _only_child(_only_child(network.pid)))
        # The first process of the machine takes all others with it.
        self._stack.callback(os.kill, self._init, signal.SIGKILL)
        _wait_for(self._is_up)

    def _is_up(self):
        routes = Path(f"/proc/{self._init}/net/route").read_text(encoding="ascii")
        command = self._command("systemctl is-system-running", "/root", {})
        state = subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
        # Some unit of Debian's may fail where the kernel belongs to somebody else.
        return state in {"running", "degraded"} and "\t00000000\t" in routes

    def close(self):
        """End all processes of the machine."""
        self._stack.close()
        if self._cgroup.exists():
            _wait_for(lambda: "populated 0" in (self._cgroup / "cgroup.events").read_text(encoding="ascii"))
            for folder, _, _ in os.walk(self._cgroup, topdown=False):
                Path(folder).rmdir()

    def write(self, path, text, mode=0o644):
        file = self.root / path.removeprefix("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)

    def run(self, script, answers=None, *, folder="/root", **variables):
        """Run commands as root on a terminal, answer each prompt that comes, and return all that is said."""
        code, said = _on_a_terminal(self._command(script, folder, variables), answers or {})
        if code:
            raise Failed(f"{script}\nended with {code}")
        return said

    def ask(self, script, **variables):
        """Run commands without a terminal, and return their output."""
        command = self._command(script, "/root", variables)
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def _command(self, script, folder, variables):
        named = (f"{name}={value}" for name, value in {**ENVIRONMENT, **variables}.items())
        inside = ["nsenter", f"--target={self._init}", "--all", "--root", f"--wdns={folder}"]
        return [*inside, "env", "-i", *named, "bash", "-ec", script]


def missing():
    """Return the packages that a machine needs and that are not installed here."""
    return sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})


def _cgroups():
    """Return the folder where the second version of cgroups is mounted."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    return next((Path(where) for _, where, kind, *_ in mounts if kind == "cgroup2"))


def _only_child(pid):
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0] or 0)


def _wait_for(condition):
    """Wait until a condition holds, at most a minute, and return its answer."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if found := condition():
                return found
        except (OSError, IndexError):
            pass
        time.sleep(0.2)
    raise TimeoutError("The machine does not start or end.")


def _on_a_terminal(command, answers):
    """Run a command on a terminal of its own, and show all that it says; return its code and that."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)  # noqa: S606
    said, answered = "", 0
    while chunk := _read(terminal):
        said += chunk
        sys.stdout.write(chunk)
        sys.stdout.flush()
        for prompt, answer in answers.items():
            if prompt in said[answered:]:
                answered = len(said)
                os.write(terminal, f"{answer}\n".encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


def _read(terminal):
    try:
        return os.read(terminal, 65_536).decode(errors="replace")
    except OSError:  # the last process has closed it
        return ""
