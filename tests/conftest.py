"""Hypothesis profiles: by default the same 40 examples every time, or LOSSCLI_EXAMPLES of them.

With LOSSCLI_THOROUGH=1 there are 1,500, new ones each time.
"""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

# A shell lets what runs in the background ignore interrupts, and processes started there inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "default",
    derandomize=True,
    deadline=None,
    max_examples=int(os.environ.get("LOSSCLI_EXAMPLES", "40")),
    suppress_health_check=CHECKS,
)
settings.register_profile(
    "thorough", deadline=None, max_examples=1500, suppress_health_check=CHECKS, print_blob=True
)
settings.load_profile("thorough" if os.environ.get("LOSSCLI_THOROUGH") == "1" else "default")
