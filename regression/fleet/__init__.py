"""All GPU models of a store side by side: their nights, their verdicts, and where they disagree."""
