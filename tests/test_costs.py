"""What work took is told once, in parts that add up."""

from __future__ import annotations

import pickle
from dataclasses import fields

from sgddiff_batch.core.retrying import RetryCost
from sgddiff_batch.costs import NOTHING, CostMeter, Costs, CostSum, peak_memory_bytes


class Used:
    def __init__(self):
        self.told = (0.0, 0.0)

    def use(self):
        return self.told


def test_parts_add_up_and_of_memory_the_most_counts():
    one, other = Costs(1, 2.0, 3, 1, 4.0, 5.0, 600), Costs(10, 20.0, 30, 10, 40.0, 50.0, 500)
    assert one.plus(other) == Costs(11, 22.0, 33, 11, 44.0, 55.0, 600) == other.plus(one)
    assert NOTHING.plus(one) == one == pickle.loads(pickle.dumps(one))


def test_a_sum_grows_by_what_is_told():
    total = CostSum()
    for told in (Costs(1, 2.0, worker_memory_bytes=5), Costs(2, 0.5, worker_memory_bytes=4)):
        total.add(told)
    assert total.total == Costs(3, 2.5, worker_memory_bytes=5)


def test_everything_is_told_to_one_alone():
    cost, calls, used = [RetryCost(2, 3.5)], [(7, 2)], Used()
    meter = CostMeter(lambda: cost[-1], used, lambda: calls.pop() if calls else (0, 0))
    used.told = (1.0, 2.0)
    first = meter.take()
    assert first == Costs(2, 3.5, 7, 2, 1.0, 2.0, first.worker_memory_bytes)
    again = meter.take()
    assert again == Costs(worker_memory_bytes=again.worker_memory_bytes)
    used.told, calls[:] = (1.5, 3.0), [(1, 0)]
    cost.append(cost[-1].plus(0.5))
    last = meter.take()
    assert (last.retries, last.retry_wait_s, last.storage_calls) == (1, 0.5, 1)
    assert (last.device_busy_s, last.device_there_s) == (0.5, 1.0)


def test_a_network_that_knows_no_device_took_none():
    taken = CostMeter(RetryCost, object(), lambda: (0, 0)).take()
    assert (taken.device_busy_s, taken.device_there_s) == (0.0, 0.0)
    assert 2**20 < taken.worker_memory_bytes <= peak_memory_bytes()
    assert {each.name for each in fields(Costs)} >= {"retries", "storage_calls", "device_busy_s"}
