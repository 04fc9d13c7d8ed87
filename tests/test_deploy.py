"""The files of `deploy/`, as far as they can be looked at without a machine to install them on."""

import re
import shutil
import subprocess

import pytest
import yaml

from groups.management.defaults import documented_defaults
from groups.poster.sandbox.certificates import identity
from tests.conftest import NOT_RUN
from tests.environment import ROOT

DEPLOY = ROOT / "deploy"
HOME = "/srv/poster-admin"
UNITS = sorted(path.name for path in DEPLOY.iterdir() if path.suffix in {".service", ".timer"})


def program(name):
    return shutil.which(name) or pytest.skip(f"{NOT_RUN}: there is no {name}")


def test_nginx_takes_the_site(tmp_path):
    nginx = program("nginx")
    identity(tmp_path)
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    site = re.sub(r"/etc/ssl/\S+\.(pem|key)", f"{tmp_path}/server.pem", site)
    site = re.sub(
        r"listen (\[::\]:)?(\d+)", lambda match: f"listen {match[1] or ''}{int(match[2]) + 20000}", site
    )
    paths = " ".join(
        f"{kind}_temp_path {tmp_path}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = tmp_path / "nginx.conf"
    frame = f"pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}}"
    whole.write_text(f"{frame} http {{ access_log off; {paths}\n{site} }}", encoding="utf-8")
    done = subprocess.run([nginx, "-t", "-c", str(whole)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_systemd_takes_the_units(tmp_path):
    analyze = program("systemd-analyze")
    for name in UNITS:
        unit = (DEPLOY / name).read_text(encoding="utf-8").replace(HOME, str(ROOT))
        (tmp_path / name).write_text(unit, encoding="utf-8")
    done = subprocess.run(
        [analyze, "verify", *(str(tmp_path / name) for name in UNITS)],
        check=False,
        capture_output=True,
        text=True,
    )
    ours = [line for line in done.stderr.splitlines() if any(name in line for name in UNITS)]
    assert ours == []
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_a_unit_runs_a_command_of_ours(name):
    unit = (DEPLOY / name).read_text(encoding="utf-8")
    commands = re.findall(rf"^ExecStart={HOME}/\.venv/bin/python manage\.py (\w+)", unit, flags=re.MULTILINE)
    assert len(commands) == 1
    made = subprocess.run(
        [str(ROOT / ".venv/bin/python"), "manage.py", "help", commands[0]],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    assert made.returncode == 0


def test_what_the_image_copies_is_there():
    file = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = [line.split()[1:-1] for line in re.findall(r"^COPY (?!--from).*", file, flags=re.MULTILINE)]
    sources = [source for line in copied for source in line]
    assert {"pyproject.toml", "uv.lock", "manage.py", "groups", "templates", "static"} <= set(sources)
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert f"WORKDIR {HOME}" in file


def test_the_containers_have_what_they_need():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    known = set(documented_defaults())
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
            assert set(service["environment"]) <= known
    assert {"web", "database", "cache"} <= set(services)
