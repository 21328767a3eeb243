"""Recorded rehearsals, and what comes of judging them many times over."""
