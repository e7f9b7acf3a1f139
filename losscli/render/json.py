"""The explanation as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from losscli.files.results import json_ready

if TYPE_CHECKING:
    from losscli.explanation import Explanation


def render(explanation: Explanation) -> str:
    """Everything an explanation holds, as JSON text at full precision."""
    data = json_ready(explanation.to_dict())
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
