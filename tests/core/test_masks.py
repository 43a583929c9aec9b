import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sgddiff_batch.core.masks import MASK_RULES, Mask, can_occur, choose_mask, has_data

NAMES = ["red", "green", "blue", "undefined", "alpha"]
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("stored", "names", "nodata", "expected"),
    [
        (Mask("internal"), NAMES, [0, 0, 0], Mask("internal")),
        (Mask("sidecar", suffix=".msk"), NAMES, [None], Mask("sidecar", suffix=".msk")),
        (None, NAMES, [255, 255, 255], Mask("alpha", alpha_band=5)),
        (None, ["Alpha", "gray"], [None], Mask("alpha", alpha_band=1)),
        (None, ["gray", "alpha", "alpha"], [7], Mask("alpha", alpha_band=2)),
        (None, ["gray"], [7], Mask("nodata", nodata=(7,))),
        (None, ["red", "green", "blue"], [0, 1, 2], Mask("nodata", nodata=(0, 1, 2))),
        (None, ["red", "green", "blue"], [0, None, 0], Mask()),
        (None, ["gray"], [None], Mask()),
    ],
)
def test_a_stored_mask_counts_before_alpha_and_alpha_before_no_data(stored, names, nodata, expected):
    assert choose_mask(stored, names, nodata) == expected


@pytest.mark.parametrize(
    ("value", "dtype", "bits", "expected"),
    [
        (0, "uint8", None, True),
        (-9999, "uint8", None, False),
        (256, "uint8", None, False),
        (0.5, "int16", None, False),
        (NAN, "uint16", None, False),
        (INF, "int32", None, False),
        (15, "uint8", 4, True),
        (16, "uint8", 4, False),
        (4096, "uint16", 12, False),
        (-128, "int8", None, True),
        (2**63 - 1, "int64", None, True),
        (2**64, "uint64", None, False),
        (NAN, "float32", None, True),
        (-INF, "float64", None, True),
        (-3.4028235e38, "float32", None, True),
        (1e300, "float32", None, False),
        (1e300, "float64", None, True),
    ],
)
def test_a_value_can_occur_where_a_sample_can_have_it(value, dtype: str, bits, expected: bool):
    assert can_occur(value, dtype, bits) is expected


@given(hnp.arrays(np.uint8, (3, 5, 6), elements=st.integers(0, 2)), st.tuples(*[st.integers(0, 2)] * 3))
def test_a_pixel_is_no_data_where_every_band_has_its_value(samples, values):
    expected = [
        [any(samples[band, row, col] != values[band] for band in range(3)) for col in range(6)]
        for row in range(5)
    ]
    np.testing.assert_array_equal(has_data(samples, values), expected)


def test_a_band_without_a_value_always_has_data():
    assert has_data(np.zeros((2, 3, 3), dtype=np.int16), (0, None)).all()


@pytest.mark.parametrize("value", [-9999.9, 12.3456, 0.1, -3.4028234663852886e38, 1e-37, 0.0])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_a_float_is_no_data_also_where_the_value_was_kept_as_text(value: float, kind: str):
    sample = np.array([[[value, value * 0.98 + 1e-3]]], dtype=kind)
    assert has_data(sample, (float(f"{value:.17g}"),)).tolist() == [[False, True]]
    neighbour = float(np.nextafter(value, 0.0))
    assert has_data(sample, (neighbour,)).tolist() == [[False, True]]


@pytest.mark.parametrize("declared", [-3.4e38, -3.40282346639e38, -3.4028234663852886e38, -3.4028235e38])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_the_least_float32_is_no_data_in_any_rounding_also_as_float64(declared: float, kind: str):
    samples = np.array([[[np.finfo(np.float32).min, -3.3e38, 0.0]]]).astype(kind)
    assert has_data(samples, (declared,)).tolist() == [[False, True, True]]


def test_not_a_number_and_infinity_can_be_no_data():
    samples = np.array([[[np.nan, np.inf, -np.inf, 1.0]]], dtype=np.float32)
    assert has_data(samples, (NAN,)).tolist() == [[False, True, True, True]]
    assert has_data(samples, (-INF,)).tolist() == [[True, True, False, True]]


def test_the_largest_integers_are_compared_exactly():
    samples = np.array([[[2**63 - 1, 2**63 - 2]]], dtype=np.int64)
    assert has_data(samples, (2**63 - 1,)).tolist() == [[False, True]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"rule": "gdal"},
        {"rule": "alpha"},
        {"rule": "nodata"},
        {"rule": "none", "alpha_band": 4},
        {"rule": "internal", "nodata": (0,)},
    ],
)
def test_a_mask_that_lacks_what_it_goes_by_is_refused(wrong):
    with pytest.raises(ValueError, match="mask"):
        Mask(**wrong)


def test_the_rules_are_a_format():
    assert MASK_RULES == ("internal", "sidecar", "alpha", "nodata", "none")
