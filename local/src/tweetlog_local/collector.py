"""How often Python's garbage collector looks through a server that handles large requests."""

import gc

# A request is some thousand objects, and the default is to look at all of them every 700.
_OBJECTS_BETWEEN_COLLECTIONS = 50_000


def collect_rarely() -> None:
    """Let the collector look rarely: requests have no cycles and are freed without it.

    What there is by now stays for ever and is passed over.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
