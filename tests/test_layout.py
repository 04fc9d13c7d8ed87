"""Hold the tests to what CONTRIBUTING.md says of them, where no other tool does."""

import re

from tests.support.environment import ROOT

IMPORT_OF_A_TEST = re.compile(
    r"^\s*(?:from tests[\w.]*\.(?:test_\w+|conftest) import|from [\w.]+ import test_)", re.MULTILINE
)
PATCH_OF_A_PRIVATE_NAME = re.compile(r"""(?:setattr|patch(?:\.object)?)\([^\n]*?["'.]_(?!_)\w+["']""")


def found(pattern):
    """Return the files of the tests in which a pattern is found."""
    files = (ROOT / "tests").rglob("*.py")
    return [str(path) for path in files if pattern.search(path.read_text(encoding="utf-8"))]


def test_no_test_module_lends_anything_to_another_one():
    assert found(IMPORT_OF_A_TEST) == []


def test_no_private_name_is_patched():
    assert found(PATCH_OF_A_PRIVATE_NAME) == []


def test_one_page_tells_an_author_of_a_feature_everything():
    assert len((ROOT / "groups/hooks.py").read_text().splitlines()) <= 150
