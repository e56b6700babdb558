"""Batch compliance jobs: ids are uploaded, and some time later verdicts can be downloaded.

Sources: X docs, "Batch compliance" (2026-08): one job of a type at a time, fifteen minutes to
upload in, a week to download in, ids without a verdict left out of the results.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from tweetlog_local.x_api.clock import written
from tweetlog_local.x_api.snowflake import EPOCH_MS, ms_of
from tweetlog_local.x_api.verdicts import Verdict, Verdicts

TYPES = ("tweets", "users")
STATUSES = ("created", "in_progress", "complete", "failed", "expired")
_UPLOAD_SECONDS = 15 * 60
_DOWNLOAD_SECONDS = 7 * 86_400
# Below it ids are older than snowflakes and do not tell their moment.
_FIRST_SNOWFLAKE = 1 << 40


class JobError(ValueError):
    """What cannot be done with a job; the text says why."""


@dataclass(slots=True)
class Job:
    """One job; moments in seconds since 1970.

    Attributes:
        key: what its two addresses are signed with.
        done_at: when its results are there, once something was uploaded.
        error: why it failed.
    """

    id: str
    type: str
    name: str | None
    key: str
    created_at: float
    upload_until: float
    download_until: float
    ids: list[int] = field(default_factory=list)
    done_at: float | None = None
    error: str | None = None
    results: bytes | None = None

    def status(self, now: float) -> str:
        """Return how far it is."""
        if self.error:
            return "failed"
        if self.done_at is None:
            return "created" if now < self.upload_until else "expired"
        if now < self.done_at:
            return "in_progress"
        return "complete" if now < self.download_until else "expired"


class Jobs:
    """Every job.

    Args:
        processing: seconds from the upload to the results.
        lasting: how many real seconds so many of X's take.
    """

    def __init__(self, verdicts: Verdicts, *, processing: float, lasting: float) -> None:
        self._verdicts = verdicts
        self._processing = processing * lasting
        self._lasting = lasting
        self._jobs: dict[str, Job] = {}

    def create(self, type: str, name: str | None, *, id: str, key: str, now: float) -> Job:
        """Make a job.

        Raises:
            JobError: if one of its type is not done yet.
        """
        for job in self._jobs.values():
            if job.type == type and job.status(now) in {"created", "in_progress"}:
                raise JobError(f"There is a compliance job of type {type} already: {job.id}")
        upload_until = now + _UPLOAD_SECONDS * self._lasting
        download_until = now + _DOWNLOAD_SECONDS * self._lasting
        self._jobs[id] = Job(id, type, name, key, now, upload_until, download_until)
        return self._jobs[id]

    def get(self, id: str) -> Job | None:
        """Return a job, or None if there is none of this id."""
        return self._jobs.get(id)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def upload(self, job: Job, data: bytes, now: float) -> None:
        """Take the ids, one a line. What is no id makes the job fail, later, as on X.

        Raises:
            JobError: if it is too late, or was done already.
        """
        if job.done_at is not None or now >= job.upload_until:
            raise JobError("the upload address is no longer valid")
        job.done_at = now + self._processing
        lines = data.decode("utf-8", "replace").split()
        wrong = next((line for line in lines if not (line.isascii() and line.isdigit())), None)
        if wrong is not None:
            job.error = f"invalid id: {wrong[:40]}"
        job.ids = [] if wrong is not None else [int(line[:20]) for line in lines]

    def download(self, job: Job, now: float) -> bytes:
        """Return the results, one JSON object a line.

        Raises:
            JobError: if they are not there.
        """
        if job.status(now) != "complete":
            raise JobError(f"no results: the job is {job.status(now)}")
        if job.results is None:
            found = (self._line(job, id) for id in dict.fromkeys(job.ids))
            job.results = b"".join(line for line in found if line)
        return job.results

    def _line(self, job: Job, id: int) -> bytes:
        verdict = (
            self._verdicts.of_tweet(id) if job.type == "tweets" else self._verdicts.of_user(str(id))
        )
        return orjson.dumps(_result(id, verdict)) + b"\n" if verdict else b""


def _result(id: int, verdict: Verdict) -> Mapping[str, Any]:
    ms = ms_of(id) if id >= _FIRST_SNOWFLAKE else EPOCH_MS
    return {
        "id": str(id),
        "action": "delete",
        "created_at": written(ms / 1000),
        "redacted_at": written(verdict.since),
        "reason": verdict.reason,
    }


def shown(job: Job, base: str, now: float) -> dict[str, Any]:
    """Return a job as X shows it; `base` is where its files are."""
    body: dict[str, Any] = {
        "id": job.id,
        "type": job.type,
        "resumable": False,
        "status": job.status(now),
        "created_at": written(job.created_at),
        "upload_url": f"{base}/{job.id}/submission?X-Goog-Signature={job.key}",
        "upload_expires_at": written(job.upload_until),
        "download_url": f"{base}/{job.id}/results?X-Goog-Signature={job.key}",
        "download_expires_at": written(job.download_until),
    }
    body |= {"name": job.name} if job.name else {}
    return {**body, "error": job.error} if job.error else body
