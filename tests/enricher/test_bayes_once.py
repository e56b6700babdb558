from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from enricher import bayes


def test_threads_that_come_first_together_load_one_model() -> None:
    bayes._loaded.cache_clear()  # noqa: SLF001 - other tests have loaded it
    together = Barrier(8)

    def first() -> bayes.Bayes:
        together.wait()
        return bayes.bayes()

    with ThreadPoolExecutor(8) as threads:
        models = [future.result() for future in [threads.submit(first) for _ in range(8)]]

    assert len({id(model) for model in models}) == 1
