"""What is printed and written. An output of a report is one module that takes a `content.Content` and nothing else."""
