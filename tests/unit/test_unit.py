# SPDX-License-Identifier: MIT
"""The unit tests, which are C programs of their own, as tests of this run."""

import pathlib
import subprocess

import machine
import pytest

PROGRAMS = sorted(path.stem.removeprefix("test_")
                  for path in pathlib.Path(__file__).parent.glob("test_*.c"))


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(program):
    result = subprocess.run([machine.BUILD / "unit" / program], capture_output=True, text=True,
                            timeout=300, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
