import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.exchange.blankness import blank

SPACES = "".join(chr(code) for code in range(0x11000) if chr(code).isspace())


@given(
    st.lists(st.none() | st.text(st.sampled_from(SPACES + "aé漢\u200b"), max_size=6) | st.text()),
    st.sampled_from([pa.string(), pa.large_string()]),
    st.integers(0, 3),
)
def test_blank_is_what_strip_empties(texts: list[str | None], kind: pa.DataType, skipped: int) -> None:
    expected = [text is not None and not text.strip() for text in texts]
    assert blank(pa.array(texts, kind)[skipped:]).tolist() == expected[skipped:]


def test_other_types_are_a_misuse() -> None:
    with pytest.raises(TypeError):
        blank(pa.array([1]))
    assert blank(pa.array([None, None], pa.string())).dtype == np.bool_
