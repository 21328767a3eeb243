"""A session that GitHub Actions runs knows its address, and no other text passes for one."""

import pytest

from common import ci

HERE = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "owner/name",
    "GITHUB_RUN_ID": "42",
}


def test_the_address_is_that_of_the_workflow_run():
    assert ci.url(HERE) == "https://github.com/owner/name/actions/runs/42"


@pytest.mark.parametrize("name", list(HERE))
@pytest.mark.parametrize("value", [None, "", "x y", "javascript:alert(1)//", "../..", "https://github.com/?"])
def test_without_one_of_its_parts_there_is_none(name, value):
    changed = {key: old if key != name else value for key, old in HERE.items() if key != name or value is not None}
    assert ci.url(changed) == ""


@pytest.mark.parametrize(
    "value", [None, 7, "", "http://github.com/o/n/actions/runs/1", "https://x/o/n/actions/runs/1\n"]
)
def test_what_is_no_address_is_none(value):
    assert ci.checked(value) == ""
