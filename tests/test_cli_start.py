"""What a start imports, and how the process ends: seen from outside, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from losscli.losses import NAMES

HEAVY = {"numpy", "yaml", "rich", "pydantic", "torch"}
HUBER = ["compute", "huber", "--input", "0.1,5", "--target", "0,0"]


def start(*args: str, **kwargs: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, *args], capture_output=True, timeout=60, **kwargs)


def imported_by(*args: str) -> set[str]:
    """The modules that `losscli ARGS` has imported when it is done."""
    program = (
        "import sys, losscli.cli\n"
        "code = losscli.cli.run(sys.argv[1:])\n"
        "print(*sys.modules, file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = start("-c", program, *args)
    assert done.returncode == 0, done.stderr.decode()
    return set(done.stderr.decode().splitlines()[-1].split())


@pytest.mark.parametrize(
    "args",
    [["--version"], ["--help"], ["list"], ["compute", "--help"], ["explain", "-h"]],
    ids=" ".join,
)
def test_pages_import_nothing_heavy(args: list[str]) -> None:
    assert not imported_by(*args) & HEAVY


@pytest.mark.parametrize("verb", ["compute", "grad"])
def test_a_loss_command_imports_one_loss_and_no_rich(verb: str) -> None:
    modules = imported_by(verb, *HUBER[1:])
    assert not modules & (HEAVY - {"numpy"})
    losses = {f"losscli.losses.{name.replace('-', '_')}" for name in NAMES}
    assert modules & losses == {"losscli.losses.huber"}


def test_a_verb_does_not_import_the_others() -> None:
    modules = imported_by(*HUBER)
    assert not modules & {"losscli.cli.grad", "losscli.cli.explain", "losscli.explanation"}


def test_module_is_the_program() -> None:
    done = start("-m", "losscli", *HUBER)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"2.2525\n", b"")


@pytest.mark.skipif(os.name == "nt", reason="pipes and signals of POSIX")
@pytest.mark.parametrize(
    "args",
    [["--help"], ["list"], HUBER, [*HUBER, "--output", "/dev/stdout"]],
    ids=lambda args: args[-1],
)
def test_a_closed_pipe_ends_quietly(args: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        [sys.executable, "-m", "losscli", *args], stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("args", [["list"], HUBER], ids=lambda args: args[0])
def test_a_full_device_is_named(args: list[str], unbuffered: str) -> None:
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "losscli", *args],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment,
        )
    said = b"losscli: error: standard output: No space left on device.\n"
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.skipif(os.name == "nt", reason="pipes and signals of POSIX")
def test_a_closed_stderr_costs_no_answer() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        [sys.executable, "-m", "losscli", *HUBER, "--verbose"],
        stdout=subprocess.PIPE,
        stderr=writer,
    )
    os.close(writer)
    answer, _ = process.communicate(timeout=60)
    assert (process.returncode, answer) == (0, b"2.2525\n")


@pytest.mark.skipif(os.name == "nt", reason="limits and pipes of POSIX")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_answer_is_written_whole_or_it_fails(tmp_path: Path, unbuffered: str) -> None:
    import resource

    args = ["-m", "losscli", "grad", "l1", "-i", str(list(range(20_000))), "-t", "0"]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    whole = start(*args, env=environment).stdout
    assert whole.count(b"\n") == 20_000

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (51_200, 51_200))

    program = [sys.executable, *args]
    with open(tmp_path / "s.txt", "wb") as stream:
        done = subprocess.run(
            program, stdout=stream, stderr=subprocess.PIPE, env=environment, preexec_fn=limit
        )
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1, done.stderr

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    done = subprocess.run(program, stdout=writer, stderr=subprocess.PIPE, env=environment)
    os.close(reader)
    os.close(writer)
    assert done.returncode == 2 and done.stderr.count(b"\n") == 1, done.stderr


def test_standard_input_is_a_source() -> None:
    args = ["compute", "huber", "--input", "-", "--target", "0,0"]
    done = start("-m", "losscli", *args, input=b"[0.1, 5]")
    assert (done.returncode, done.stdout) == (0, b"2.2525\n"), done.stderr
    done = start("-m", "losscli", *args, "--from", "csv", input=b"0.1\n5\n")
    assert (done.returncode, done.stdout) == (0, b"2.2525\n"), done.stderr


def test_parts_of_standard_input_are_sources() -> None:
    args = ["compute", "huber", "-i", "-#a", "-t", "-#b"]
    done = start("-m", "losscli", *args, input=b"a,b\n0.1,0\n5,0\n")
    assert (done.returncode, done.stdout) == (0, b"2.2525\n"), done.stderr


@pytest.mark.skipif(os.name == "nt", reason="pipes and signals of POSIX")
def test_an_interrupt_ends_quietly() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "losscli", "compute", "huber", "-i", "-", "-t", "0", "--threads=1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(0.5)  # it waits for its input, or still imports: both end alike
    process.send_signal(signal.SIGINT)
    assert (*process.communicate(timeout=60), process.returncode) == (b"", b"", 130)


@pytest.mark.skipif(os.name == "nt", reason="pipes and signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("ignored", [False, True])
def test_a_signal_leaves_no_half_written_file(
    tmp_path: Path, number: signal.Signals, ignored: bool
) -> None:
    numbers = tmp_path / "x.csv"
    numbers.write_text("1\n" * 400_000)
    args = ["grad", "mse", "-i", str(numbers), "-t", "0", "--output", str(tmp_path / "o.csv")]
    process = subprocess.Popen(
        [sys.executable, "-m", "losscli", *args],
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL),
    )
    while process.poll() is None and not [*tmp_path.glob(".losscli-*")]:
        time.sleep(0.001)
    time.sleep(0.02)
    process.send_signal(number)
    if number != signal.SIGINT:  # `timeout` sends its signal twice
        process.send_signal(number)
    _, said = process.communicate(timeout=60)
    left = {path.name for path in tmp_path.iterdir()} - {"x.csv"}
    expected = (0, {"o.csv"}) if ignored else (128 + number, set())
    assert (process.returncode, left, said) == (*expected, b"")


def test_a_shell_completes_names_without_importing_numpy() -> None:
    program = (
        "import sys\nfrom losscli import cli\n"
        "try: cli.main()\n"
        "finally: assert not {'numpy', 'yaml'} & set(sys.modules)"
    )
    environment = os.environ | {
        "_LOSSCLI_COMPLETE": "complete_bash",
        "COMP_WORDS": "losscli compute hu",
        "COMP_CWORD": "2",
    }
    done = start("-c", program, env=environment)
    assert (done.returncode, done.stdout.split()) == (0, [b"huber"]), done.stderr


def test_a_shell_completes_the_options_of_a_loss() -> None:
    environment = os.environ | {
        "_LOSSCLI_COMPLETE": "complete_bash",
        "COMP_WORDS": "losscli compute HuberLoss --de",
        "COMP_CWORD": "3",
    }
    done = start("-m", "losscli", env=environment)
    assert (done.returncode, done.stdout.split()) == (0, [b"--delta"])
