"""What the documents say is so: each command exists, and each variable is explained in both places."""

import re

import pytest
from django.core.management import get_commands

from poster_admin.devtools.defaults import documented_defaults
from tests.environment import ROOT

DOCUMENTS = ("README.md", "CONTRIBUTING.md")
OTHER_PROGRAMS = {"git", "cd", "cp", "sudo", "bash"}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def shell_lines(name):
    blocks = re.findall(r"^```sh\n(.*?)^```", read(name), flags=re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def variables_of_the_code():
    return set(re.findall(r'\benv\.\w+\(\s*"([A-Z0-9_]+)"', read("poster_admin/settings.py")))


def targets():
    return set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.MULTILINE))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_are_known(name):
    lines = shell_lines(name)
    assert lines
    for line in lines:
        words = [word for word in line.split() if "=" not in word]
        match words:
            case ["make", target, *_]:
                assert target in targets(), line
            case [python, "manage.py", command, *_] if python.endswith("python"):
                assert command in get_commands(), line
            case [program, *_]:
                assert program in OTHER_PROGRAMS or program.startswith(".venv/bin/"), line


def test_variables_are_explained_in_the_example():
    assert sorted(documented_defaults()) == sorted(variables_of_the_code())


def test_variables_are_explained_in_the_readme():
    table = re.findall(r"^\| `([A-Z0-9_]+)` \|", read("README.md"), flags=re.MULTILINE)
    assert sorted(table) == sorted(variables_of_the_code())


def test_example_and_readme_name_the_same_defaults():
    table = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| (.*?) \|", read("README.md"), flags=re.MULTILINE))
    assert {name: value.strip("`") for name, value in table.items() if value.startswith("`")} == {
        name: value for name, value in documented_defaults().items() if value
    }


def test_pictures_are_there():
    for name in DOCUMENTS:
        for picture in re.findall(r"!\[.*?\]\((.*?)\)", read(name)):
            assert (ROOT / picture).is_file(), picture


def test_tokens_stand_in_no_document():
    for name in (*DOCUMENTS, "CHANGELOG.md", ".env.example"):
        assert not re.search(r"\b[0-9a-f]{32}\b", read(name)), name


def test_tests_that_are_named_exist():
    named = re.findall(
        r"`(tests/[\w/]+\.py)(?:::(\w+))?`", read("docs/security.md") + read("CONTRIBUTING.md")
    )
    assert len(named) > 80
    for path, name in named:
        assert f"def {name}(" in read(path) or not name, f"{path}::{name}"


def test_each_requirement_stands_in_one_row():
    table = re.findall(r"^\| ([0-9][^|]*) \|", read("docs/security.md"), flags=re.MULTILINE)
    numbers = [number for row in table for number in re.findall(r"[0-9]+\.[0-9]+\.[0-9]+", row)]
    assert len(table) > 50
    assert sorted(numbers) == sorted(set(numbers))
