import math

import pytest
import torch

from models.diffusion import (
    MaskCode,
    TimeEmbedding,
    alpha_sigma,
    ddim_step,
    log_snr,
    noised_code,
    periodic_noise,
    time_pairs,
)


def test_the_schedule_is_the_cosine_in_closed_form():
    for t in (0.1, 0.37, 0.5, 0.9):
        cosine = math.cos((t + 2e-4) / (1 + 2.5e-4) * math.pi / 2)
        alpha, sigma = alpha_sigma(log_snr(torch.tensor(t, dtype=torch.float64)))
        # sigmoid(-log(cos^-2 - 1)) = cos^2
        assert float(alpha) == pytest.approx(cosine, abs=1e-9)
        assert float(alpha**2 + sigma**2) == pytest.approx(1.0)


def test_time_one_is_noise_and_time_zero_is_the_code():
    z0, noise = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(noised_code(z0, noise, torch.ones(2)), noise, atol=1e-3, rtol=0)
    torch.testing.assert_close(noised_code(z0, noise, torch.zeros(2)), z0, atol=2e-2, rtol=0)


def test_time_pairs_of_three_steps():
    assert time_pairs(3, 0) == [
        pytest.approx((1, 2 / 3)),
        pytest.approx((2 / 3, 1 / 3)),
        pytest.approx((1 / 3, 0)),
    ]
    assert time_pairs(3, 1) == [
        pytest.approx((1, 1 / 3)),
        pytest.approx((2 / 3, 0)),
        pytest.approx((1 / 3, 0)),
    ]
    assert time_pairs(1, 0) == time_pairs(1, 1) == [(1.0, 0.0)]


@pytest.mark.parametrize(("steps", "difference"), [(0, 1), (3, 2)])
def test_impossible_grids_are_refused(steps, difference):
    with pytest.raises(ValueError, match="steps must be"):
        time_pairs(steps, difference)


def test_a_ddim_step_from_the_true_code_lands_on_the_true_path():
    z0, noise = (torch.randn(2, 3, 4, 4, dtype=torch.float64) for _ in range(2))
    now, following = (torch.tensor([t, t / 2], dtype=torch.float64) for t in (0.8, 0.3))
    z = noised_code(z0, noise, now)
    torch.testing.assert_close(ddim_step(z, z0, now, following), noised_code(z0, noise, following))


def test_the_code_of_a_label_is_its_embedding_squashed_and_scaled():
    code = MaskCode(5, 0.1)
    one_hot = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).view(1, 2, 1, 2)
    expected = (2 * torch.sigmoid(code.embedding[[1, 0]]) - 1) * 0.1
    torch.testing.assert_close(code(one_hot)[0, :, 0].T, expected)


def test_the_time_embedding_tells_times_apart():
    out = TimeEmbedding(8, 16)(torch.tensor([0.1, 0.9, 0.1]))
    assert out.shape == (3, 16)
    torch.testing.assert_close(out[0], out[2])
    assert not torch.allclose(out[0], out[1])


def test_overlapping_pictures_see_the_same_noise_at_the_same_place():
    field = torch.randn(3, 16, 16)
    noise = periodic_noise(field, torch.tensor([[0, 0], [64, 32]]), 20, 20, 8)
    torch.testing.assert_close(noise[0, :, 8:, 4:], noise[1, :, :-8, :-4])
    torch.testing.assert_close(noise[0, :, 16:], noise[0, :, :4])


def test_the_noise_of_a_cell_is_the_field_at_its_absolute_position():
    field = torch.randn(2, 16, 16)
    noise = periodic_noise(field, torch.tensor([[8 * 37, 8 * 5]]), 3, 4, 8)
    assert torch.equal(noise[0, :, 2, 3], field[:, (37 + 2) % 16, (5 + 3) % 16])


@pytest.mark.parametrize("trajectory", [0, 1, 4])
def test_further_trajectories_read_the_noise_from_elsewhere(trajectory):
    field = torch.arange(2 * 64 * 64, dtype=torch.float32).view(2, 64, 64)
    noise = periodic_noise(field, torch.tensor([[40, 1016]]), 5, 7, 8, trajectory)
    rows = (torch.arange(5) + 5 + 19 * trajectory) % 64
    columns = (torch.arange(7) + 127 + 29 * trajectory) % 64
    assert torch.equal(noise[0], field[:, rows[:, None], columns])
