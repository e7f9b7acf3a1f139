"""Imported by workers on this machine: Ctrl-C comes to them too, but it is not for them."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
