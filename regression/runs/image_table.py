"""The labels of photographs, as a stored run lists them for each benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.columns import rows
from common.stored import mapping
from regression.runs.run import ImageLabel
from regression.text import escaped
from regression.values import positive_number

# Of a label: its class in any data set.
LARGEST_CLASS = 10**9


def image_table(stored: Any) -> dict[str, ImageLabel | None]:
    """File to its label, None where that is malformed; empty where there is none.

    Older runs store a mapping of files to fields, newer ones columns. ValueError where the columns are malformed,
    with what is wrong with them.
    """
    if not isinstance(mapping(stored).get("image"), list):
        return {escaped(file): _image_label(mapping(one)) for file, one in mapping(stored).items()}
    table = rows(stored)
    found = {escaped(str(row["image"])): _image_label(row) for row in table}
    if len(found) < len(table):
        raise ValueError("a file stands there twice")
    return found


def _image_label(fields: Mapping[str, Any]) -> ImageLabel | None:
    label, reference = (_class(fields.get(name)) for name in ("label", "reference_label"))
    agrees = fields.get("agrees")
    if label is None or reference is None or not isinstance(agrees, bool):
        return None
    near_tie = fields.get("near_tie")
    if not isinstance(near_tie, bool):
        near_tie = agrees if label != reference else None
    probability = positive_number(fields.get("probability"))
    return ImageLabel(
        label, reference, agrees, near_tie, probability if probability is not None and probability <= 1 else None
    )


def _class(raw: Any) -> int | None:
    return raw if type(raw) is int and 0 <= raw <= LARGEST_CLASS else None
