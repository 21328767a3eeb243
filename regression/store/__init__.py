"""Where stored runs live: a folder, or any URL that fsspec opens, behind one small interface (docs/store.md)."""
