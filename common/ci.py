"""Where a session runs, if GitHub Actions runs it."""

from __future__ import annotations

import re
from collections.abc import Mapping

CI_URL = "ci_url"
"""The field of `suite` that holds the address of the workflow run that measured; its artifacts hold the page."""

ADDRESS = re.compile(r"https://[\w-][\w.-]*/[\w-][\w.-]*/[\w-][\w.-]*/actions/runs/[0-9]{1,20}", re.ASCII)


def url(environment: Mapping[str, str]) -> str:
    """The address of the workflow run that these environment variables tell of; empty where there is none."""
    server, repository, run = (environment.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return checked(f"{server}/{repository}/actions/runs/{run}")


def checked(address: object) -> str:
    """The address, if it is one of a workflow run; else empty."""
    return address if isinstance(address, str) and ADDRESS.fullmatch(address) else ""
