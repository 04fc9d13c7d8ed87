"""Fixtures of the pages: the queue of tasks, done in this process."""

import pytest
from django_tasks_db.models import DBTaskResult


@pytest.fixture
def work_queue():
    """Return a function that does the tasks in the queue, as a worker does."""

    def work():
        for result in list(DBTaskResult.objects.ready()):
            result.claim("test")
            result.task.func(*result.args_kwargs["args"], **result.args_kwargs["kwargs"])
            result.set_successful(None)

    return work
