"""What the operator is told when a command cannot go on: one line, and the exit code."""


class CommandError(Exception):
    """Raised with one line that says what is wrong, where, and how to mend it.

    Attributes:
        exit_code: 1 where something failed, 2 where what was asked cannot be done.
    """

    def __init__(self, line: str, *, exit_code: int = 1) -> None:
        super().__init__(line)
        self.exit_code = exit_code
