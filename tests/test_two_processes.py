"""One form sent many times at once, to two server processes over one database: one POST."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from groups.poster.sandbox import Sandbox
from tests import environment
from tests.services import empty_database
from tests.tools.killing import Dashboard

AT_ONCE = 8


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def dashboard(request, tmp_path):
    on_postgresql = request.param == "postgresql"
    database = empty_database(environment.POSTGRES_URL) if on_postgresql else nullcontext("")
    with database as url, Sandbox(groups=10) as sandbox:
        dashboard = Dashboard(tmp_path, sandbox, database_url=url, servers=2)
        try:
            dashboard.start()
            yield dashboard
        finally:
            dashboard.close()


def send_all(dashboard, path, forms):
    """Send forms at the same moment, to the one and the other process in turns."""
    dashboard.sandbox.latency = 0.1
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [
            pool.submit(dashboard.send_form, path, form, server=number % 2)
            for number, form in enumerate(forms)
        ]
        return [answer.result() for answer in answers]


def test_one_form_sent_at_once_is_one_post_and_one_outcome(dashboard):
    for action in ("create", "update", "remove"):
        write = dashboard.plan(action, "")
        path, form = dashboard.open_form(write)
        answers = send_all(dashboard, path, [form] * AT_ONCE)
        assert {answer.status_code for answer in answers} <= {302, 404}
        # Whose page of a removal is late finds no group any more.
        assert action == "remove" or {answer.status_code for answer in answers} == {302}
        assert len({answer.headers["Location"] for answer in answers if answer.status_code == 302}) == 1
        assert len(write.sent(dashboard.sandbox.posts())) == 1
        assert write.is_in_force(dashboard.sandbox.accounts["demo"].groups)
    assert len(dashboard.sandbox.posts()) == 3


def test_many_forms_for_one_group_sent_at_once_are_one_post(dashboard):
    write = dashboard.plan("update", "")
    path, form = dashboard.open_form(write)
    forms = [form | {"operation": str(uuid.uuid4())} for _ in range(AT_ONCE)]
    statuses = sorted(answer.status_code for answer in send_all(dashboard, path, forms))
    assert statuses == [302] + [409] * (AT_ONCE - 1)
    assert len(dashboard.sandbox.posts()) == 1
