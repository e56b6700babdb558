"""Query jobs: what was asked, what came of it, and its rows for a while.

A job runs in the request that inserts it, so that it is DONE when its insertion is answered.
"""

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tweetlog_local.bigquery import wire
from tweetlog_local.bigquery.errors import AlreadyExists, ApiError, Invalid, NotFound
from tweetlog_local.bigquery.parameters import parameters_of
from tweetlog_local.bigquery.session import Outcome, Session
from tweetlog_local.bigquery.statements import run, script
from tweetlog_local.bigquery.warehouse import Warehouse

RESULT_BYTES = 256 * 1024 * 1024
MAX_JOBS = 1000
PAGE_ROWS = 10_000
# Parts of a query's configuration that change what it means.
UNSUPPORTED = (
    "destinationTable",
    "tableDefinitions",
    "userDefinedFunctionResources",
    "createSession",
    "connectionProperties",
)


@dataclass(frozen=True, slots=True)
class Job:
    """A job that has run."""

    id: str
    project: str
    location: str
    configuration: Mapping[str, Any]
    started: int
    ended: int
    outcome: Outcome
    error: ApiError | None = None
    statements: int = 1
    expired: bool = False
    children: Sequence["Job"] = field(default=())

    @property
    def reference(self) -> dict[str, str]:
        """The `JobReference`."""
        return {"projectId": self.project, "jobId": self.id, "location": self.location}

    def resource(self) -> dict[str, Any]:
        """Return the `Job` resource."""
        status: dict[str, Any] = {"state": "DONE"}
        if self.error:
            status |= {"errorResult": self.error.proto(), "errors": [self.error.proto()]}
        return {
            "kind": "bigquery#job",
            "id": f"{self.project}:{self.location}.{self.id}",
            "etag": self.id,
            "jobReference": self.reference,
            "configuration": self.configuration,
            "status": status,
            "statistics": self._statistics(),
            "user_email": "local@tweetlog.invalid",
        }

    def _statistics(self) -> dict[str, Any]:
        times = {"creationTime": self.started, "startTime": self.started, "endTime": self.ended}
        query = self._query_statistics()
        return {
            **{name: str(value) for name, value in times.items()},
            "totalBytesProcessed": query["totalBytesProcessed"],
            "query": query,
        } | ({"numChildJobs": str(self.statements)} if self.statements > 1 else {})

    def _query_statistics(self) -> dict[str, Any]:
        outcome = self.outcome
        kind = "SCRIPT" if self.statements > 1 else outcome.kind
        found: dict[str, Any] = {
            "statementType": kind,
            "totalBytesProcessed": str(outcome.rows.nbytes),
            "totalBytesBilled": "0",
            "cacheHit": False,
        }
        if self.configuration.get("dryRun"):
            found["schema"] = schema_resource(outcome)
        if outcome.affected is not None:
            found["numDmlAffectedRows"] = str(outcome.affected)
            found["dmlStats"] = _dml_stats(outcome)
        if outcome.operation:
            found["ddlOperationPerformed"] = outcome.operation
        if outcome.target and outcome.affected is None:
            found["ddlTargetTable"] = {
                "projectId": outcome.target.project,
                "datasetId": outcome.target.dataset,
                "tableId": outcome.target.table,
            }
        return found


def _dml_stats(outcome: Outcome) -> dict[str, str]:
    names = {"INSERT": "inserted", "UPDATE": "updated"}
    return {f"{names.get(outcome.kind, 'deleted')}RowCount": str(outcome.affected)}


def schema_resource(outcome: Outcome) -> dict[str, Any]:
    """Return the schema of a result."""
    return {"fields": [item.resource() for item in outcome.fields]}


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a result is asked for, and in which form."""

    start: int = 0
    size: int = PAGE_ROWS
    int64_timestamps: bool = False


def page_of(
    query: Mapping[str, str], body: Mapping[str, Any] | None = None, start: str = "startIndex"
) -> Page:
    """Return the page that a request's query string or body asks for."""
    given = {**query, **(body or {})}
    options = (body or {}).get("formatOptions") or {}
    flag = options.get("useInt64Timestamp", query.get("formatOptions.useInt64Timestamp"))
    try:
        size = min(int(given.get("maxResults") or PAGE_ROWS), PAGE_ROWS)
        first = int(given.get("pageToken") or given.get(start) or 0)
    except ValueError:
        raise Invalid("maxResults, startIndex and pageToken are numbers") from None
    if "maxResults" in given and str(given["maxResults"]) == "0":
        size = 0
    return Page(first, size, str(flag).lower() == "true")


