"""EDGE: the bearer token, the only secret: taken verbatim, read again when X refuses it."""

from pathlib import Path

from tweetlog.errors import TweetlogError


class TokenUnusable(TweetlogError):  # noqa: N818 - named for what is true of the token
    """Raised for a token that cannot be sent; the message never holds it."""


class Token:
    """The token, from the environment or from a file that may change.

    It is used as it is: the portal shows some tokens with `%3D` in them, and decoding that makes
    X refuse them.

    Raises:
        TokenUnusable: if there is none, or none that a header can hold.
    """

    def __init__(self, value: str = "", file: Path | None = None) -> None:
        self._file = file
        self._value = _checked(value, "TWEETLOG_X_BEARER_TOKEN") if file is None else _read(file)

    @property
    def value(self) -> str:
        """The token; not to be printed."""
        return self._value

    def reload(self) -> bool:
        """Read the file again; return whether it holds another token now."""
        if self._file is None:
            return False
        try:
            value = _read(self._file)
        except TokenUnusable:
            return False
        changed = value != self._value
        self._value = value
        return changed

    def __repr__(self) -> str:
        return "Token(...)"


def _read(file: Path) -> str:
    try:
        content = file.read_text(encoding="ascii")
    except OSError as reason:
        raise TokenUnusable(f"TWEETLOG_X_BEARER_TOKEN_FILE {file}: {reason.strerror}") from None
    except UnicodeDecodeError:
        raise TokenUnusable(f"TWEETLOG_X_BEARER_TOKEN_FILE {file}: holds no token") from None
    return _checked(content, f"TWEETLOG_X_BEARER_TOKEN_FILE {file}:")


def _checked(value: str, name: str) -> str:
    value = value.strip()
    if not value:
        raise TokenUnusable(f"{name} is empty; it takes the app's bearer token")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise TokenUnusable(f"{name} holds more than a token: it is one word of ASCII")
    return value
