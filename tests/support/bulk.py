"""Plan edits of several groups, as the services do and as the form does, and run their job."""

import re
from decimal import Decimal

from groups.features.bulk import services as bulk
from groups.features.bulk.services import EditPlan, Import, PlanLine
from groups.models import Job
from groups.services import credentials as credentials_service
from groups.services import groups as reads
from groups.services.jobs import queue
from tests.support.jobs import run
from tests.support.pages import hidden, text_of


def plan_edits(user, percents=(), created=(), kind=Import, **others):
    """Plan new percents for groups, by id, and new groups."""
    credentials = credentials_service.credentials_of(user)
    groups = reads.list_groups(credentials, fresh=True)
    lines = []
    for group_id, percent in dict(percents).items():
        old = groups.find(group_id).values
        new = old.replace(percent=Decimal(percent), **others)
        lines.append(PlanLine(len(lines) + 2, new, group_id, old, clients=1))
    lines += [PlanLine(len(lines) + 2 + number, new) for number, new in enumerate(created)]
    return bulk.keep_plan(credentials, kind, EditPlan(tuple(lines)))


def edited(user, percents):
    """Give groups new percents, by id, and return the ended job."""
    job = plan_edits(user, percents, kind=bulk.Edit)
    queue.start_draft(job, user)
    return run(job)


BULK = "/groups/edit/"


def open_bulk_form(client, url=BULK, **percents):
    """Open the form and return the fields that a browser would send, with these percents: `p1="12"`."""
    page = client.get(url)
    assert page.status_code == 200
    inputs = re.findall(r'<input[^>]*name="((?:percent|bonus)_\d+)"[^>]*>', page.content.decode())
    values = {**hidden(page, "version", *inputs)}
    return values | {f"percent_{name[1:]}": value for name, value in percents.items()}


def plan_by_form(client, url=BULK, **percents):
    """Send the form and open its plan."""
    answer = client.post(url, open_bulk_form(client, url, **percents))
    assert answer.status_code == 302, text_of(answer)
    return client.get(answer["Location"])


def run_answered(answer):
    """Run the job that a response leads to, as a worker would."""
    job = Job.objects.get(pk=answer["Location"].strip("/").split("/")[-1])
    queue.run_job(job.pk)
    job.refresh_from_db()
    return job
