"""Hold the documents against the code: commands, variables, paths and links exist, and the example runs."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections import Counter
from importlib.util import find_spec

import pytest
import yaml
from django.core.management import find_commands, get_commands

from groups.presenters.places import parts_by_place
from poster_admin.devtools.defaults import documented_defaults
from poster_admin.devtools.sandbox import Sandbox
from tests.benchmarks import table
from tests.benchmarks.__main__ import NAMES
from tests.support.documents import read, targets
from tests.support.environment import ROOT

DECISIONS = sorted(f"docs/adr/{path.name}" for path in (ROOT / "docs" / "adr").glob("*.md"))
PAGES = sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", *PAGES, *DECISIONS)
# docs/operations.md is followed by tests/deploy/test_operations.py.
WITH_COMMANDS = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/guarantees.md",
    "docs/performance.md",
    "docs/poster-api.md",
    "docs/scheme-file.md",
)
OTHER_PROGRAMS = {"git", "cd", "cp", "sudo", "bash", "docker", ".venv/bin/pre-commit"}
# A path of the repository, perhaps with the name of a test behind it.
NAMED_PATH = (
    r"`((?:(?:groups|poster_admin|templates|static|tests|docs|deploy|\.github|\.ci)/[\w./@-]*)"
    r"|[\w/]+/\w+\.(?:py|html|js|css))(?:::\w+)?`"
)


def shell_lines(name):
    blocks = re.findall(r"^```sh\n(.*?)^```", read(name), flags=re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def variables_of_the_code():
    return set(re.findall(r'\benv\.\w+\(\s*"([A-Z0-9_]+)"', read("poster_admin/settings.py")))


def commands():
    return set(get_commands()) | set(find_commands(str(ROOT / "poster_admin" / "devtools" / "management")))


@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_commands_are_known(name):
    lines = shell_lines(name)
    assert lines
    for line in lines:
        words = [word for word in shlex.split(line) if "=" not in word]
        match words:
            case ["make", "bench"]:
                benchmark = re.search(r"ARGS='?([\w-]+)", line)
                assert not benchmark or benchmark[1] in {*NAMES, *table.ROWS}, line
            case ["make", target, *_]:
                assert target in targets(), line
            case [python, "manage.py", command, *_] if python.endswith("python"):
                assert command in commands(), line
            case [python, "-m", module, *_] if python.endswith("python"):
                assert find_spec(module), line
            case [python, script, *_] if python.endswith("python") and script.endswith(".py"):
                assert (ROOT / script).is_file(), line
            case [program, *_]:
                assert program in OTHER_PROGRAMS, line


def test_variables_are_explained_in_the_example():
    assert sorted(documented_defaults()) == sorted(variables_of_the_code())


def test_pictures_and_pages_that_are_linked_are_there():
    for name in DOCUMENTS:
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", read(name)):
            if not link.startswith("https://"):
                assert (ROOT / name).parent.joinpath(link).exists(), (name, link)


def test_paths_that_are_named_are_there():
    for name in DOCUMENTS:
        for path in re.findall(NAMED_PATH, read(name)):
            assert (ROOT / path).exists(), (name, path)


def test_the_architecture_draws_what_is_there():
    page = read("docs/architecture.md")
    drawing = page.split("```")[3]
    found, folder, room = 0, "", ""
    for line in drawing.splitlines():
        names = re.match(r" *((?:[a-z_]+(?:/|\.py) ?)+)", line)
        if not names:
            continue
        indent = len(line) - len(line.lstrip())
        for name in names[1].split():
            found += 1
            base = "" if indent == 0 else folder if indent == 2 else room
            assert (ROOT / base / name).exists(), f"{base}{name}"
            if indent == 0:
                folder = name
            elif indent == 2:
                room = f"{folder}{name}"
    assert found > 25
    for package in re.findall(r"^    (writes|jobs)/ +.*?: (.*)$", drawing, flags=re.MULTILINE):
        for module in re.findall(r"[a-z_]+", package[1]):
            assert (ROOT / "groups/services" / package[0] / f"{module}.py").is_file(), module


def test_the_places_are_those_that_pages_draw_and_that_features_fill():
    files = [path for folder in ("templates", "groups") for path in (ROOT / folder).rglob("*.*")]
    texts = [path.read_text() for path in files if path.suffix in {".html", ".jinja", ".py"}]
    drawn = re.findall(r'(?:parts_of\(|begin_parts\(|\{% place )"([a-z._]+)"', "".join(texts))
    places = re.findall(r"^\| `([a-z._]+)` \|", read("docs/places.md"), flags=re.MULTILINE)
    assert sorted(places) == sorted(set(drawn))
    filled = {place for place, parts in parts_by_place.items() if parts}
    assert len(filled) > 20
    assert filled <= set(places)


def test_no_layer_has_two_modules_of_one_name():
    # Each feature has layers of its own.
    rooms = ("groups", "groups/features", "poster_admin")
    folders = [path for room in rooms for path in (ROOT / room).iterdir() if path.is_dir()]
    layers = [path for path in folders if path != ROOT / "groups/features"]
    modules = Counter(
        f"{layer.relative_to(ROOT)}: {path.stem}"
        for layer in layers
        for path in layer.rglob("*.py")
        # Django asks for the names of commands, migrations and formats.
        if path.name not in {"__init__.py", "formats.py"}
        and path.parent.name not in {"commands", "migrations"}
    )
    assert len(modules) > 150
    assert {name: count for name, count in modules.items() if count > 1} == {}


@pytest.mark.parametrize("name", [name for name in DECISIONS if name != "docs/adr/gone.md"])
def test_a_decision_is_one_screen(name):
    text = read(name)
    number, title = re.match(r"# (\d{4})\. (.*)\n\nAccepted, \d{4}-\d\d\.\n\n", text).groups()
    assert name.startswith(f"docs/adr/{number}-")
    headings = re.findall(r"^\*\*(Context|Decision|Consequences)\.\*\*", text, flags=re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences"]
    assert len(text.split()) <= 260, title


def test_the_changelog_ends_with_a_version_that_is_the_package():
    released = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", read("CHANGELOG.md"), flags=re.MULTILINE
    )
    assert "\n## [Unreleased]\n" in read("CHANGELOG.md")
    assert tomllib.loads(read("pyproject.toml"))["project"]["version"] == released[0]


def test_github_runs_what_everybody_runs():
    (job,) = yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"].values()
    assert job["steps"][-1] == {"run": "bash .ci/run"}


def test_the_example_of_the_client_lists_makes_changes_and_removes_a_group():
    (line,) = [line for line in shell_lines("docs/poster-api.md") if "docs/examples/client.py" in line]
    with Sandbox(groups=12) as sandbox:
        told = line.replace("TOKEN=TOKEN", f"TOKEN={sandbox.accounts['demo'].token}")
        assert told.count("http://127.0.0.1:8001/{account}/api/") == 1
        told = told.replace("http://127.0.0.1:8001/{account}/api/", sandbox.url)
        told = told.replace(".venv/bin/python", sys.executable)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            ["bash", "-c", told], cwd=ROOT, env=environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert sandbox.accounts["demo"].token not in done.stdout + done.stderr
        posts = [call.method for call in sandbox.posts()]
    assert posts == ["clients.createGroup", "clients.updateGroup", "clients.removeGroup"]
    *groups, created, changed, removed = done.stdout.splitlines()
    assert len(groups) == 12
    assert [re.sub(r"\d+(?=:|$)", "N", words) for words in (created, changed, removed)] == [
        "Created N: 5 %",
        "Changed N: 7.5 %",
        "Removed N",
    ]


def test_the_example_of_a_client_says_in_one_line_that_no_account_has_such_a_name():
    done = subprocess.run(
        [sys.executable, "docs/examples/client.py", "Demo Café"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "ValueError: This is not the login of a Poster account.\n"


def test_the_example_of_a_command_is_the_command():
    """Each part of the example, between its dots, stands in the file that is named before it."""
    text, example = re.search(
        r"(.*?)^```python\n(.*?)^```", read("CONTRIBUTING.md"), re.MULTILINE | re.DOTALL
    ).groups()
    code = read(re.findall(NAMED_PATH, text)[-1])
    parts = example.split("\n    ...\n")
    assert len(parts) == 2
    places = [code.index(part.strip("\n")) for part in parts]
    assert places == sorted(places)
    for method in re.findall(r"`(\w+)`, which|and `(\w+)`\.", read("CONTRIBUTING.md")):
        assert f"    def {''.join(method)}(" in code


def test_tokens_stand_in_no_document():
    for name in (*DOCUMENTS, "docs/examples/client.py", ".env.example"):
        assert not re.search(r"\b[0-9a-f]{32}\b", read(name)), name


def test_tests_that_are_named_exist():
    pages = map(read, ("docs/security.md", "docs/guarantees.md", "CONTRIBUTING.md"))
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", "".join(pages))
    assert len(named) > 80
    for path, name in named:
        assert f"def {name}(" in read(path) or not name, f"{path}::{name}"


def test_each_requirement_stands_in_one_row():
    rows = re.findall(r"^- ([0-9][^:]*): ", read("docs/security.md"), flags=re.MULTILINE)
    numbers = [number for row in rows for number in re.findall(r"[0-9]+\.[0-9]+\.[0-9]+", row)]
    assert len(rows) > 50
    assert sorted(numbers) == sorted(set(numbers))
