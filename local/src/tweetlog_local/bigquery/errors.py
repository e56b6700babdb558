"""What can go wrong, in BigQuery's own words and codes.

ApiError
 |- InvalidQuery     400 invalidQuery     the statement is wrong
 |   `- Unsupported                       it may be right, but not here
 |- Invalid          400 invalid          a request or a value is wrong
 |- NotFound         404 notFound
 |- AlreadyExists    409 duplicate
 |- InUse            400 resourceInUse    a dataset that is not empty
 |- Changed          412 conditionNotMet  a resource of another etag
 `- Injected                              what somebody asked for
"""

from typing import Any

STATUS = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}


class ApiError(Exception):
    """A refusal that the REST API can express."""

    code = 400
    reason = "invalid"
    location: str | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def proto(self) -> dict[str, Any]:
        """Return the `ErrorProto` that jobs and error lists carry."""
        proto = {"reason": self.reason, "message": self.message}
        return proto | ({"location": self.location} if self.location else {})

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the HTTP answer."""
        listed = {"domain": "global"} | self.proto()
        if self.location:
            listed["locationType"] = "parameter"
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "errors": [listed],
                "status": STATUS.get(self.code, "UNKNOWN"),
            }
        }


class Invalid(ApiError):  # noqa: N818 (named for what is true)
    """A request, a resource or a value that BigQuery would refuse as well."""


class InvalidQuery(ApiError):  # noqa: N818 (named for what is true)
    """A statement that cannot be run."""

    reason = "invalidQuery"
    location = "query"


class Unsupported(InvalidQuery):
    """A statement that BigQuery might run and that is refused here, rather than run wrongly."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what} is not supported by the embedded BigQuery: {why}")


class NotFound(ApiError):  # noqa: N818 (named for what is true)
    """A dataset, table, job or path that is not there."""

    code = 404
    reason = "notFound"


class AlreadyExists(ApiError):  # noqa: N818 (named for what is true)
    """A dataset, table or job that is there already."""

    code = 409
    reason = "duplicate"


class Changed(ApiError):  # noqa: N818 (named for what is true)
    """A resource that somebody else has changed in the meantime."""

    code = 412
    reason = "conditionNotMet"


class InUse(ApiError):  # noqa: N818 (named for what is true)
    """A dataset that still holds tables."""

    reason = "resourceInUse"


class Injected(ApiError):  # noqa: N818 (named for what is true)
    """A failure that somebody asked for."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class StartError(Exception):
    """The server cannot start; the message says how to mend it."""
