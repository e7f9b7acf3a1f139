"""Sources in, results out.

    read          the array that a source stands for: numbers in place, a file, part of one, stdin
    read_texts    a column of a file, as it is written
    read_case     one file that holds every input and parameter
    array_of      nested lists, as Python, JSON and YAML have them, as an array
    results       numbers, arrays and gradients as text, JSON, YAML, CSV and NPY; writing a file

One format a file, `<form>_format.py`, with two functions: `read(raw, selector, words=...)` and,
where a file of the format may be a case, `read_case(raw, numbers)`, told which inputs hold no words, for
the formats that read them at once. A format, and PyYAML and gzip, are imported when a source of that
kind is read.
"""

from losscli.files.case import Case, read_case
from losscli.files.loaded import Loaded
from losscli.files.nested import array_of
from losscli.files.source import read, read_texts

__all__ = ["Case", "Loaded", "array_of", "read", "read_case", "read_texts"]
