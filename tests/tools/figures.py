"""Count what the house weighs: `python -m tests.tools.figures [TREE …]`, a column for each checkout.

The walk of one saved percent is a real request, so each checkout needs an environment: `make .venv/.all`.
"""

import argparse
import ast
import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

WALK = Path("tests/tools/walk_of_a_percent.py")
# Modules of features before they had folders, by the words in their names.
FEATURE_WORDS = (
    "approval", "bulk", "client_counts", "compare", "cost", "dependents", "effects", "elsewhere", "ladder",
    "limit_check", "member_sums", "moves", "move_effect", "notices", "restore", "sales", "saved_views",
    "schedule", "scheme", "snapshot", "watch", "read_workbook", "imports", "reader",
    "calculation",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trees", nargs="*", type=Path, default=[Path.cwd()])
    columns = [figures_of(tree.resolve()) for tree in parser.parse_args().trees]
    width = max(map(len, columns[0]))
    for name in columns[0]:
        print(name.ljust(width), *(str(column[name]).rjust(10) for column in columns))


def figures_of(tree: Path) -> dict[str, int | str]:
    modules = {path: ast.parse(path.read_text()) for path in _modules(tree / "groups")}
    core = {path: module for path, module in modules.items() if not _is_feature(path, tree)}
    stays, rooms = _walk(tree)
    return {
        "imports of features by the core": sum(_imports_of_features(core, tree)),
        "lines of the core without poster/": _lines(path for path in core if "poster" not in path.parts),
        "lines of the app": _lines(modules) + _lines(_site(tree)),
        "stays of one saved percent": stays,
        "rooms of one saved percent": rooms,
        "functions": sum(1 for module in modules.values() for _ in _functions(module)),
        "private functions used once": _used_once(modules.values()),
        "folders that a feature lives in": _folders(tree),
        "lines of tests": _lines((tree / "tests").rglob("*.py")),
    }


def _modules(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.py")) if "migrations" not in path.parts)


def _site(tree: Path) -> Iterator[Path]:
    return (path for path in _modules(tree / "poster_admin") if "devtools" not in path.parts)


def _lines(paths: object) -> int:
    return sum(len(path.read_text().splitlines()) for path in paths)


def _is_feature(path: Path, tree: Path) -> bool:
    parts = path.relative_to(tree / "groups").with_suffix("").parts
    if (tree / "groups/features").exists():
        return parts[0] == "features"
    is_clear = parts[0] in ("poster", "management") or parts[:2] == ("services", "writes")
    return not (is_clear and parts[-1] != "limit_check") and any(
        word in part for part in parts for word in FEATURE_WORDS
    )


def _imports_of_features(core: dict[Path, ast.Module], tree: Path) -> Iterator[int]:
    for module in core.values():
        for node in ast.walk(module):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("groups"):
                for name in node.names:
                    yield _leads_to_feature(tree, f"{node.module}.{name.name}") or _leads_to_feature(
                        tree, node.module
                    )


def _leads_to_feature(tree: Path, dotted: str) -> bool:
    path = tree / (dotted.replace(".", "/") + ".py")
    return path.exists() and _is_feature(path, tree)


def _functions(module: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef))


def _used_once(modules: object) -> int:
    count = 0
    for module in modules:
        private = {each.name for each in _functions(module) if each.name[0] == "_" and each.name[1] != "_"}
        used = Counter(
            node.id if isinstance(node, ast.Name) else node.attr
            for node in ast.walk(module)
            if isinstance(node, ast.Name | ast.Attribute)
        )
        count += sum(used[name] == 1 for name in private)
    return count


def _folders(tree: Path) -> int:
    """Count the folders of code in which planned changes have a module."""
    named = (path for path in _modules(tree / "groups") if "schedule" in str(path.relative_to(tree)))
    folders = {path.parent for path in named}
    roots = {each for each in folders if each.parts[-2:] == ("features", "schedules")}
    return len([each for each in folders if not roots & set(each.parents)])


def _walk(tree: Path) -> tuple[int, int]:
    """Save one percent in a checkout, and count the stays in its rooms: modules of the project."""
    copy = tree / "tests" / "test_walk_of_a_percent.py"
    copy.write_text(WALK.read_text())
    try:
        ran = subprocess.run(
            [tree / ".venv/bin/python", "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", copy],
            cwd=tree, capture_output=True, text=True, check=True,
        )  # fmt: skip
    finally:
        copy.unlink()
    line = next(line for line in ran.stdout.splitlines() if "WALK" in line)
    walk = json.loads(line.partition("WALK ")[2])
    return walk["stays"], walk["rooms"]


if __name__ == "__main__":
    main()
