"""JSON that has the names of X's payloads in places where nobody expects them."""

from typing import Any

from hypothesis import strategies as st

_LEAVES = st.none() | st.integers() | st.text(max_size=3) | st.just("20")


def trees(*names: str) -> st.SearchStrategy[Any]:
    """Return anything JSON can say with members of these names."""
    return st.recursive(
        _LEAVES,
        lambda inner: st.lists(inner, max_size=4) | objects(inner, *names),
        max_leaves=20,
    )


def objects(values: st.SearchStrategy[Any], *names: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with members of these names."""
    return st.dictionaries(st.sampled_from(names), values)
