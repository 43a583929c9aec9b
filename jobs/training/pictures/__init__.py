"""The pictures of a training: listed in the layouts that people use, fetched, checked, split, held in memory.

Inside are the layouts of data sets, the cache of a node and the draw of what is held out. Nothing here knows
what is trained on the pictures.
"""

from __future__ import annotations

from jobs.training.pictures.data import DataSet, TrainingData, load_training_data

__all__ = ["DataSet", "TrainingData", "load_training_data"]
