"""Test the files of `deploy/`, as far as possible without a machine to install them on."""

import re
import shutil
import socket
import ssl
import subprocess
from contextlib import suppress

import pytest
import yaml
from django.core.management import get_commands

from poster_admin.devtools.defaults import documented_defaults
from poster_admin.devtools.sandbox.http.certificates import identity
from tests.benchmarks.setup.running import process
from tests.support.dashboard.killing import wait_until
from tests.support.environment import ROOT
from tests.support.ports import free_port
from tests.support.programs import NOT_RUN

DEPLOY = ROOT / "deploy"
HOME = "/srv/poster-admin"
UNITS = sorted(path.name for path in DEPLOY.iterdir() if path.suffix in {".service", ".timer"})


def program(name):
    return shutil.which(name) or pytest.skip(f"{NOT_RUN}: there is no {name}")


@pytest.fixture
def ports():
    return {"80": free_port(), "443": free_port()}


@pytest.fixture
def config(tmp_path, ports):
    """Return a file in which nginx has only this site, on free ports of this machine."""
    identity(tmp_path)
    site = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    site = re.sub(r"/etc/ssl/\S+\.(pem|key)", f"{tmp_path}/server.pem", site)
    site = re.sub(r"listen (\d+)", lambda match: f"listen 127.0.0.1:{ports[match[1]]}", site)
    site = re.sub(r"listen \[::\]:(\d+)", lambda match: f"listen [::1]:{ports[match[1]]}", site)
    paths = " ".join(
        f"{kind}_temp_path {tmp_path}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = tmp_path / "nginx.conf"
    frame = f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}}"
    whole.write_text(f"{frame} http {{ access_log {tmp_path}/access; {paths}\n{site} }}", encoding="utf-8")
    return whole


def test_nginx_takes_the_site(config):
    done = subprocess.run(
        [program("nginx"), "-t", "-c", str(config)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


@pytest.fixture
def nginx(config, ports):
    with process([program("nginx"), "-c", str(config)]) as running:
        wait_until(lambda: listens(ports["80"]), 0.05)
        yield running


def listens(port):
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@pytest.mark.parametrize("host", ["loyalty.example.com", "loyalty.example.com:80", "LOYALTY.example.com"])
def test_nginx_leads_to_tls_under_the_name_of_the_site(nginx, ports, host):
    answer = answer_to(ports["80"], f"GET /groups/?q=a HTTP/1.1\r\nHost: {host}\r\n\r\n")
    assert answer.startswith("HTTP/1.1 301 ")
    assert "\r\nLocation: https://loyalty.example.com/groups/?q=a\r\n" in answer


def test_nginx_writes_down_nothing_that_people_search(nginx, ports, tmp_path):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = "GET /groups/?q=Olena HTTP/1.0\r\nHost: loyalty.example.com\r\n\r\n"
    answer_to(ports["80"], request)
    with (
        socket.create_connection(("127.0.0.1", ports["443"])) as plain,
        context.wrap_socket(plain, server_hostname="loyalty.example.com") as secure,
    ):
        secure.sendall(request.encode())
        assert secure.recv(1000).startswith(b"HTTP/1.1 502 ")  # no dashboard runs behind it
    answer_to(ports["80"], "GET /strangers/ HTTP/1.0\r\n\r\n")
    wait_until(lambda: "/strangers/" in (tmp_path / "access").read_text(encoding="utf-8"), 0.05)
    assert "Olena" not in (tmp_path / "access").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "head", ["HTTP/1.1\r\nHost: evil.example", "HTTP/1.1\r\nHost: 127.0.0.1", "HTTP/1.0"]
)
def test_nginx_answers_to_no_other_name(nginx, ports, head):
    assert answer_to(ports["80"], f"GET / {head}\r\n\r\n") == ""


def test_nginx_has_no_certificate_for_another_name(nginx, ports):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for name in ("evil.example", None):
        with (
            socket.create_connection(("127.0.0.1", ports["443"])) as plain,
            pytest.raises(ssl.SSLError),
        ):
            context.wrap_socket(plain, server_hostname=name)
    with (
        socket.create_connection(("127.0.0.1", ports["443"])) as plain,
        context.wrap_socket(plain, server_hostname="loyalty.example.com") as secure,
    ):
        assert secure.version() in {"TLSv1.2", "TLSv1.3"}


def answer_to(port, text):
    """Return all that the server sends for a request before it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(text.encode())
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode()


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
def test_a_unit_runs_commands_that_there_are(name):
    unit = (DEPLOY / name).read_text(encoding="utf-8")
    commands = re.findall(rf"^ExecStart={HOME}/\.venv/bin/python manage\.py (\w+)", unit, flags=re.MULTILINE)
    assert commands
    assert len(commands) == unit.count("ExecStart=")
    assert set(commands) <= set(get_commands())


def test_what_the_image_copies_is_there():
    file = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = [line.split()[1:-1] for line in re.findall(r"^COPY (?!--from).*", file, flags=re.MULTILINE)]
    sources = [source for line in copied for source in line]
    assert {"pyproject.toml", "uv.lock", "manage.py", "groups", "templates", "static"} <= set(sources)
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert f"WORKDIR {HOME}" in file


def test_hadolint_finds_nothing_in_the_dockerfile():
    linted = [str(ROOT / ".venv/bin/hadolint"), str(DEPLOY / "Dockerfile")]
    done = subprocess.run(linted, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_builder_gets_what_the_dockerfile_copies_and_nothing_else():
    _, everything, *kept = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    file = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = {
        name for line in re.findall(r"^COPY ([^-].*) \S+$", file, re.MULTILINE) for name in line.split()
    }
    assert everything == "*"
    assert {line.removeprefix("!") for line in kept if line.startswith("!")} == copied


def test_the_lines_of_the_readme_are_those_that_are_tried_and_the_small_file_is_the_same():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tried = (ROOT / ".github/workflows/image.yml").read_text(encoding="utf-8")
    (build,), (run,) = (
        re.findall(rf"^docker {word} (.*)$", readme, re.MULTILINE) for word in ("build", "run")
    )
    assert f"docker build {build}\n" in tried
    assert run in tried
    compose = yaml.safe_load((DEPLOY / "one-container.yaml").read_text(encoding="utf-8"))
    service = compose["services"]["poster-admin"]
    assert run.split()[-1] == service["image"] == "poster-admin"
    assert service["volumes"] == ["poster-admin:/data"]
    assert f"{HOME}/staticfiles:mode=1777" in service["tmpfs"]
    assert compose["volumes"] == {"poster-admin": {"name": "poster-admin"}}
    assert "-v poster-admin:/data" in run
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert "DATA_DIR=/data" in image
    variables = dict(re.findall(r"-e (\w+)=(\S+)", run))
    assert set(variables) < set(service["environment"]) <= set(documented_defaults())
    assert service["environment"]["HTTPS"] == f"${{HTTPS:-{variables['HTTPS']}}}"


def test_a_release_is_for_both_kinds_of_machines_and_says_where_it_comes_from():
    release = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    assert release[True] == {"push": {"tags": ["v*"]}}  # YAML takes `on` for True
    (build,) = [
        step["with"] for step in release["jobs"]["image"]["steps"] if "platforms" in step.get("with", {})
    ]
    assert build["platforms"] == "linux/amd64,linux/arm64"
    assert (build["sbom"], build["provenance"], build["push"]) == (True, "mode=max", True)
    assert (ROOT / build["file"]).is_file()
