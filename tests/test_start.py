"""Test the start of an installation: secrets in files, and one clear line for each wrong value."""

import contextlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys

import certifi
import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from tests.support import environment
from tests.support.databases import empty_database, migrated
from tests.support.installation import COMMANDS, WRONG, Installation, at_once
from tests.support.ports import free_port

BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
KEYS = [Fernet.generate_key().decode() for _ in range(2)]
READ = {
    "SECRET_KEY": "a-secret-of-fifty-signs-" * 3,
    "POSTER_TOKEN_KEYS": KEYS,
    "OIDC_CLIENT_SECRET": "$a-client",
    "ALLOWED_HOSTS": ["loyalty.example.com", "localhost"],
    "WORKERS": 3,
    "HTTPS": False,
}
WRITTEN = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in READ.items()}


HOLD = """
import sys, django
django.setup()
from poster_admin.common.locks import migration_lock
with migration_lock("default"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def installation(tmp_path):
    installation = Installation(tmp_path)
    yield installation
    installation.stop()


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=[pytest.mark.needs("postgresql", "redis"), pytest.mark.thorough]),
    ]
)
def new_database(request, tmp_path):
    """Return a function that returns the address of an empty database."""
    with contextlib.ExitStack() as stack:

        def make(name):
            if request.param == "sqlite":
                return f"sqlite:///{tmp_path}/{name}.sqlite3"
            return stack.enter_context(empty_database(environment.POSTGRES_URL))

        yield make


@pytest.mark.parametrize("end", ["", "\n", " \t\r\n\n"])
@pytest.mark.parametrize("start", ["", BYTE_ORDER_MARK])
def test_what_editors_leave_around_a_secret_is_not_a_part_of_it(installation, start, end):
    files = {name: installation.directory / f"{name}.secret" for name in WRITTEN}
    for name, path in files.items():
        path.write_bytes(f"{start}{WRITTEN[name]}{end}".encode())
    installation.write({f"{name}_FILE": path for name, path in files.items()})
    assert installation.settings().items() >= READ.items()


def test_what_editors_leave_around_the_lines_of_an_env_file_is_not_a_part_of_them(installation):
    lines = "".join(f"{name}={value} \t\r\n" for name, value in WRITTEN.items())
    quoted = f'DATABASE_URL="sqlite:///{installation.directory}/a" \r\n'
    installation.env_file.write_bytes(f"{BYTE_ORDER_MARK}{lines}  # a comment\r\n{quoted}".encode())
    settings = installation.settings()
    assert settings.items() >= READ.items()
    assert settings["DATABASES"]["default"]["NAME"] == f"{installation.directory}/a"


@pytest.mark.parametrize(("name", "value"), [each[1:] for each in WRONG], ids=[each[0] for each in WRONG])
def test_a_wrong_value_is_one_line_that_names_it_and_its_file(installation, name, value):
    place = installation.wrong(name, value)
    with pytest.raises(ImproperlyConfigured) as raised:
        installation.settings()
    (line,) = str(raised.value).splitlines()
    assert line.startswith(f"{name} in {place} ")
    assert "w#rd" not in line


def test_the_line_is_that_of_the_value_that_counts_though_others_and_comments_stand_around_it(installation):
    text = installation.env_file.read_text(encoding="utf-8")
    around = "# PORT=1\r\n\r\nPORT=8000\r\n  export PORT=many \r\n"
    installation.env_file.write_bytes((BYTE_ORDER_MARK + around + text).encode())
    with pytest.raises(ImproperlyConfigured) as raised:
        installation.settings()
    assert str(raised.value).startswith(f"PORT in {installation.env_file}, line 4, is not a whole number")


@pytest.mark.parametrize(
    ("name", "value"), [("DATABASE_URL", "postgres:///loyalty"), ("CACHE_URL", "redis://127.0.0.1")]
)
def test_a_driver_that_is_not_installed_is_one_line(installation, monkeypatch, name, value):
    monkeypatch.setattr("poster_admin.env.find_spec", lambda _: None)
    installation.write(installation.values | {name: value})
    with pytest.raises(ImproperlyConfigured, match=rf"^{name} in .* needs the package \w+, .*\.$"):
        installation.settings()


def test_every_command_shows_all_that_is_wrong(installation):
    installation.write(installation.values | {"TIME_ZONE": "Kiev", "SNAPSHOT_DAYS": "0"})
    for code, said in installation.outputs(*(([each], "") for each in COMMANDS), ALLOWED_HOSTS="a b"):
        assert code == 1
        allowed, days, zone = said.splitlines()
        assert allowed.startswith("Configuration: ALLOWED_HOSTS is not ")
        assert days.startswith(f"Configuration: SNAPSHOT_DAYS in {installation.env_file}, line 6, is not ")
        assert zone.startswith(f"Configuration: TIME_ZONE in {installation.env_file}, line 5, is not ")


@pytest.mark.parametrize("text", ["SECRET_KEY = {}\n", "{}\n", "export\n{}\n"])
def test_a_line_that_is_none_is_reported_by_its_number_and_not_shown(installation, text):
    secret = "a-secret-that-nobody-sees" * 3
    installation.env_file.write_text("# the first line\n" + text.format(secret), encoding="utf-8")
    with pytest.raises(ImproperlyConfigured) as raised:
        installation.settings()
    assert str(raised.value) == f"{installation.env_file} has a line that is not NAME=value: line 2."


@pytest.mark.parametrize("address", [None, "filecache://var/cache"])
def test_the_cache_is_in_files_below_the_installation_wherever_it_is_started(installation, address):
    values = {name: value for name, value in installation.values.items() if name != "CACHE_URL"}
    installation.write(values | ({"CACHE_URL": address} if address else {}))
    caches = installation.settings()["CACHES"]
    assert list(caches) == ["default"]
    assert caches["default"]["LOCATION"].is_absolute()
    assert caches["default"]["LOCATION"].parts[-2:] == ("var", "cache")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_an_env_file_in_utf_16_is_one_line(installation, encoding):
    installation.env_file.write_text("DEBUG=True\n", encoding=encoding)
    with pytest.raises(ImproperlyConfigured) as raised:
        installation.settings()
    assert str(raised.value) == f"{installation.env_file} is not a text in UTF-8."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOWED_HOSTS", ".example.com,10.0.0.1,[::1],loyalty"),
        ("CSRF_TRUSTED_ORIGINS", "https://loyalty.example.com:8443,http://*.example.com"),
        ("DATABASE_URL", "postgres:///loyalty"),
        ("CACHE_URL", "redis://:p%40ss@127.0.0.1:6379/3"),
        ("POSTER_CACHE_SECONDS", "0"),
        ("TRUSTED_PROXY_IPS", "10.0.0.0/8,104.16.0.0/13,2400:cb00::/32,fc00::/7,127.0.0.1"),
        ("POSTER_PROXY", "http://us:p%40ss@proxy.example.com:3128/"),
        ("POSTER_CA_FILE", certifi.where()),
        ("POSTER_API_URL", "http://127.0.0.1:8001/{account}/api/"),
        ("COMPANY_ROLES", "loyalty-owners=Owners,loyalty-staff=Staff"),
    ],
)
def test_an_odd_value_that_is_right_is_taken(installation, name, value):
    installation.write(installation.values | {name: value})
    assert installation.settings()


def test_a_password_that_is_escaped_is_read_as_it_was_meant(installation):
    address = "postgres://loyalty:p%40ss%2Fw%23rd%3F@127.0.0.1:5433/main?sslmode=require"
    installation.write(installation.values | {"DATABASE_URL": address})
    database = installation.settings()["DATABASES"]["default"]
    assert (database["HOST"], database["NAME"], database["PASSWORD"]) == ("127.0.0.1", "main", "p@ss/w#rd?")
    assert database["OPTIONS"]["sslmode"] == "require"


def test_a_locked_database_is_not_taken_for_one_without_json(installation, tmp_path):
    database = shutil.copy(migrated(), tmp_path / "locked.sqlite3")
    installation.write(installation.values | {"DATABASE_URL": f"sqlite:///{database}?timeout=0"})
    with contextlib.closing(sqlite3.connect(database)) as other:
        other.execute("BEGIN IMMEDIATE")
        code, said = installation.output("check")
    assert code == 0, said


# --- Several starts at once over an empty database --------------------------------------------------------


@pytest.mark.slow
@pytest.mark.thorough
def test_servers_and_commands_that_start_at_once_all_come_up(installation, new_database):
    installation.take_static_files()  # tests/common/test_static_files.py collects them at once
    for compiled in installation.directory.rglob("*.mo"):
        compiled.unlink()
    others = (["migrate"], ["worker", "--batch"])
    assert at_once(installation, new_database("new"), *others) == []


@pytest.mark.thorough  # one more kill
@pytest.mark.slow
def test_a_process_that_is_killed_while_it_migrates_does_not_keep_the_others_out(installation, new_database):
    url = new_database("killed")
    if url.startswith("sqlite:"):
        # It waits for the lock whether a migration is missing or not.
        shutil.copy(migrated(), url.removeprefix("sqlite:///"))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        cwd=environment.ROOT,
        env={
            **environment.inherited(),
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "poster_admin.settings",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    migrating = installation.start("migrate", DATABASE_URL=url)
    with pytest.raises(subprocess.TimeoutExpired):
        migrating.communicate(timeout=5)
    holder.send_signal(signal.SIGKILL)
    said, _ = migrating.communicate(timeout=60)
    assert migrating.returncode == 0, said
    holder.communicate()


def test_a_database_that_does_not_answer_is_one_line(installation):
    commands = ((["serve"], ""), (["migrate"], ""), (["worker"], ""))
    away = "postgres://loyalty:a-password@127.0.0.1:9/loyalty"
    for code, said in installation.outputs(*commands, DATABASE_URL=away):
        assert code == 1
        (line,) = said.splitlines()
        assert line.startswith("The database at DATABASE_URL: connection failed")
        assert "a-password" not in line


def test_the_doctor_says_first_why_the_database_does_not_answer(installation):
    doctor = installation.start("doctor", DATABASE_URL="postgres://loyalty:a-password@127.0.0.1:9/loyalty")
    first = doctor.stdout.readline()
    assert first.startswith("FAILS   database    connection failed: ")
    assert "a-password" not in first


def test_the_first_migration_does_not_advise_to_migrate_and_an_address_of_another_machine_is_reported(
    installation,
):
    (planned, plan), (code, said) = installation.outputs(
        (["migrate", "--plan"], ""), (["serve"], ""), HOST="192.0.2.1", PORT=str(free_port())
    )
    assert (planned, plan.splitlines()[0]) == (0, "Planned operations:")
    assert code == 1
    assert re.fullmatch(r"CommandError: Nothing can listen on 192\.0\.2\.1:\d+: Cannot assign .+\.\n", said)


def test_the_folder_of_the_data_is_for_its_owner_alone(installation):
    installation.settings()
    assert (installation.directory / "var").stat().st_mode & 0o777 == 0o700


def test_a_file_that_is_no_database_is_one_line_unless_its_traceback_is_asked_for(installation):
    (installation.directory / "db.sqlite3").write_text("A letter, and no database. " * 50, encoding="utf-8")
    (one, said), (two, traceback) = installation.outputs((["prune"], ""), (["prune", "--traceback"], ""))
    assert (one, said) == (1, "The database at DATABASE_URL: file is not a database\n")
    assert (two, traceback.startswith("Traceback ")) == (1, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", ["var/static.lock", pytest.param("staticfiles/css", marks=pytest.mark.thorough)]
)
def test_a_place_that_cannot_be_written_is_one_line(installation, place):
    shutil.copy(migrated(), installation.directory / "db.sqlite3")
    blocked = installation.directory / place
    blocked.parent.mkdir()
    if blocked.suffix:
        blocked.mkdir()
    else:
        blocked.touch()
    code, said = installation.output("serve", PORT=str(free_port()))
    assert code == 1
    (line,) = said.splitlines()
    assert line.startswith("CommandError: ")
    assert str(blocked) in line
