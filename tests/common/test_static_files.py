"""Test static files as in production: each has a hashed name, also where one file refers to another."""

import re

from django.core.management import call_command

NAMED = re.compile(r'(?:from\s*|import\s*)"(\./[^"]+)"')
HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")


def test_modules_import_each_other_by_their_hashed_names(settings, tmp_path):
    settings.STATIC_ROOT = tmp_path
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "poster_admin.static_files.StaticFilesStorage"}
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    modules = [path for path in tmp_path.rglob("*.js") if HASHED.search(path.name)]
    imports = {
        (path.name, name): (path.parent / name).is_file() and bool(HASHED.search(name))
        for path in modules
        for name in NAMED.findall(path.read_text("utf-8"))
    }
    assert imports
    assert [pair for pair, fine in imports.items() if not fine] == []
