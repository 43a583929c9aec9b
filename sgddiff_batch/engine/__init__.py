"""Who runs what where; no arithmetic."""
