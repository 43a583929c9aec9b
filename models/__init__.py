"""SGDDiff in plain PyTorch: the network, its training loop, its checkpoints and the predictor of tiles.

Nothing here knows about archives, mosaics or clusters; importing this package does no work.
"""
