from jobs.training.pictures.split import share_out


def test_validation_is_shared_out_in_proportion_and_never_more_than_a_quarter():
    assert share_out([100, 300], 40) == [10, 30]
    assert share_out([100, 300], 1000) == [25, 75]
    assert share_out([3, 3, 3], 5) == [0, 0, 0]
    assert share_out([5, 5, 90], 10) == [1, 0, 9]
    assert share_out([0, 8], 2) == [0, 2]
    for sizes in ([7, 11, 13, 400], [4, 4, 4, 4], [1, 2, 3, 997]):
        for held_out in range(120):
            shares = share_out(sizes, held_out)
            assert sum(shares) == min(held_out, sum(size // 4 for size in sizes))
            assert all(share <= size // 4 for share, size in zip(shares, sizes, strict=True))
