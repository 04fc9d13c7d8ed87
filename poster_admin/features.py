"""Name the features, and read which of them FEATURES_OFF leaves out."""

from importlib import import_module

from groups.feature import Feature
from poster_admin.env import Environment

# Each may need those before it, and is plugged in after them.
FEATURES = (
    "snapshots",
    "moves",
    "insights",
    "bulk",
    "schedules",
    "approvals",
    "elsewhere",
    "notices",
    "client_lists",
    "criteria",
    "movements",
    "scheme_file",
    "saved_views",
)
APPS: list[str] = [f"groups.features.{name}" for name in FEATURES]


def require_known(env: Environment, off: list[str]) -> None:
    """Record names to leave out that are no feature, and those that a feature in use needs."""
    unknown = [name for name in off if name not in FEATURES]
    words = f"has {', '.join(unknown)}: the features are {', '.join(FEATURES)}"
    env.require("FEATURES_OFF", not unknown, words)
    for name in off:
        needing = [each for each in needed_by(name) if each not in off]
        env.require("FEATURES_OFF", not needing, f"has {name}, which is needed by {', '.join(needing)}")


def needed_by(name: str) -> list[str]:
    """Return the features that cannot do without this one."""
    needing = []
    for each in FEATURES:
        module = import_module(f"groups.features.{each}.apps")
        classes = [value for value in vars(module).values() if isinstance(value, type)]
        if any(issubclass(value, Feature) and name in value.needs for value in classes):
            needing.append(each)
    return needing
