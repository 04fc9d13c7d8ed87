"""Let Poster refuse writes, and look at the rows of jobs in which that is told."""

from groups.models import Change, PosterCredentials
from groups.poster.errors import REFUSALS
from groups.services.jobs import queue
from tests.support.pages import text_of
from tests.support.pairwise import covering

# No message of the dashboard is written like this.
WORDS = "<b>Ні & ні</b> "
# Codes of one kind are the same error (tests/groups/poster/test_errors.py), and are told alike.
ONE_OF_EACH_KIND = covering(REFUSALS, lambda code: {REFUSALS[code]})


def refused(sandbox, method, code):
    """Let Poster refuse a method with this code, and a long message that contains a token."""
    token = sandbox.accounts["demo"].token
    message = f"{WORDS}{token} {'ж' * 300}"
    sandbox.script(method, "error_object", code=code, message=message, when="before")


def row_of_refused(client, user, job, code):
    """Run a job whose only write is refused, and return the text of its page after a look at its row."""
    queue.run_job(job.pk)
    change = Change.objects.get(job=job)
    assert (change.state, change.code) == (Change.State.REFUSED, code)
    # Credentials that Poster refused are not used again automatically; a job that waits would try again.
    PosterCredentials.objects.update(refused_at=None)
    job.refresh_from_db()
    if job.is_unfinished:
        queue.cancel(job, user)
    page = client.get(f"/jobs/{job.pk}/")
    assert page.status_code == 200
    html = page.content.decode()
    assert "<b>Ні" not in html
    assert f'data-change="{change.pk}" data-state="refused"' in html
    return text_of(page)
