"""What the two ends of a rehearsal say to each other: the version, and the code by which a side begins.

A side gets requests, `{"do": name, ...}`, and answers each with `{"answer": ...}` or `{"error": sentence}`. Items are
of the types that execnet sends: None, bool, int, float, str, bytes, list and dict.
"""

from __future__ import annotations

VERSION = 1
"""Raised when a request or an answer changes its meaning. What is new is named in the answer to `begin`."""

KEEPS_PARTS = "keeps_parts"
"""In that answer: the side can be asked to `keep` what it compiles in a folder for its later processes."""

CORES = "cores"
"""In that answer: the numbers of the host's cores of which the side can be told on which to take a turn; empty on a
CPU, whose calls need them all."""

LOADS = "loading"
"""In that answer: `common.schema.LOADING` of the side's checkout; older ones do not say it."""

UNTIMED_CALLS = 1
"""Of a turn, before those that are timed."""

OLD, NEW = "old", "new"
SIDES = (OLD, NEW)

NEEDED = ("torch", "timm", "torchvision", "numpy", "PIL", "pynvml")
"""Modules without which a side's checkout cannot be imported."""

BEGIN = """
import faulthandler, importlib, os, sys
begin = channel.receive()
os.setsid()  # Ctrl-C is for the process that drives, which then ends its sides
os.dup2(os.open(begin["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
faulthandler.enable(file=2)
channel.send({"pid": os.getpid()})
sys.path[:] = [begin["checkout"], *(path for path in sys.path if path)]
try:
    worker = importlib.import_module(begin["worker"])
except ImportError as error:
    channel.send({"error": f"{type(error).__name__}: {error}"})
else:
    channel.send({"protocol": worker.VERSION})
    worker.serve(channel)
"""
