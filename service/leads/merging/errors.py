"""Why two leads cannot be merged, or a merge not undone.

::

    ServiceError
    ├── MergeNotFound       no merge of this id (404)
    ├── CannotMerge         409: same_lead, already_merged, duplicate_erased, test_with_real
    └── CannotUndo          409: already_undone, merged_further, corrected_since
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from service.core.errors import Conflict, NotFound


class MergeNotFound(NotFound):
    """No merge has this id."""

    code = "merge_not_found"


class CannotMerge(Conflict):
    """The two leads cannot become one."""

    code = "cannot_merge"


class CannotUndo(Conflict):
    """The merge can no longer be undone, or not yet."""

    code = "cannot_undo"


def same_lead() -> CannotMerge:
    """Return the refusal to merge a lead with itself."""
    return CannotMerge("a lead cannot be merged into itself", code="same_lead")


def refuse_pair(survivor: Mapping[str, Any], duplicate: Mapping[str, Any]) -> None:
    """Raise `CannotMerge` if the second of two living leads cannot be merged into the first."""
    if duplicate["erased_at"] is not None:
        raise CannotMerge(f"lead {duplicate['id']} was erased: there is nothing to merge", code="duplicate_erased")
    if duplicate["merged_into"] is not None:
        owner: UUID = duplicate["merged_into"]
        raise CannotMerge(
            f"lead {duplicate['id']} was merged into {owner} already", code="already_merged", lead_id=str(owner)
        )
    if survivor["test"] != duplicate["test"]:
        raise CannotMerge("one is a test and the other is real: tests count nowhere", code="test_with_real")
