"""Test the progress of a job: its parts whose outcome is known, in numbers and in percents."""

from groups.services.jobs.progress import JobProgress


def test_all_that_was_settled_has_been_seen_and_what_is_open_has_not():
    progress = JobProgress(total=20, done=2, refused=3, failed=4, unknown=5, skipped=6)
    assert (progress.seen, progress.percent) == (15, 75)


def test_a_job_that_has_not_begun_has_seen_nothing():
    assert (JobProgress(total=4).seen, JobProgress(total=4).percent) == (0, 0)


def test_a_job_without_parts_has_no_percent():
    assert JobProgress(total=0).percent == 0


def test_percents_are_rounded_down_so_that_the_last_one_is_missed():
    assert JobProgress(total=300, done=299).percent == 99
