"""Our loggers as a test needs them: on."""

from __future__ import annotations

import logging


def enable_our_loggers() -> None:
    """Switch our loggers on again; libraries, Ray for one, switch off all that they find."""
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and name.partition(".")[0] in ("jobs", "sgddiff_batch"):
            logger.disabled = False
