"""The only code that touches rasterio, zarr, fsspec and the network."""
