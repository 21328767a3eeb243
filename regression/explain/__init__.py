"""Says what is behind a change: kernels, their names, engine layers."""
