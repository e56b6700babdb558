"""The careful model: py3langid's naive Bayes over byte n-grams, scored in whole numbers.

The model's tables are py3langid's (BSD-3-Clause; trained on Wikipedia, Leipzig, CC100, Tatoeba
and Glot); the arithmetic is ours. Its log-probabilities are 16-bit floats, which fixed-point
numbers hold exactly, and sums of whole numbers are the same in any order. So a text gets the
same score alone and in a batch, on every processor and with every BLAS; sums of floats do not.
"""

import functools
import threading
import unicodedata
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from py3langid.langid import MODEL_DIR, MODEL_FILE
from py3langid.modelio import load_model

from enricher.languages import LANGUAGES, UNDETERMINED

Features = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
Probabilities = npt.NDArray[np.float64]

# One 512th: the last bit of a 16-bit float from 2 to 4; the tables' values are from 2.7 to 15.
_UNIT = 512
# The model's own class for what is no language; a vote for `und`.
_NO_LANGUAGE = "zxx"
# From here on it is quicker to walk all the texts together, a byte at a time, than one by one.
_TOGETHER = 256
# More occurrences of one n-gram than this weigh no more.
_MAX_COUNT = 4096


@dataclass(frozen=True, slots=True)
class Bayes:
    """An automaton that finds n-grams, and what each says for each language.

    Attributes:
        codes: the languages.
        column_codes: per column, the number of its language; two columns may share one.
        table: per n-gram and column, the log-probability in units.
        prior: per column, the log-probability before anything is read, in square units.
        weights: per number of occurrences, what an n-gram weighs, in units.
        following: the automaton's next state, by row and byte; `following_view` is the same.
        rows: per state, where its row begins; `rows_view` is the same.
        found: per state, the n-gram that ends there, or -1; `found_view` is the same.
    """

    codes: tuple[str, ...]
    column_codes: npt.NDArray[np.int64]
    table: npt.NDArray[np.int16]
    prior: Scores
    weights: Scores
    following: Sequence[int]
    following_view: npt.NDArray[np.uint32]
    rows: list[int]
    rows_view: npt.NDArray[np.uint32]
    found: list[int]
    found_view: Features

    def probabilities(self, texts: Sequence[str]) -> list[Probabilities]:
        """Return for each text how likely each language is, in the order of `codes`."""
        encoded = [unicodedata.normalize("NFC", text).encode() for text in texts]
        scores = self._scores(self._features(encoded))
        return [self._shares(one, len(b)) for one, b in zip(scores, encoded, strict=True)]

    def _shares(self, scores: Scores, length: int) -> Probabilities:
        # py3langid divides by the root of the length: the n-grams of a text are not independent,
        # and this keeps the probabilities honest all the same.
        logarithms = scores / (_UNIT * _UNIT * max(length, 1) ** 0.5)
        odds = np.exp(logarithms - logarithms.max())
        return cast("Probabilities", np.bincount(self.column_codes, odds / odds.sum()))

    def _scores(self, features: Sequence[Features]) -> list[Scores]:
        """Return each text's score in each column, in square units."""
        count = len(self.table)
        owners = np.arange(len(features)).repeat([len(one) for one in features])
        read = np.concatenate(features)
        keys, times = _counted((owners * count + read)[read >= 0])
        weights = self.weights.take(np.minimum(times, _MAX_COUNT))
        found = keys % count
        ends = np.searchsorted(keys, np.arange(1, len(features) + 1) * count).tolist()
        return [
            weights[start:end] @ self.table.take(found[start:end], axis=0) + self.prior
            for start, end in zip([0, *ends], ends, strict=False)
        ]

    def _features(self, texts: Sequence[bytes]) -> list[Features]:
        """Return the n-grams of each text in order, -1 where none ends."""
        if len(texts) < _TOGETHER:
            return [np.array(self._walked(text), np.int64) for text in texts]
        return self._walked_together(texts)

    def _walked(self, text: bytes) -> list[int]:
        following, rows, found = self.following, self.rows, self.found
        state = 0
        features = []
        for byte in text:
            state = following[rows[state] + byte]
            features.append(found[state])
        return features

    def _walked_together(self, texts: Sequence[bytes]) -> list[Features]:
        longest_first = sorted(range(len(texts)), key=lambda n: -len(texts[n]))
        lengths = np.array([len(texts[n]) for n in longest_first])
        width = int(lengths[0])
        padded = b"".join(texts[n].ljust(width, b"\0") for n in longest_first)
        columns = np.frombuffer(padded, np.uint8).reshape(len(texts), width).T
        states = np.zeros(len(texts), np.uint32)
        found = np.empty((width, len(texts)), np.int64)
        alive = np.searchsorted(-lengths, -np.arange(width)).tolist()
        for place, count in enumerate(alive):
            bases = self.rows_view.take(states[:count])
            states = self.following_view.take(bases + columns[place, :count])
            found[place, :count] = self.found_view.take(states)
        ordered: list[Features] = [found[:0, 0]] * len(texts)
        for column, n in enumerate(longest_first):
            ordered[n] = found[: len(texts[n]), column]
        return ordered


