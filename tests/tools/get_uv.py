"""Bring uv into `.tools/bin` of this checkout, for `make` on a machine without it.

Only the standard library, and nothing newer than Python 3.8: this runs before anything is installed.
Three ways, since a Python often comes without pip, and Debian's without ensurepip too.
"""

import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from pathlib import Path
from urllib.parse import urljoin

TOOLS = Path(__file__).resolve().parents[2] / ".tools"
UV = TOOLS / "bin" / "uv"
REQUIREMENT = "uv>=0.9"


def by_venv():
    subprocess.run([sys.executable, "-m", "venv", str(TOOLS)], check=True, capture_output=True)
    pip = [str(TOOLS / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, REQUIREMENT], check=True, capture_output=True)


def by_pip():
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", str(TOOLS), REQUIREMENT], check=True, capture_output=True)


def by_download():
    """Download the newest wheel for this machine from PyPI, check its hash and unpack its one program."""
    index = os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
    request = urllib.request.Request(
        index.rstrip("/") + "/uv/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    wheels = [(version(file), file) for file in files if fits(file)]
    newest = max(wheels, key=lambda wheel: wheel[0])[1]
    with urllib.request.urlopen(urljoin(request.full_url, newest["url"]), timeout=60) as answer:
        body = answer.read()
    if hashlib.sha256(body).hexdigest() != newest["hashes"]["sha256"]:
        raise OSError("the downloaded uv is damaged")
    with zipfile.ZipFile(io.BytesIO(body)) as wheel:
        program = next(name for name in wheel.namelist() if name.endswith(".data/scripts/uv"))
        UV.parent.mkdir(parents=True, exist_ok=True)
        UV.write_bytes(wheel.read(program))
    UV.chmod(0o755)


def version(file):
    found = re.match(r"uv-(\d+)\.(\d+)\.(\d+)-", file["filename"])
    return tuple(int(number) for number in found.groups()) if found else ()


def fits(file):
    """Return True for a released wheel with this machine's platform tag."""
    machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if sys.platform == "darwin":
        system = r"macosx_\d+_\d+_" + ("arm64" if machine == "aarch64" else machine)
    elif "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or ""):
        system = r"musllinux_\d+_\d+_" + machine
    else:
        system = r"manylinux\w*_" + machine
    return bool(
        version(file) and not file.get("yanked") and re.search(r"-py3-none-[\w.]*" + system, file["filename"])
    )


def main():
    errors = []
    for way in (by_venv, by_pip, by_download):
        shutil.rmtree(str(TOOLS), ignore_errors=True)
        try:
            way()
            subprocess.run([str(UV), "--version"], check=True, stdout=sys.stderr)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next way may still work
            errors.append(f"uv {way.__name__}: {error}")
        else:
            return
    sys.exit("\n".join([*errors, "Install uv (https://docs.astral.sh/uv/) and try again."]))


if __name__ == "__main__":
    main()
