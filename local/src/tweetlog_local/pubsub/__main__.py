"""EDGE. Starts the command, and quickly."""

import sys
from importlib.util import find_spec, module_from_spec

# A server needs the messages of these packages and none of their clients, which take most of a
# second to import.
MESSAGES_ONLY = ("google.pubsub_v1", "google.cloud.bigquery_storage_v1")


def leave_out_clients() -> None:
    """Let the modules below these packages be imported without running the packages themselves."""
    for name in MESSAGES_ONLY:
        spec = find_spec(name)
        if spec is not None:
            sys.modules[name] = module_from_spec(spec)


if __name__ == "__main__":
    leave_out_clients()
    from tweetlog_local.pubsub.command import main

    sys.exit(main())
