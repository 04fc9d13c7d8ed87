"""Name jobs, for their pages and for notices."""

from typing import assert_never

from django.utils.translation import gettext as _

from groups.models import Job


def job_title(job: Job) -> str:
    """Return the title of a job."""
    names = {"group": job.group_name, "target": job.target_name}
    match Job.Kind(job.kind):
        case Job.Kind.MOVE:
            return _("Clients: “%(group)s” → “%(target)s”") % names
        case Job.Kind.RETIRE:
            return _("Retire “%(group)s”, its clients go to “%(target)s”") % names
        case Job.Kind.RESTORE:
            return _("Restore “%(group)s”") % names
        case Job.Kind.EDIT:
            return _("Change several groups")
        case Job.Kind.IMPORT:
            return _("Import of groups")
        case Job.Kind.UNDO:
            undone = job_title(job.undo_of) if job.undo_of else ""
            return _("Undo · %(job)s") % {"job": undone}
        case _ as never:
            assert_never(never)
