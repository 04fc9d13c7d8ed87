"""Test the exit code of the vulnerability check: findings fail, and nothing is hidden."""

import json

from tests.tools.audit import judge

GOOD = {"name": "django", "version": "6.1.3", "vulns": []}
BAD = {"name": "jinja2", "version": "2.10", "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"]}]}
UNKNOWN = {"name": "ours", "skip_reason": "Dependency not found on PyPI"}


def report(*packages):
    return json.dumps({"dependencies": packages, "fixes": []})


def test_a_vulnerability_fails_and_is_named_with_what_mends_it():
    code, said = judge(report(GOOD, BAD, UNKNOWN))
    assert code == 1
    assert said[0] == "jinja2 2.10: PYSEC-2019-217, corrected in 2.10.1"


def test_packages_that_were_not_checked_are_named():
    assert judge(report(GOOD)) == (0, ["No known vulnerabilities in 1 packages."])
    code, said = judge(report(GOOD, UNKNOWN))
    assert (code, said[1]) == (0, "NOT AUDITED, the package registry does not tell: ours.")


def test_a_registry_without_an_answer_is_no_good_news():
    for answer in ("", report(UNKNOWN)):
        assert judge(answer)[1] == ["NOT AUDITED: the package registry tells nothing of any package here."]
