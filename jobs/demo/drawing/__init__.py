"""Draws lifelike aerial pictures from nothing but a seed, for the demo."""
