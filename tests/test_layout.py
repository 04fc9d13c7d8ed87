"""Hold the tests to what CONTRIBUTING.md says of them, where no other tool does."""

import ast
import re
from collections import Counter

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


def test_one_page_has_everything_for_an_author_of_a_feature():
    assert len((ROOT / "groups/hooks.py").read_text().splitlines()) <= 150


# Names that Django reads; and the enums of models, which are said with their model, as `Job.State`.
NAMES_OF_DJANGO = {"Meta", "Migration", "Command"}
ENUMS_OF_MODELS = {"State", "Reason", "Failure"}


def test_no_two_classes_have_one_name():
    names = Counter()
    for path in (path for folder in ("groups", "poster_admin") for path in (ROOT / folder).rglob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef) and node.name not in NAMES_OF_DJANGO:
                is_of_model = node.name in ENUMS_OF_MODELS and node not in module.body
                names[f"{path}: {node.name}" if is_of_model else node.name] += 1
    assert [name for name, count in names.items() if count > 1 or name in ENUMS_OF_MODELS] == []
