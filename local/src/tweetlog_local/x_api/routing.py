"""What endpoints are made of: a route, its parameters, and the answers that all of them give."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tweetlog_local.x_api import problems
from tweetlog_local.x_api.http import BadRequestError, Request, Response
from tweetlog_local.x_api.problems import Problem
from tweetlog_local.x_api.projection import PARAMETERS, Projection, UnknownValueError

FIELDS = frozenset(PARAMETERS)


@dataclass(frozen=True, slots=True)
class Opening:
    """The answer to a stream's request that opens it.

    Attributes:
        endpoint: its name in the connections API.
        backfill_minutes: how much of what was before it gives first.
        between: gives the tweets of this time (seconds since 1970), and ends: a recovery.
        partition: of a compliance stream; 0 for none.
    """

    endpoint: str
    projection: Projection
    backfill_minutes: int = 0
    between: tuple[float, float] | None = None
    partition: int = 0


Answer = Response | Opening
Handler = Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint: its rate limit, the parameters it takes, and what answers.

    A path may have one variable part, written `{...}`, at its end.
    """

    method: str
    path: str
    limit: str
    handler: Handler
    parameters: frozenset[str] = field(default_factory=frozenset)

    def is_for(self, request: Request) -> bool:
        """Whether it answers a request."""
        if request.method != self.method:
            return False
        if not self.path.endswith("}"):
            return request.path == self.path
        return request.path.rpartition("/")[0] == self.path.rpartition("/")[0]


def last_part(request: Request) -> str:
    """Return the variable part of a path."""
    return request.path.rpartition("/")[2]


def whole_number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """Return a parameter that is a whole number.

    Raises:
        BadParameterError: if it is none, or out of bounds.
    """
    text = request.one(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text[:20]) <= most:
        raise BadParameterError(
            name, f"The `{name}` query parameter value [{text}] is not between {least} and {most}"
        )
    return int(text)


class BadParameterError(ValueError):
    """A parameter that X refuses."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


async def answered(route: Route, request: Request) -> Answer:
    """Return a route's answer, or what is wrong with the request."""
    unknown = sorted(set(request.query) - route.parameters)
    if unknown:
        return response(_unknown_parameters(request, unknown, route.parameters))
    try:
        return await route.handler(request)
    except BadRequestError as reason:
        return response(problems.invalid_request({"message": str(reason)}))
    except BadParameterError as reason:
        values = request.query.get(reason.parameter, [])
        return response(problems.invalid_parameter(reason.parameter, values, str(reason)))
    except UnknownValueError as reason:
        return response(_unknown_value(request, reason))


def response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem as a response."""
    return Response(problem.status, problem.body, problem.type, headers or {})


def _unknown_parameters(request: Request, unknown: Sequence[str], known: frozenset[str]) -> Problem:
    return problems.invalid_request(
        *(
            {
                "parameters": {name: request.query[name]},
                "message": f"The query parameter [{name}] is not one of "
                f"[{','.join(sorted(known))}]",
            }
            for name in unknown
        )
    )


def _unknown_value(request: Request, reason: UnknownValueError) -> Problem:
    known = ",".join(sorted(PARAMETERS[reason.parameter]))
    return problems.invalid_parameter(
        reason.parameter,
        request.query[reason.parameter],
        f"The `{reason.parameter}` query parameter value [{reason.value}] is not one of [{known}]",
    )
