"""A Poster that has a request and answers only when it is told to."""

import threading
from contextlib import contextmanager

SECONDS = 10


@contextmanager
def answers_after(sandbox, monkeypatch):
    """Yield what lets Poster answer; fail if it had to answer without it."""
    told, waited = threading.Event(), []
    answer = sandbox._api.answer

    def later(request, **options):
        waited.append(told.wait(SECONDS))
        return answer(request, **options)

    monkeypatch.setattr(sandbox._api, "answer", later)
    yield told.set
    assert waited
    assert all(waited)
