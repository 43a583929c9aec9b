"""Kernels for CUDA written in Triton, each with a PyTorch function that computes the same.

`depthwise` filters maps that lie channels-last, `sampling` reads at the places that a deformable layer chose,
`scanning` goes over a map in four directions. They are for inference: none has a gradient. Importing one of
them needs Triton, which comes with PyTorch's builds for CUDA; this page does not.
"""