class Jobs:
    """The jobs that have run, the oldest forgotten first."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._held: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, job_id: str) -> Job:
        """Return a job."""
        with self._lock:
            if job_id not in self._held:
                raise NotFound(f"Not found: Job {self._warehouse.project}:{job_id}")
            return self._held[job_id]

    def listed(self) -> list[Job]:
        """Return all jobs, the latest first."""
        with self._lock:
            return list(reversed(self._held.values()))

    def run(self, configuration: Mapping[str, Any], job_id: str | None = None) -> Job:
        """Run a query job; the error of a statement is the job's, not ours."""
        if "query" not in configuration:
            raise Invalid(
                "Only query jobs are supported by the embedded BigQuery: load, extract "
                "and copy jobs are not."
            )
        for name in UNSUPPORTED:
            if configuration["query"].get(name):
                raise Invalid(f"{name} of a query is not supported by the embedded BigQuery.")
        job_id = job_id or f"job_{uuid.uuid4().hex}"
        if job_id in self._held:
            raise AlreadyExists(f"Already Exists: Job {self._warehouse.project}:{job_id}")
        job = self._run(configuration, job_id)
        if not configuration.get("dryRun"):
            self._remember(job)
        return job

    def _run(self, configuration: Mapping[str, Any], job_id: str) -> Job:
        started = _now()
        outcome, error, count = Outcome("SELECT"), None, 1
        try:
            session = self._session(configuration["query"])
            statements = script(str(configuration["query"].get("query", "")))
            count = len(statements)
            for statement in statements:
                latest = run(statement, session, dry=bool(configuration.get("dryRun")))
                outcome = latest
        except ApiError as refusal:
            error = refusal
        return Job(
            job_id,
            self._warehouse.project,
            self._warehouse.location,
            configuration,
            started,
            _now(),
            outcome,
            error,
            count,
        )

    def _session(self, query: Mapping[str, Any]) -> Session:
        if query.get("useLegacySql") is True:
            raise Invalid("Legacy SQL is not supported by the embedded BigQuery.")
        default = query.get("defaultDataset") or {}
        return Session(
            self._warehouse,
            dataset=default.get("datasetId"),
            project=default.get("projectId"),
            parameters=parameters_of(query.get("queryParameters") or ()),
        )

    def _remember(self, job: Job) -> None:
        with self._lock:
            self._held[job.id] = job
            while len(self._held) > MAX_JOBS or self._size() > RESULT_BYTES:
                if len(self._held) == 1:
                    return
                self._held.popitem(last=False)

    def _size(self) -> int:
        return sum(job.outcome.rows.nbytes for job in self._held.values())


def results(job: Job, page: Page) -> dict[str, Any]:
    """Return the answer of `getQueryResults`, and of `jobs.query`."""
    if job.error:
        raise job.error
    outcome = job.outcome
    total = outcome.rows.num_rows
    part = outcome.rows.slice(page.start, page.size)
    answer: dict[str, Any] = {
        "kind": "bigquery#getQueryResultsResponse",
        "etag": job.id,
        "jobReference": job.reference,
        "jobComplete": True,
        "schema": schema_resource(outcome),
        "totalRows": str(total),
        "totalBytesProcessed": str(outcome.rows.nbytes),
        "cacheHit": False,
    }
    rows = list(wire.rows(part, outcome.fields, int64_timestamps=page.int64_timestamps))
    if rows:
        # Left out where there are none, as BigQuery does: the client, which asks for no rows
        # first, takes a list that is there for the first page.
        answer["rows"] = rows
    if outcome.affected is not None:
        answer["numDmlAffectedRows"] = str(outcome.affected)
    if page.size and page.start + page.size < total:
        answer["pageToken"] = str(page.start + page.size)
    return answer


def _now() -> int:
    return time.time_ns() // 1_000_000
