"""Test what is stored of a connection check: facts of the account, rights of a token, and contradictions."""

import pytest

from groups.models import Fact, PosterAccount
from groups.services.credentials import credentials_of
from groups.services.facts import KINDS, UNKNOWN, Meaning, Seen, facts_of, meaning, store

pytestmark = pytest.mark.django_db


def test_what_was_never_seen_is_unknown_and_a_fact_that_does_not_exist_is_an_error(owner):
    facts = facts_of(credentials_of(owner))
    assert {facts.value(name) for name in KINDS} == {UNKNOWN}
    assert facts.checked_at is None
    with pytest.raises(KeyError):
        facts.value("receipts.colour")


def test_facts_belong_to_the_account_and_rights_to_the_token(
    owner, staff, outsider, django_assert_num_queries
):
    stored = {"receipts.order": Seen("ascending", 100), "right.statistics": Seen("yes", 1)}
    assert store(credentials_of(owner), stored) == []
    theirs = credentials_of(staff)
    with django_assert_num_queries(1):
        facts = facts_of(theirs)
    assert (facts.value("receipts.order"), facts.evidence("receipts.order")) == ("ascending", 100)
    shared_token = theirs.fingerprint == credentials_of(owner).fingerprint
    assert facts.value("right.statistics") == ("yes" if shared_token else UNKNOWN)
    assert facts_of(credentials_of(outsider)).value("receipts.order") == UNKNOWN
    changed = credentials_of(owner)
    changed.set_token("f" * 32)
    assert facts_of(changed).value("right.statistics") == UNKNOWN
    assert facts_of(changed).checked_at is not None


def test_what_a_run_could_not_see_keeps_what_was_seen_before(owner):
    store(credentials_of(owner), {"receipts.order": Seen("ascending", 100)})
    assert store(credentials_of(owner), {"receipts.order": Seen()}) == []
    assert facts_of(credentials_of(owner)).value("receipts.order") == "ascending"


def test_another_value_contradicts_and_another_measurement_does_not(owner):
    store(credentials_of(owner), {"receipts.order": Seen("ascending", 100), "speed": Seen("40", 9)})
    found = store(credentials_of(owner), {"receipts.order": Seen("mixed", 7), "speed": Seen("900", 9)})
    assert [(fact.name, fact.was, fact.value) for fact in found] == [("receipts.order", "ascending", "mixed")]
    assert Fact.objects.get(name="receipts.order").changed_at is not None
    assert Fact.objects.get(name="speed").changed_at is None


def test_rights_of_tokens_that_are_gone_are_forgotten(owner):
    account = PosterAccount.objects.get(pk="demo")
    Fact.objects.create(
        account=account, fingerprint="gone", name="right.groups", value="yes", seen_at=owner.date_joined
    )
    store(credentials_of(owner), {"speed": Seen("40", 9)})
    assert not Fact.objects.filter(fingerprint="gone").exists()


@pytest.mark.parametrize(
    ("name", "value", "means"),
    [
        ("receipts.order", "ascending", Meaning.EXPECTED),
        ("receipts.order", "descending", Meaning.DIFFERS),
        ("clients.pages", "cut", Meaning.OFF),
        ("right.settings", "refused", Meaning.DIFFERS),
        ("receipts.page", "17", Meaning.EXPECTED),
        ("clock.skew", "-61", Meaning.DIFFERS),
        ("receipts.order", UNKNOWN, Meaning.UNKNOWN),
    ],
)
def test_a_value_is_expected_differs_or_turns_a_function_off(name, value, means):
    assert meaning(name, value) == means
