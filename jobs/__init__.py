"""Command line jobs: they join the models, the engines and the storage."""
