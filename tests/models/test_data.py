from models.data import split_pairs


def test_the_split_is_whole_disjoint_and_seeded():
    learn, check = split_pairs(50, 12, 3)
    assert sorted(learn + check) == list(range(50))
    assert len(check) == 12
    assert split_pairs(50, 12, 3) == (learn, check)
    assert split_pairs(50, 12, 4)[1] != check
