"""`tweetlog chaos`: the pipeline while everything fails at random, and the proof afterwards.

Every process is killed with -9 again and again; publishes are refused or their answers lost,
acks lost, deliveries doubled, appends refused, cut off or their answers lost. At the end every
event of the log must stand in the table once, and nothing may be rejected but the lines that are
no tweets. With a stream for a source X fails as well (x_chaos.py), and what happened there is
compared with what came.
"""

import json
import os
import signal
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tweetlog_local.tweets import no_tweets
from tweetlog_ops import lab, manifests, project, rejections, x_chaos
from tweetlog_ops.answers import table
from tweetlog_ops.fault import Fault
from tweetlog_ops.feeds import INGESTOR, X_API
from tweetlog_ops.local_cloud import HOST
from tweetlog_ops.manifests import Topology
from tweetlog_ops.pipeline import Pipeline, Played
from tweetlog_ops.plan import Plan
from tweetlog_ops.progress import Counts
from tweetlog_ops.rejections import Rejections
from tweetlog_ops.run import interrupted, proof, started
from tweetlog_ops.verify import Verdict, report

VICTIMS = ("ingestor", "enricher", "loader", "pubsub", "bigquery")
# The manifests wait 10 to 600 s between two deliveries; a run of minutes cannot.
_BACKOFF = (1, 10)
# Kills fall into this part of the run: before it little has happened, after it little is left.
_FIRST, _LAST = 0.02, 0.9


@dataclass(frozen=True, slots=True)
class Kill:
    """A process to kill once so many tweets are loaded; for the ingestor, read."""

    at: int
    victim: str


FAULTS = (
    Fault("publish refused", "pubsub", {"kind": "refuse_publish", "probability": 0.02}),
    Fault("publish kept, answer lost", "pubsub", {"kind": "lose_publish", "probability": 0.01}),
    Fault("ack lost", "pubsub", {"kind": "lose_ack", "probability": 0.01, "seconds": 1.0}),
    Fault("delivered twice", "pubsub", {"kind": "deliver_twice", "probability": 0.02}),
    Fault("append refused: unavailable", "bigquery", {"kind": "rpc", "probability": 0.03}),
    Fault(
        "append kept, answer lost",
        "bigquery",
        {"kind": "rpc", "when": "after", "probability": 0.03},
    ),
    Fault(
        "append refused: quota",
        "bigquery",
        {"kind": "response", "code": "RESOURCE_EXHAUSTED", "probability": 0.03},
    ),
    # As a connection is refused that does not say its schema: no row may be blamed for it.
    Fault(
        "append refused: malformed",
        "bigquery",
        {"kind": "rpc", "code": "INVALID_ARGUMENT", "probability": 0.01},
    ),
    Fault("append stream cut off", "bigquery", {"kind": "close", "probability": 0.03}),
)


def chaos(plan: Plan, *, kills: int) -> int:
    """Run the pipeline under faults; return the exit code: 0 if the proof is clean."""
    declared = impatient(manifests.read(project.platform_manifests()))
    due = schedule(plan.tweets, kills=kills, seed=plan.seed)
    faults = (*FAULTS, *(x_chaos.FAULTS if plan.x else ()))
    with started(plan, declared) as pipeline:
        monkey = Monkey(due, plan.seed, faults, _far(pipeline, plan))
        played = pipeline.play(lambda counts: monkey.look(pipeline, counts))
        if played is None:
            return interrupted(pipeline, "chaos")
        verdict = proof(pipeline, played)
        monkey.note(pipeline)
        rejected = _rejections(pipeline, plan, monkey.fired)
        against_x = x_chaos.proof(pipeline, plan.x) if plan.x else None
    parts = [report(verdict), rejections.report(rejected), scorecard(monkey, played, verdict)]
    parts += [x_chaos.report(against_x)] if against_x else []
    sys.stdout.write("\n" + "\n".join(parts))
    clean = verdict.clean and rejected.clean and (against_x is None or against_x.clean)
    return 0 if clean else 1


def _rejections(pipeline: Pipeline, plan: Plan, fired: Callable[[Fault], int]) -> Rejections:
    letters = pipeline.warehouse.query(rejections.LETTERS).dicts()
    if plan.x:
        return rejections.of_stream(letters, x_chaos.noise(fired))
    return rejections.of_lines(letters, list(no_tweets(plan.tweets)))


def _far(pipeline: Pipeline, plan: Plan) -> Callable[[Counts, str], int]:
    """Return what tells how far a run has come, in tweets, for a victim."""
    if plan.x is None:
        return lambda counts, victim: counts.read if victim == INGESTOR else counts.loaded
    # Only some of the tweets that happen match a rule; so it is counted where they happen.
    return lambda _counts, _victim: int(lab.stats(pipeline.x.x_control).get("existed", 0))


