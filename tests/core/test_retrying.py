from sgddiff_batch.core.retrying import backoff_s


def test_pauses_grow_and_end():
    assert list(backoff_s(4, 0.5, 3.0)) == [0.5, 1.5, 4.5, 13.5]
    assert list(backoff_s(0)) == []
