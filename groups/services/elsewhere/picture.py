"""Store a picture of an account's groups as plain JSON, and read it back."""

from datetime import datetime
from typing import Any

from groups.poster import GroupValues
from groups.services.elsewhere.compare import Known, Picture, Suspect


def to_json(picture: Picture) -> dict[str, Any]:
    """Return a picture as plain JSON; `seen` is left out of the groups that the last look showed."""
    return {
        "known": {str(number): _known(known, picture) for number, known in sorted(picture.known.items())},
        "suspects": {
            str(number): {
                "values": _values(each.values),
                "began": _text(each.began),
                "ended": _text(each.ended),
                "known_at": _text(each.known_at),
                "looks": each.looks,
            }
            for number, each in sorted(picture.suspects.items())
        },
        "unread": sorted(picture.unread),
        "considered": sorted(picture.considered),
        "taken_at": _text(picture.taken_at) if picture.taken_at else None,
        "full_at": _text(picture.full_at) if picture.full_at else None,
    }


def from_json(data: dict[str, Any], looked_at: datetime | None) -> Picture:
    """Return the picture; `looked_at` is the time of the last look."""
    if not data or looked_at is None:
        return Picture()
    return Picture(
        known={
            int(number): Known(
                _group(each),
                _time(each.get("seen")) or looked_at,
                _moment(each["since"]),
                _time(each.get("sent")),
            )
            for number, each in data["known"].items()
        },
        suspects={
            int(number): Suspect(
                _group(each),
                _moment(each["began"]),
                _moment(each["ended"]),
                _moment(each["known_at"]),
                each["looks"],
            )
            for number, each in data["suspects"].items()
        },
        unread=set(data["unread"]),
        considered=set(data["considered"]),
        taken_at=_time(data["taken_at"]),
        looked_at=looked_at,
        full_at=_time(data["full_at"]),
    )


def _known(known: Known, picture: Picture) -> dict[str, Any]:
    row = {"values": _values(known.values), "since": _text(known.since)}
    row |= {"sent": _text(known.sent)} if known.sent else {}
    return row if known.seen == picture.looked_at else {**row, "seen": _text(known.seen)}


def _values(values: GroupValues | None) -> dict[str, Any] | None:
    return values.to_json() if values else None


def _group(row: dict[str, Any]) -> GroupValues | None:
    return GroupValues.from_json(row["values"]) if row["values"] else None


def _text(moment: datetime) -> str:
    return moment.isoformat()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _time(text: str | None) -> datetime | None:
    return _moment(text) if text else None