def _counted(values: Features) -> tuple[Features, Features]:
    """Return the distinct values in order, and how often each is there."""
    values.sort()
    firsts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))[: len(values)]
    return values.take(firsts), np.diff(firsts, append=len(values))


_LOCK = threading.Lock()


def bayes() -> Bayes:
    """Return the model, restricted to our languages: loaded once, 70 MB.

    That takes a second of processor time, a quarter of one where it is kept (`keep`). Under a
    lock: the first requests come together, and each thread would load its own.
    """
    with _LOCK:
        return _loaded()


@functools.cache
def _loaded() -> Bayes:
    return _assembled(kept(KEPT) or fitted())


# The model as it is used, beside its code in an image; not in the repository.
KEPT = Path(__file__).with_name("bayes.npz")

# What the model consists of, by name, before it is taken into use.
Tables = Mapping[str, npt.NDArray[Any]]


def keep(file: Path) -> None:
    """Write the model as it is used, so that a start need not unpack and fit py3langid's again.

    As large as py3langid's own, which is packed to be small and not to be read quickly.
    """
    tables: dict[str, Any] = {**fitted()}
    np.savez_compressed(file, **tables)


def kept(file: Path) -> Tables | None:
    """Return what `keep` has written, or None if there is none or it is of another py3langid."""
    if not file.exists():
        return None
    with np.load(file, allow_pickle=False) as tables:
        if str(tables["version"]) != _version():
            return None
        return {name: tables[name] for name in tables.files}


def fitted() -> Tables:
    """Return py3langid's model, restricted to our languages and in whole numbers."""
    table, prior, names, following, rows, found = load_model(MODEL_DIR / MODEL_FILE)
    # Its variants of a language (nn, yue) stay out: they draw more wrong guesses than right ones.
    columns = [n for n, name in enumerate(names) if name in LANGUAGES or name == _NO_LANGUAGE]
    units = np.asarray(table)[:, columns].astype(np.float32) * _UNIT
    return {
        "version": np.array(_version()),
        "names": np.array([names[n] for n in columns]),
        "table": np.ascontiguousarray(np.round(units).astype(np.int16)),
        "prior": np.round(np.asarray(prior)[columns].astype(np.float64) * _UNIT * _UNIT),
        "following": np.frombuffer(following, np.uint32),
        "rows": np.array([row << 8 for row in rows], np.uint32),
        "found": np.array(found, np.int32),
    }


def _version() -> str:
    """Return what a kept model depends on beside this module, which comes with it."""
    return metadata.version("py3langid")


def _assembled(tables: Tables) -> Bayes:
    columns = [UNDETERMINED if one == _NO_LANGUAGE else one for one in tables["names"].tolist()]
    codes = tuple(dict.fromkeys(columns))
    following = array("I")
    following.frombytes(tables["following"].data.cast("B"))
    return Bayes(
        codes=codes,
        column_codes=np.array([codes.index(code) for code in columns], np.int64),
        table=tables["table"],
        prior=tables["prior"],
        weights=np.round(np.log1p(np.arange(_MAX_COUNT + 1)) * _UNIT),
        following=following,
        following_view=np.frombuffer(following, np.uint32),
        rows=tables["rows"].tolist(),
        rows_view=tables["rows"],
        found=tables["found"].tolist(),
        found_view=tables["found"].astype(np.int64),
    )


if __name__ == "__main__":
    # Whoever builds an image: `python -m enricher.bayes`.
    keep(KEPT)
