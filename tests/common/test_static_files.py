"""Test static files as in production: each has a hashed name, also where one file refers to another."""

import re
import subprocess
import sys

import pytest
from django.core.management import call_command

from poster_admin.common import serving
from tests.support.environment import ROOT, inherited

STORAGE = "poster_admin.site.StaticFilesStorage"
NAMED = re.compile(r'(?:from\s*|import\s*)"(\./[^"]+)"')
HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")


def test_modules_import_each_other_by_their_hashed_names(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": STORAGE}}
    call_command("collectstatic", interactive=False, verbosity=0)
    modules = [path for path in tmp_path.rglob("*.js") if HASHED.search(path.name)]
    imports = {
        (path.name, name): (path.parent / name).is_file() and bool(HASHED.search(name))
        for path in modules
        for name in NAMED.findall(path.read_text("utf-8"))
    }
    assert imports
    assert [pair for pair, fine in imports.items() if not fine] == []


def test_files_that_were_collected_for_development_are_collected_again(settings, tmp_path, monkeypatch):
    settings.STATIC_ROOT = settings.VAR_DIR = tmp_path
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    collected = []
    monkeypatch.setattr(serving, "call_command", lambda *_, **__: collected.append(backend))
    backends = ["django.contrib.staticfiles.storage.StaticFilesStorage", STORAGE]
    for backend in backends * 2:
        settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": backend}}
        serving.collect_static()
        serving.collect_static()
    assert collected == backends * 2


def test_a_container_that_begins_without_files_on_the_folder_of_its_predecessor_collects_them(
    settings, tmp_path, monkeypatch
):
    settings.STATIC_ROOT, settings.VAR_DIR = tmp_path / "static", tmp_path / "var"
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    collected = []
    monkeypatch.setattr(serving, "call_command", lambda *_, **__: collected.append("all"))
    for _ in range(2):
        (tmp_path / "static").mkdir(exist_ok=True)
        serving.collect_static()
    assert collected == ["all", "all"]


COLLECT = """
import pathlib, sys
import django
from django.conf import settings
settings.STATIC_ROOT, settings.VAR_DIR = (pathlib.Path(sys.argv[1]) / name for name in ("static", "var"))
settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
django.setup()
from poster_admin.common import serving
collect = serving.call_command
def call_command(*words, **options):
    print("collects", flush=True)
    collect(*words, **options)
serving.call_command = call_command
print("ready", flush=True)
sys.stdin.readline()
serving.collect_static()
print((settings.STATIC_ROOT / "staticfiles.json").is_file())
"""


@pytest.mark.thorough  # as servers that start at once
def test_of_processes_that_collect_at_once_one_does_it_and_the_other_waits_for_it(tmp_path):
    """Each would delete files that the other one is about to read."""
    command = [sys.executable, "-c", COLLECT, str(tmp_path)]
    environment = {**inherited(), "DJANGO_SETTINGS_MODULE": "poster_admin.settings"}
    options = {"cwd": ROOT, "env": environment, "text": True}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    processes = [subprocess.Popen(command, **options, **pipes) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = sorted(process.communicate()[0] for process in processes)
    assert said == ["True\n", "collects\nTrue\n"]