def schedule(tweets: int, *, kills: int, seed: int) -> tuple[Kill, ...]:
    """Return when to kill whom: everybody as often as the others, at random moments, in order."""
    random = Random(seed)  # noqa: S311 - the same chaos for the same seed
    victims = [VICTIMS[nth % len(VICTIMS)] for nth in range(kills)]
    random.shuffle(victims)
    moments = sorted(int(random.uniform(_FIRST, _LAST) * tweets) for _ in victims)
    return tuple(Kill(at, victim) for at, victim in zip(moments, victims, strict=True))


def impatient(declared: Topology) -> Topology:
    """Return the topology with short waits between two deliveries; nothing else differs."""
    hurried = tuple(
        replace(one, backoff=_BACKOFF) if one.backoff else one for one in declared.subscriptions
    )
    return replace(declared, subscriptions=hurried)


class Monkey:
    """Kills on schedule and keeps the faults in force in servers that forget them when killed.

    Args:
        kills: when to kill whom.
        seed: which chances are taken.
        faults: what goes wrong in which server.
        far: tells how far the run has come for a victim, in tweets.
    """

    def __init__(
        self,
        kills: Sequence[Kill],
        seed: int,
        faults: Sequence[Fault],
        far: Callable[[Counts, str], int],
    ) -> None:
        self._due = list(kills)
        self._seed = seed
        self.faults = faults
        self._far = far
        self._armed: dict[str, int] = {}
        self._fired: dict[tuple[str, int], list[int]] = {}
        self.killed: Counter[str] = Counter()

    def look(self, pipeline: Pipeline, counts: Counts) -> None:
        """Do what is due."""
        self.note(pipeline)
        # One a look: a process that was just killed is given the time to come back.
        due = next((kill for kill in self._due if kill.at <= self._far(counts, kill.victim)), None)
        if due:
            self._due.remove(due)
            self._kill(pipeline, due.victim)

    def note(self, pipeline: Pipeline) -> None:
        """Put the faults in force where they are not, and note how often each has happened."""
        addresses = {
            "pubsub": f"http://{pipeline.control}/faults",
            "bigquery": f"http://{pipeline.bigquery}/local/faults",
            X_API: f"http://{HOST}:{pipeline.x.x_control}/_lab/faults",
        }
        for server in {fault.server for fault in self.faults}:
            self._keep_armed(server, pipeline.processes()[server].pid, addresses[server])

    def fired(self, fault: Fault) -> int:
        """Return how often a fault was seen to fire; what a kill hid is not counted."""
        nth = [one for one in self.faults if one.server == fault.server].index(fault)
        return sum(
            counts[nth] for (server, _), counts in self._fired.items() if server == fault.server
        )

    def _kill(self, pipeline: Pipeline, victim: str) -> None:
        process = pipeline.processes()[victim]
        if process.exit_code() is None:
            os.kill(process.pid, signal.SIGKILL)
            self.killed[victim] += 1

    def _keep_armed(self, server: str, pid: int, url: str) -> None:
        """Put the rules in force in a server that is new, and note how often each has fired."""
        try:
            if self._armed.get(server) != pid:
                for fault in (one for one in self.faults if one.server == server):
                    _call("POST", url, {**fault.rule, "seed": self._seed + pid})
                self._armed[server] = pid
            shown = _call("GET", url)
        except OSError:
            return  # it is dead or not back yet; the next look comes soon
        rules = shown if isinstance(shown, list) else next(iter(shown.values()))
        self._fired[server, pid] = [int(rule["fired"]) for rule in rules]


def scorecard(monkey: Monkey, played: Played, verdict: Verdict) -> str:
    """Return fault by fault how often it happened, and what came of all of them together."""
    rows = [[f"{victim} killed with -9", monkey.killed[victim]] for victim in VICTIMS]
    rows += [[fault.what, monkey.fired(fault)] for fault in monkey.faults]
    injected = table(["fault", "times"], ["STRING", "INT64"], rows)
    return (
        f"{injected}\n"
        f"{played.counts.read:,} events published in {played.seconds:,.0f} s; "
        f"{verdict.total('missing')} missing, {verdict.total('doubled')} doubled\n"
    )


def _call(method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:
    request = urllib.request.Request(  # noqa: S310 - our own loopback address
        url,
        method=method,
        data=json.dumps(body).encode() if body else None,
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310 - as above
        return json.load(response)
