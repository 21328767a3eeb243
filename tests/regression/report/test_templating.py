"""Where lines of a page may break, and that texts stay texts."""

import pytest

from regression.report.templating import kept, moment, told


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("latency, +2.65 %; 3 runs", "latency, +2.65&nbsp;%; 3 runs"),
        ("in 12 s, 5 x, 3 steps of 7 MiB", "in 12&nbsp;s, 5&nbsp;x, 3 steps of 7&nbsp;MiB"),
        ("(batch-1 latency)", '<span class="kept">(batch-1</span> latency)'),
        (f"of {'x-' * 13} and b-1", f'of {"x-" * 13} and <span class="kept">b-1</span>'),
        ("record five with `make <b>`.", "record five with <code>make &lt;b&gt;</code>."),
        ("a ` alone & <i>", "a ` alone &amp; &lt;i&gt;"),
        ("`--a b` and `c`", '<code><span class="kept">--a</span> b</code> and <code>c</code>'),
    ],
)
def test_a_sentence_breaks_between_words_alone(text, html):
    assert told(text) == html.replace("&nbsp;", "\N{NO-BREAK SPACE}")


def test_a_command_keeps_its_spaces_and_its_arguments():
    assert kept("pytest --models=<a> -k 5 s") == (
        'pytest <span class="kept">--models=&lt;a&gt;</span> <span class="kept">-k</span> 5 s'
    )


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("2026-11-24T18:06:15.798792+00:00", "2026-11-24 18:06 UTC"),
        ("2026-11-24T18:06:15", "2026-11-24 18:06"),
        ("2026-11-24T18:06:15+02:00", "2026-11-24 18:06"),
        ("", ""),
    ],
)
def test_a_moment_has_its_zone_where_that_is_known(stored, said):
    assert moment(stored) == said
