"""How many inputs the property tests try: a few in every run, and many when they are asked for.

With `OPENAI_API_FUZZ=1000`, each tries 1,000, and others each time.
"""

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings

_WANTED = int(os.environ.get("OPENAI_API_FUZZ", "0"))


def inputs(few: int, *, is_slow: bool = False, **more: Any) -> settings:
    """Return the settings of a property test that tries so many inputs in every run.

    One that is slow does not make an input smaller that has failed: that takes thousands of calls.
    """
    if is_slow:
        more |= {"phases": (Phase.generate,), "suppress_health_check": list(HealthCheck)}
    # The same inputs in every run: a change is to be judged by what it changes.
    return settings(
        max_examples=_WANTED or few,
        derandomize=not _WANTED,
        database=None,
        deadline=None,
        **more,
    )
