"""The careful model, kept unpacked in an image: the same numbers, read more quickly."""

from pathlib import Path

import numpy as np
import pytest

from enricher import bayes


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("kept") / "bayes.npz"
    bayes.keep(file)
    return file


def test_a_kept_model_is_the_one_that_was_fitted(kept: Path) -> None:
    fitted, read = bayes.fitted(), bayes.kept(kept)

    assert read is not None
    assert read.keys() == fitted.keys()
    for name, table in fitted.items():
        assert read[name].dtype == table.dtype, name
        assert np.array_equal(read[name], table), name


def test_a_model_is_read_from_where_it_is_kept(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bayes, "KEPT", kept)
    monkeypatch.setattr(bayes, "fitted", lambda: pytest.fail("fitted again"))

    model = bayes._loaded.__wrapped__()  # noqa: SLF001 - without the cache, which other tests use

    (odds,) = model.probabilities(["der Zug ist schon wieder weg"])
    assert model.codes[int(odds.argmax())] == "de"


def test_a_model_of_another_release_is_not_read(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bayes, "_version", lambda: "0.0")

    assert bayes.kept(kept) is None


def test_without_a_kept_model_there_is_none(tmp_path: Path) -> None:
    assert bayes.kept(tmp_path / "bayes.npz") is None
