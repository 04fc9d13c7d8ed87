"""Test that the JSON of changes and jobs stays as it was written since 1.0, and is read back."""

import json
from decimal import Decimal

from groups.models.contents import (
    ClientAfter,
    ClientBefore,
    ClientPlace,
    LoadedGroup,
    NewClient,
    RecordIds,
)
from groups.poster import GroupValues

VALUES = GroupValues(name="Гості", loyalty_type=1, percent=Decimal("12.5"), birthday_bonus=Decimal(50))
STORED = {
    "name": "Гості",
    "loyalty_type": 1,
    "percent": "12.5",
    "birthday_bonus": "50",
    "use_ewallet": None,
}


CONTENTS = [
    (LoadedGroup(VALUES), STORED),
    (LoadedGroup(VALUES, 0), STORED | {"clients": 0}),
    (LoadedGroup(None), None),
    (RecordIds((1, 4)), {"ids": [1, 4]}),
    (ClientPlace(4), {"group_id": 4}),
    (ClientBefore(4, {"name": "hmac"}), {"group_id": 4, "field_hmacs": {"name": "hmac"}}),
    (ClientBefore(field_hmacs={"name": "hmac"}), {"field_hmacs": {"name": "hmac"}}),
    (ClientBefore(4), {"group_id": 4}),
    (ClientBefore(), {}),
    (ClientAfter(1, ("bonus",)), {"group_id": 1, "changed": ["bonus"]}),
    (NewClient(4, "8", 9), {"group_id": 4, "snapshot": "8", "client": 9}),
]


def test_a_content_is_stored_and_read_back():
    for content, stored in CONTENTS:
        assert json.loads(json.dumps(content.to_json())) == stored
        assert type(content).from_json(stored) == content


def test_what_a_column_does_not_have_is_empty():
    assert RecordIds.from_json(None) == RecordIds()
    assert ClientBefore.from_json(None) == ClientBefore()
    assert ClientAfter.from_json({"group_id": 1}) == ClientAfter(1)
