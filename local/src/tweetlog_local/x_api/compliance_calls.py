"""The endpoints of batch compliance jobs, and of the files they take and give."""

import secrets
from typing import Any

from tweetlog_local.x_api import problems
from tweetlog_local.x_api.compliance_jobs import STATUSES, TYPES, Job, JobError, shown
from tweetlog_local.x_api.http import BadRequestError, Request, Response, json_response
from tweetlog_local.x_api.platform import Platform
from tweetlog_local.x_api.routing import Answer, BadParameterError, Route, last_part, response
from tweetlog_local.x_api.snowflake import id_at

#: Where the files are: on X at another host, and here beside the API. No token is needed.
FILES = "/storage/compliance"
_JOBS = "/2/compliance/jobs"
_PLAIN = "text/plain; charset=utf-8"


class ComplianceCalls:
    """Makes and shows jobs, and takes and gives their files."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._count = 0

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        fields = frozenset({"compliance_job.fields"})
        listed = fields | {"type", "status"}
        return [
            Route("POST", _JOBS, "jobs", self._create),
            Route("GET", _JOBS, "jobs", self._list, listed),
            Route("GET", _JOBS + "/{id}", "jobs", self._job, fields),
        ]

    def file(self, request: Request) -> Response:
        """Answer at the address of a file: PUT the ids, GET the results."""
        _, _, rest = request.path.partition(FILES + "/")
        id, _, what = rest.partition("/")
        job = self._platform.jobs.get(id)
        signature = request.one("X-Goog-Signature") or ""
        if job is None or not secrets.compare_digest(signature.encode(), job.key.encode()):
            return Response(403, b"SignatureDoesNotMatch\n", _PLAIN)
        now = self._platform.clock.now()
        try:
            if (request.method, what) == ("PUT", "submission"):
                self._platform.jobs.upload(job, request.body, now)
                return Response(200, b"", _PLAIN)
            if (request.method, what) == ("GET", "results"):
                return Response(200, self._platform.jobs.download(job, now), _PLAIN)
        except JobError as reason:
            return Response(404, f"{reason}\n".encode(), _PLAIN)
        return Response(405, b"", _PLAIN)

    async def _create(self, request: Request) -> Answer:
        body = request.json()
        type = body.get("type") if isinstance(body, dict) else None
        if type not in TYPES:
            raise BadRequestError(f"`type` must be one of {', '.join(TYPES)}")
        if body.get("resumable"):
            raise BadRequestError("`resumable` uploads are not available here")
        name = body.get("name")
        if not isinstance(name, str | None):
            raise BadRequestError("`name` must be text")
        now = self._platform.clock.now()
        self._count += 1
        id, key = str(id_at(int(now * 1000), self._count)), secrets.token_hex(16)
        try:
            job = self._platform.jobs.create(type, name, id=id, key=key, now=now)
        except JobError as reason:
            return response(problems.conflict(str(reason)))
        return json_response(200, {"data": self._shown(job, request)})

    async def _list(self, request: Request) -> Answer:
        type, status = request.one("type"), request.one("status")
        if type not in TYPES:
            raise BadParameterError("type", f"`type` must be one of {', '.join(TYPES)}")
        if status is not None and status not in STATUSES:
            raise BadParameterError("status", f"`status` must be one of {', '.join(STATUSES)}")
        now = self._platform.clock.now()
        jobs = [
            self._shown(job, request)
            for job in self._platform.jobs
            if job.type == type and status in {None, job.status(now)}
        ]
        body: dict[str, Any] = {"meta": {"result_count": len(jobs)}}
        return json_response(200, {"data": jobs, **body} if jobs else body)

    async def _job(self, request: Request) -> Answer:
        job = self._platform.jobs.get(last_part(request))
        if job is None:
            return response(problems.NOT_FOUND)
        return json_response(200, {"data": self._shown(job, request)})

    def _shown(self, job: Job, request: Request) -> dict[str, Any]:
        scheme = "https" if self._platform.settings.tls else "http"
        base = f"{scheme}://{request.headers.get('host', '')}{FILES}"
        return shown(job, base, self._platform.clock.now())
