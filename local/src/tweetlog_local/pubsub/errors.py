"""What a request can be refused for: one error, which the edge turns into a gRPC status."""


class ApiError(Exception):
    """A refusal that the caller sees: `code` is the name of a gRPC status, the text says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def invalid(message: str) -> ApiError:
    """The request can never succeed as it is."""
    return ApiError("INVALID_ARGUMENT", message)


def not_found(message: str) -> ApiError:
    """A resource that the request names is not there."""
    return ApiError("NOT_FOUND", message)


def already_exists(message: str) -> ApiError:
    """The name is taken."""
    return ApiError("ALREADY_EXISTS", message)


def failed_precondition(message: str) -> ApiError:
    """The request is fine but not in this state of things."""
    return ApiError("FAILED_PRECONDITION", message)


def unimplemented(message: str) -> ApiError:
    """Google's service can do it and this one cannot: better refused than accepted and ignored."""
    return ApiError("UNIMPLEMENTED", message)
