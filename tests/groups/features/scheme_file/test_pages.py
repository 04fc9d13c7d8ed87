"""Test the scheme as a file in the browser: it is saved, compared, planned, and applied as an import is."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from groups.features.scheme_file.services import Apply
from groups.models import Job
from tests.support.bulk import run_answered
from tests.support.pages import text_of
from tests.support.schemes import entry, scheme

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
COMPARE = "/groups/compare/"
SEED = "Скидочная система 10%"


def compare(client, content):
    content = content.encode() if isinstance(content, str) else content
    return client.post(COMPARE, {"file": SimpleUploadedFile("scheme.yaml", content)})


def test_the_list_offers_the_file_and_the_way_back(manager, browse, sandbox):
    client = browse(manager)
    page = client.get("/groups/").content.decode()
    assert 'href="/groups/export.yaml" data-download' in page
    assert f'href="{COMPARE}"' in page
    saved = client.get("/groups/export.yaml")
    assert saved["Content-Type"] == "application/yaml; charset=utf-8"
    assert 'filename="scheme-demo-' in saved["Content-Disposition"]
    answer = compare(client, saved.content)
    assert answer.status_code == 200
    assert "Poster has all 3 groups of this file just as they are there." in text_of(answer)
    assert not Job.objects.exists()


def test_a_file_becomes_a_plan_and_the_plan_a_job(staff, browse, sandbox):
    client = browse(staff)
    rules = 'rules:\n- {group: "Нікому", sum: 777.5}\n'
    answer = compare(
        client, scheme(entry("Нова", "bonus", 5, 10), entry("Інша", percent=11, was=SEED), rules)
    )
    plan = client.get(answer["Location"])
    text = text_of(plan)
    assert "2 groups are not in the file, and stay as they are" in text
    assert "Постоянный посетитель" in text
    assert "Only in the file: “Нікому” from 777.50" in text
    assert "line 1" not in text  # two groups may be on one line of the file
    assert f'href="{COMPARE}"' in plan.content.decode()
    assert not sandbox.posts()
    job = run_answered(client.post(answer["Location"]))
    assert (job.kind, job.state, job.total) == (Apply.kind, Job.State.DONE, 2)
    names = [row["client_groups_name"] for row in sandbox.accounts["demo"].groups.values()]
    assert names == ["Постоянный посетитель", "Інша", "Скидочная система 20%", "Нова"]
    assert "A scheme from a file" in text_of(client.get(f"/jobs/{job.pk}/"))


def test_errors_are_shown_at_their_places(staff, browse, sandbox):
    answer = compare(browse(staff), scheme(entry("Нова", percent="5,5"), "- a\n"))
    assert answer.status_code == 422
    text = text_of(answer)
    assert "2 places in the file have to be corrected first" in text
    assert "4 12 Write a plain number" in text
    assert not Job.objects.exists()


def test_two_groups_of_a_name_are_an_error_of_the_file(staff, browse, sandbox):
    sandbox.console().put(sandbox.accounts["demo"].groups[4] | {"client_groups_id": "90"})
    answer = compare(browse(staff), scheme(entry("Нова")))
    assert answer.status_code == 422
    assert f"two groups with the name “{SEED}”" in text_of(answer)


def test_who_may_look_sees_the_difference_and_applies_nothing(manager, browse, sandbox):
    answer = compare(browse(manager), scheme(entry("Нова"), entry(SEED, percent=11)))
    assert answer.status_code == 200
    text = text_of(answer)
    assert "1 group is new" in text
    assert "To apply this takes the right to change groups" in text
    assert "There is nothing to change." not in text
    assert not Job.objects.exists()
