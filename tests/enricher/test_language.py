"""Which language a text is in: sure, careful, by rule, by X; with and without the quick model."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from builders import a_payload
from enricher import cld2
from enricher.bayes import bayes
from enricher.detector import AT_A_LOSS, NOTHING_TO_READ, clean, detect
from enricher.enrichments.language import language
from enricher.languages import LANGUAGES, UNDETERMINED, bcp_47, said_by_x
from enricher.post import read
from golden_corpus import cases

TEXTS = {c.name: c.payload["data"]["text"] for c in cases() if c.family == "language"}
SENTENCES = {name: text for name, text in TEXTS.items() if name in LANGUAGES}
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)
# Longest first, so that a batch mixes what each model decides.
MANY = [text[:length] for length in range(60, 2, -3) for text in SENTENCES.values()]

needs_quick = pytest.mark.skipif(not cld2.PRESENT, reason="pycld2 has no wheel for this Python")


@pytest.fixture(params=["both models", "the careful model alone"])
def models(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "both models":
        monkeypatch.setattr(cld2, "pycld2", None)


@pytest.mark.usefixtures("models")
def test_a_sentence_is_in_its_language() -> None:
    guesses = detect(list(SENTENCES.values()))

    assert [guess.code for guess in guesses] == list(SENTENCES)


@pytest.mark.usefixtures("models")
def test_a_guess_is_the_same_alone_and_among_many() -> None:
    assert len(MANY) > 500
    assert detect(MANY) == [detect([text])[0] for text in MANY]


@pytest.mark.usefixtures("models")
@settings(deadline=None)
@given(st.lists(ANY_TEXT, max_size=5))
def test_any_text_gets_a_guess(texts: list[str]) -> None:
    for guess in detect(texts):
        assert guess.code in LANGUAGES | {UNDETERMINED}
        assert guess.confidence is None or 0 < guess.confidence <= 1


@pytest.mark.usefixtures("models")
def test_every_code_point_can_be_read() -> None:
    everything = [chr(n) for n in range(0x110000)]
    texts = [f"mar {''.join(everything[n : n + 250])}" for n in range(0, len(everything), 250)]

    assert len(detect(texts)) == len(texts)


@pytest.mark.parametrize(
    "text",
    ["", " ", "\U0001f602", "12:30", "@ada", "https://t.co/a", "#sun #sea", "jajaja xd", "RT @ada"],
)
def test_a_text_without_words_is_undetermined_by_rule(text: str) -> None:
    assert detect([text]) == [NOTHING_TO_READ]


def test_a_text_that_could_be_anything_is_undetermined() -> None:
    assert detect(["brr"]) == [AT_A_LOSS]


@needs_quick
@pytest.mark.parametrize(
    ("name", "code"),
    [("short Dutch that looks English", "nl"), ("Serbian in Cyrillic letters", "sr")],
)
def test_what_the_quick_model_is_often_wrong_about_is_asked_again(name: str, code: str) -> None:
    assert cld2.sure(clean(TEXTS[name])) is None
    assert detect([TEXTS[name]])[0].code == code


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("RT @ada: hello there", " : hello there"),
        ("see https://t.co/abc now", "see  now"),
        ("good #morning_all", "good morning all"),
        ("soooo gooood", "soo good"),
        ("l&#39;\u00e9t\u00e9", "l'\u00e9t\u00e9"),
        ("a\x00b\ud83dc\U0001fffed", "a b c d"),
        ("ok hahaha", "ok  "),
        ("hahnenfuss kkk", "hahnenfuss  "),
    ],
)
def test_only_what_tells_a_language_is_read(text: str, told: str) -> None:
    assert clean(text) == told


def test_only_the_beginning_of_a_long_text_is_read() -> None:
    assert len(clean("der Zug ist weg " * 2_000)) <= 600


@pytest.mark.parametrize("refused", "\x00\x0c\x7f\x9f\ud83d\ufdd0\ufffd\ufffe\U0010ffff")
def test_a_character_that_the_quick_model_refuses_is_a_space(refused: str) -> None:
    assert clean(f"der{refused}zug") == "der zug"


def test_the_careful_model_says_what_its_source_says() -> None:
    source = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    source.set_languages(LANGUAGES & set(source.nb_classes) | {"zxx"})
    texts = [clean(text) for text in MANY]
    model = bayes()

    for text, odds in zip(texts, model.probabilities(texts), strict=True):
        code, probability = source.classify(text)
        mine = odds[model.codes.index(code.replace("zxx", UNDETERMINED))]

        assert mine == pytest.approx(probability, abs=0.03)


@pytest.mark.parametrize(
    ("lang", "code"),
    [("in", "id"), ("iw", "he"), ("zh-TW", "zh"), ("hi-Latn", "hi-Latn"), ("new", "new")],
)
def test_a_code_of_x_is_read_as_bcp_47(lang: str, code: str) -> None:
    assert said_by_x(lang) == bcp_47(lang) == code


@pytest.mark.parametrize("lang", [None, "und", "qme", "qht", "qam", "qct", "qst", "zxx", "art"])
def test_some_codes_of_x_name_no_language(lang: str | None) -> None:
    assert said_by_x(lang) is None


def test_x_decides_where_the_detector_is_at_a_loss() -> None:
    assert language(read(a_payload(text="brr", lang="in"))) == {
        "language": "id",
        "language_confidence": None,
        "language_source": "x",
        "x_lang": "in",
    }


def test_x_does_not_decide_where_there_is_nothing_to_read() -> None:
    columns = language(read(a_payload(text="@ada", lang="tl")))

    assert (columns["language"], columns["language_source"]) == ("und", "rule")
