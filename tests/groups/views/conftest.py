"""Fixtures of the pages: the queue of tasks, done in this process."""

import pytest
from django_tasks_db.models import DBTaskResult

from groups.services.jobs import sales_reading


@pytest.fixture
def work_queue(monkeypatch):
    """Return a function that does what is in the queue, as a worker does."""
    monkeypatch.setattr(sales_reading, "RETRY_DELAYS", ())

    def work():
        for result in list(DBTaskResult.objects.ready()):
            result.claim("test")
            result.task.func(*result.args_kwargs["args"], **result.args_kwargs["kwargs"])
            result.set_successful(None)

    return work
