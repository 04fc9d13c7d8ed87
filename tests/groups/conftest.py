"""Fixtures of the app: the queue of tasks, done in this process, and lost writes that are settled at once."""

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


@pytest.fixture
def settled_at_once(settings):
    """Ask Poster each time, look at a lost write without a pause, and believe the first look."""
    settings.POSTER_CACHE_SECONDS = settings.POSTER_SETTLE_SECONDS = 0
    settings.POSTER_RECHECK_PAUSES = (0.0,) * 4
