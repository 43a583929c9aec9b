"""Our measures against PySODMetrics, against hand-made numbers, and merged across workers."""

import warnings

import numpy as np
import py_sod_metrics
import pytest
from PIL import Image

from models.sod_metrics import MEASURE_NAMES, ScoreSums, score_map

BUNDLED_PICTURES = 6


def reference(pairs):
    """The nine measures of (map, label) pairs by PySODMetrics, unrounded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its Fmeasure is deprecated in favour of one without these names
        f = py_sod_metrics.Fmeasure()
    s, e, w, mae = (
        getattr(py_sod_metrics, name)() for name in ("Smeasure", "Emeasure", "WeightedFmeasure", "MAE")
    )
    for saliency, label in pairs:
        for measure in (f, s, e, w, mae):
            measure.step(saliency, label.astype(np.uint8) * 255)
    fm, em = f.get_results()["fm"], e.get_results()["em"]
    return {
        "s": s.get_results()["sm"],
        "max_f": fm["curve"].max(),
        "mean_f": fm["curve"].mean(),
        "adaptive_f": fm["adp"],
        "max_e": em["curve"].max(),
        "mean_e": em["curve"].mean(),
        "adaptive_e": em["adp"],
        "weighted_f": w.get_results()["wfm"],
        "mae": mae.get_results()["mae"],
    }


def ours(pairs):
    means = ScoreSums.over(score_map(saliency, label) for saliency, label in pairs).means()
    return {name: getattr(means, name) for name in MEASURE_NAMES}


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name


def blobs(seed, size=(61, 83)):
    rng = np.random.default_rng(seed)
    label = np.zeros(size, bool)
    for _ in range(int(rng.integers(1, 5))):
        row, column = rng.integers(0, size[0] - 12), rng.integers(0, size[1] - 12)
        label[row : row + rng.integers(2, 12), column : column + rng.integers(2, 12)] = True
    return np.clip(label * 150 + rng.normal(60, 45, size), 0, 255).astype(np.uint8), label


FLAT = np.full((20, 30), 127, np.uint8)
HALF = np.arange(600).reshape(20, 30) % 30 < 15
SPECK = np.arange(600).reshape(20, 30) == 215
NOISE = np.random.default_rng(5).integers(0, 256, (20, 30), dtype=np.uint8)
CASES = {
    "an empty mask, noise": (NOISE, HALF & False),
    "an empty mask, a black map": (FLAT * 0, HALF & False),
    "an empty mask, a white map": (FLAT * 0 + 255, HALF & False),
    "a full mask, noise": (NOISE, HALF | True),
    "a full mask, a white map": (FLAT * 0 + 255, HALF | True),
    "a full mask, a black map": (FLAT * 0, HALF | True),
    "a grey map": (FLAT, HALF),
    "a black map": (FLAT * 0, HALF),
    "a white map": (FLAT * 0 + 255, HALF),
    "the perfect map": (HALF.astype(np.uint8) * 255, HALF),
    "the opposite map": (255 - HALF.astype(np.uint8) * 255, HALF),
    "a faint map": (HALF.astype(np.uint8), HALF),
    "a threshold that is met exactly": (np.where(HALF, 85, 170).astype(np.uint8), HALF),
    "one salient pixel": (NOISE, SPECK),
    "all but one pixel salient": (NOISE, ~SPECK),
    "an object in a corner": (NOISE, HALF[::-1] & (np.arange(600).reshape(20, 30) < 40)),
}


@pytest.mark.parametrize("name", CASES)
def test_odd_maps_and_masks_score_as_in_pysodmetrics(name):
    assert_equal(ours([CASES[name]]), reference([CASES[name]]))


@pytest.mark.parametrize("code", range(0, 256, 15))
def test_constant_maps_score_as_in_pysodmetrics(code):
    pair = np.full((9, 14), code, np.uint8), np.arange(126).reshape(9, 14) % 5 < 2
    assert_equal(ours([pair]), reference([pair]))


def test_the_means_over_many_synthetic_pictures_are_those_of_pysodmetrics():
    pairs = [blobs(seed) for seed in range(20)] + list(CASES.values())
    assert_equal(ours(pairs), reference(pairs))


@pytest.mark.slow
@pytest.mark.data
def test_maps_of_the_bundled_student_score_as_in_pysodmetrics(data_root):
    from jobs.evaluation.sources import load_student

    folder, student = data_root / "VHR10-SOD", load_student("bundled", "cpu")
    pairs = []
    for path in sorted((folder / "test-images").iterdir())[::10][:BUNDLED_PICTURES]:
        with Image.open(path) as opened:
            pixels = np.asarray(opened.convert("RGB")).transpose(2, 0, 1)
        with Image.open(folder / "test-labels" / f"{path.stem}.png") as opened:
            label = np.asarray(opened.convert("L")) > 127
        pairs.append((student.map_of(pixels), label))
    assert len(pairs) == BUNDLED_PICTURES
    for pair in pairs:
        assert_equal(ours([pair]), reference([pair]))
    assert_equal(ours(pairs), reference(pairs))


def test_objects_in_the_last_column_alone_have_a_structure_where_the_reference_has_none():
    label = np.zeros((6, 6), bool)
    label[:, 5] = True
    perfect = label.astype(np.uint8) * 255
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isnan(reference([(perfect, label)])["s"])
    assert score_map(perfect, label).s == pytest.approx(1)
    assert score_map(255 - perfect, label).s < 0.4


def test_a_hand_made_picture_has_the_numbers_worked_out_by_hand():
    label = np.array([[1, 1, 0, 0]], bool)
    scores = score_map(np.array([[255, 0, 255, 0]], np.uint8), label)
    assert scores.mae == pytest.approx(0.5)
    # Precision and recall are 1/2 at thresholds 255..1; at 0 everything is found: precision 1/2, recall 1.
    assert scores.f_curve[:255] == pytest.approx(np.full(255, 0.5))
    assert scores.f_curve[255] == pytest.approx(1.3 * 0.5 / (0.3 * 0.5 + 1))
    assert scores.adaptive_f == pytest.approx(0.5)
    # Two pixels agree (alignment 1, enhanced 1) and two do not (-1, 0), divided by one pixel less.
    assert scores.e_curve[0] == pytest.approx(2 / 3)
    # At threshold 0 the map has no contrast: every alignment is 0, every pixel a quarter.
    assert scores.e_curve[255] == pytest.approx(1 / 3)
    assert scores.adaptive_e == pytest.approx(2 / 3)


def test_golden_values_of_tiny_maps_stay():
    label = np.zeros((4, 4), bool)
    label[1:3, 1:3] = True
    saliency = np.array([[0, 10, 20, 0], [30, 250, 200, 0], [0, 100, 255, 60], [0, 0, 40, 5]], dtype=np.uint8)
    found = {name: round(getattr(score_map(saliency, label).measures, name), 6) for name in MEASURE_NAMES}
    assert found == GOLDEN


GOLDEN = {
    "s": 0.742115,
    "max_f": 1.0,
    "mean_f": 0.849998,
    "adaptive_f": 0.928571,
    "max_e": 1.066667,  # E divides by one pixel less than there are
    "mean_e": 0.902835,
    "adaptive_e": 0.972353,
    "weighted_f": 0.894518,
    "mae": 0.093137,
}
"""By PySODMetrics 1.6.2."""


def test_sums_of_workers_merge_to_the_means_of_all():
    scores = [score_map(*blobs(seed)) for seed in range(7)]
    whole = ScoreSums.over(scores)
    merged = ScoreSums.over(scores[:3]) + ScoreSums() + ScoreSums.over(scores[3:])
    sent = ScoreSums.from_vector(
        ScoreSums.over(scores[:3]).as_vector() + ScoreSums.over(scores[3:]).as_vector()
    )
    for other in (merged, sent):
        assert other.pictures == 7
        for name in MEASURE_NAMES:
            assert getattr(other.means(), name) == pytest.approx(getattr(whole.means(), name), abs=1e-12)


def test_what_cannot_be_scored_is_refused():
    flat = np.zeros((3, 3), np.uint8)
    with pytest.raises(ValueError, match="of one size"):
        score_map(flat, np.zeros((3, 4), bool))
    with pytest.raises(ValueError, match="uint8"):
        score_map(flat.astype(float), np.zeros((3, 3), bool))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="two pixels"):
        score_map(flat[:1, :1], np.zeros((1, 1), bool))
    with pytest.raises(ValueError, match="no pictures"):
        ScoreSums().means()
    with pytest.raises(ValueError, match="518"):
        ScoreSums.from_vector(np.zeros(3))
