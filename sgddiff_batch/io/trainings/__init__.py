"""Trainings: the page of a training run: its curves, pictures, card, settings, and where its time went.

It is made of what the training left in its storage, as plain files. Nothing here loads a network or PyTorch,
or changes anything; what is missing or broken leaves its place with a word.
"""

from __future__ import annotations

from sgddiff_batch.io.trainings.page import PAGE_NAME, is_training, training_page_of

__all__ = ["PAGE_NAME", "is_training", "training_page_of"]
