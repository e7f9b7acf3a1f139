"""The one place that turns what happened into an exit code and a sentence on stderr.

0: done. 1: a check that the user asked for failed. 2: it could not be done. 130: interrupted.
143, 129: told to end by SIGTERM or SIGHUP, on which the command leaves by way of SystemExit.
141: nobody reads the output any more, as a shell reports any tool whose pipe was closed.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import Any

import typer

from losscli.cli.talk import flush, say, silence
from losscli.errors import LosscliError

DONE, FAILED, IMPOSSIBLE, INTERRUPTED, CLOSED = 0, 1, 2, 130, 141


class CheckFailed(Exception):
    """A check that the user asked for failed; the message says what was found and expected."""


def exit_code(action: Callable[[], Any]) -> int:
    """Do `action`; say what went wrong, if anything did, and give the code to leave with."""
    try:
        action()
        flush()
    except typer.Exit as exit_:
        return exit_.exit_code
    except CheckFailed as failure:
        say(str(failure))
        return FAILED
    except LosscliError as error:
        say(f"error: {error}")
    except typer.TyperException as error:
        say(f"error: {usage_sentence(error)}")
    except MemoryError:
        say("error: there is not enough memory for this input; try --dtype float32 or fewer rows.")
    except BrokenPipeError:
        silence(sys.stdout)
        return CLOSED
    except OSError as error:
        silence(sys.stdout)
        say(f"error: {_os_sentence(error)}")
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    else:
        return DONE
    return IMPOSSIBLE


def usage_sentence(error: Any) -> str:
    """Typer's usage error as one sentence, with the command whose help says more."""
    context = getattr(error, "ctx", None)
    hint = f" Try '{context.command_path} --help'." if context else ""
    if hasattr(error, "possibilities"):
        near = " or ".join(_nearest(error.option_name, sorted(error.possibilities or ())))
        question = f" Did you mean {near}?" if near else ""
        return f"There is no option {error.option_name}.{question}{hint}"
    sentence = error.format_message().rstrip()
    if "extra argument" in sentence and any(map(os.path.exists, re.findall(r"[^\s()]+", sentence))):
        hint = f" Put a pattern for many files in quotation marks, as in 'x-*.npy'.{hint}"
    return f"{sentence}{'' if sentence.endswith(('.', '?', '!')) else '.'}{hint}"


def _nearest(name: str, possible: list[str]) -> list[str]:
    """Of the options that may be meant those that are much like the name, if any are."""
    from difflib import get_close_matches

    return get_close_matches(name, possible, cutoff=0.7) or possible


def _os_sentence(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{(error.strerror or str(error)).rstrip('.')}."
