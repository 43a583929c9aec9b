"""A map and its label with windows of each kind: an object, a false alarm, one just below, and none."""

from __future__ import annotations

import numpy as np


def map_and_label() -> tuple[np.ndarray, np.ndarray]:
    """Six whole windows in two rows, and rest: one holds an object, two hold alarms of 102 and of 103 px."""
    saliency, label = np.zeros((2, 700, 970), np.uint8)
    label = label.astype(bool)
    label[319, 319] = True  # the last pixel of the first window
    label[699, 969] = True  # outside of all windows
    saliency[0:10, 0:300] = 255  # in the window with the object
    saliency[10, 320 : 320 + 102] = 128  # just not above 0.1 %
    saliency[639, 640 : 640 + 103] = 255
    saliency[400, 0:300] = 127  # below one half
    saliency[640:, :] = 255  # the rest below
    saliency[:, 960:] = 255  # the rest to the right
    return saliency, label
