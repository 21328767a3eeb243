"""What a worker answers to options that it cannot read; whole rehearsals with real workers are in test_main."""

from __future__ import annotations

import pytest

from rehearsal.worker import serve


class Channel:
    """Brings requests, and keeps what is sent."""

    def __init__(self, *requests):
        self.requests, self.sent = requests, []

    def __iter__(self):
        return iter(self.requests)

    def send(self, item):
        self.sent.append(item)


@pytest.mark.parametrize(
    ("option", "sentence"),
    [("--nonsense", "unrecognized arguments: --nonsense"), ("--device=cuda:99", "cuda:99"), ("--models=", "--models")],
)
def test_options_that_a_side_cannot_read_are_its_sentence(option, sentence):
    channel = Channel({"do": "begin", "arguments": [option]})
    serve(channel)
    (answer,) = channel.sent
    assert sentence in answer["error"]
    assert "\n" not in answer["error"] and "Error:" not in answer["error"]
