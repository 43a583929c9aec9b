"""Libraries: what was built into those that a run needs: GDAL's drivers, CUDA, the compiled scan."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterator
from typing import Literal

from jobs.checks.check import Check, failed, note, ok
from sgddiff_batch.core.words import on_one_line

Device = Literal["auto", "cpu", "cuda"]
_DRIVERS = {"GTiff": "scenes are read", "COG": "`sgddiff export cog` writes"}
_SCAN = "mamba_ssm.ops.selective_scan_interface"


def check_libraries(device: Device, local: bool) -> Iterator[Check]:
    """Yield the checks of GDAL and of CUDA; ``local``: the network runs on this machine."""
    yield check_drivers(gdal_drivers())
    gpus = cuda_devices()
    yield check_cuda(gpus, device, local)
    yield check_scan(bool(gpus), lambda: importlib.import_module(_SCAN))


def gdal_drivers() -> frozenset[str]:
    """Return the short names of the drivers that rasterio's GDAL has."""
    import rasterio

    with rasterio.Env() as env:
        return frozenset(env.drivers())


def check_drivers(found: Collection[str]) -> Check:
    """Return whether GDAL has the drivers that are used."""
    lacking = [name for name in _DRIVERS if name not in found]
    mend = "install rasterio's own wheel (pip install --force-reinstall rasterio), which brings them"
    if "GTiff" in lacking:
        return failed("gdal", f"no driver GTiff, by which {_DRIVERS['GTiff']}", mend)
    if lacking:
        return note("gdal", f"no driver COG, by which {_DRIVERS['COG']}", mend)
    return ok("gdal", "drivers GTiff and COG")


def cuda_devices() -> list[str]:
    """Return the names of the GPUs that PyTorch finds."""
    import torch

    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def check_cuda(gpus: Collection[str], device: Device, local: bool) -> Check:
    """Return whether the device that is wanted is there."""
    if gpus:
        return ok("cuda", f"{len(gpus)} GPU: {', '.join(sorted(set(gpus)))}")
    if device == "cuda" and local:
        mend = "model.device: auto or cpu; or a driver and a PyTorch built for it (nvidia-smi tells)"
        return failed("cuda", "model.device is cuda, and PyTorch finds no GPU here", mend)
    return ok("cuda", "PyTorch finds no GPU here; the CPU is used" if local else "no GPU on this machine")


def check_scan(has_gpu: bool, load: Callable[[], object]) -> Check:
    """Return whether the compiled scan loads, which is for GPUs alone."""
    try:
        load()
    except ImportError as error:
        if not has_gpu:
            return ok("mamba_ssm", "not used without a GPU; PyTorch's own scan is")
        words = on_one_line(error)
        return note("mamba_ssm", f"does not load ({words}); a slower scan is used", "pip install -e '.[gpu]'")
    except Exception as error:
        found = f"does not load: {type(error).__name__}: {on_one_line(error)}"
        return note("mamba_ssm", found, "build it anew for this PyTorch: pip install -e '.[gpu]'")
    return ok("mamba_ssm", "loads" if has_gpu else "loads, and is not used without a GPU")
