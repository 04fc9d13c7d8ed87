"""Read the examples of `poster_api.md`, the public documentation of the methods that this project uses."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

DOCUMENT = Path(__file__).resolve().parents[1] / "seed" / "poster_api.md"
METHODS = ("getGroups", "getGroup", "createGroup", "updateGroup", "removeGroup")


@dataclass(frozen=True)
class Example:
    """A request of the documentation, and its answer.

    `php` is the request as printed there; `values` are the parameters of a POST as they are spelled in it,
    None for a GET.
    """

    method: str
    php: str
    account: str
    query: dict
    values: dict | None
    answer: object


def examples():
    """Return the five examples in the order of the documentation."""
    found = [_example(section) for section in re.split(r"(?m)^## ", DOCUMENT.read_text(encoding="utf-8"))[1:]]
    assert [example.method for example in found] == [f"clients.{method}" for method in METHODS]
    return found


def _example(section):
    request, answer = (re.search(rf"(?s)```{kind}\n(.*?)```", section)[1] for kind in ("php", "json"))
    address = urlsplit("".join(re.findall(r"'([^']*)'", re.search(r"(?s)\$url = (.*?);", request)[1])))
    posted = re.search(r"(?s)\$group = \[(.*?)\];", request)
    pairs = re.findall(r"'(\w+)' => ('[^']*'|[\d.]+)", posted[1]) if posted else None
    return Example(
        method=address.path.rpartition("/")[2],
        php=request,
        account=address.hostname.partition(".")[0],
        query=dict(parse_qsl(address.query)),
        values=None if pairs is None else {name: value.strip("'") for name, value in pairs},
        answer=json.loads(answer),
    )
