"""What is fastest: every variant of a model at every batch size, from stored runs of one GPU model."""
