"""The command as the image for jobs has it: without the local cloud."""

import json
import subprocess
import sys

import pytest

# As in that image: nothing of the local cloud can be imported.
HIDDEN = """
import json, sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tweetlog_local", "duckdb", "sqlglot", "pyarrow"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
"""
COMMAND = HIDDEN + "from tweetlog_ops.cli import main; sys.exit(main(json.loads(sys.argv[1])))"
# What runs the pipeline on one machine; everything else has to do without.
LOCAL = ("chaos", "pipeline", "run", "x_chaos")
IMPORT_ALL = (
    HIDDEN
    + """
import importlib, pkgutil, tweetlog_ops
for module in pkgutil.walk_packages(tweetlog_ops.__path__, "tweetlog_ops."):
    if module.name not in json.loads(sys.argv[1]) and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
)


def python(script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", script, json.dumps(arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", ["run", "chaos"])
def test_what_needs_the_local_cloud_says_so_in_a_line(command: str) -> None:
    done = python(COMMAND, command)

    assert done.returncode == 2
    assert done.stderr == "tweetlog: there is no local cloud here: tweetlog-ops[local] has it\n"


def test_everything_else_does_without() -> None:
    done = python(IMPORT_ALL, *(f"tweetlog_ops.{name}" for name in LOCAL))

    assert done.returncode == 0, done.stderr
