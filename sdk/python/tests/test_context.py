"""What is known of CUDA before a process is forked."""

from __future__ import annotations

import os
from typing import Any

import pytest

from kagurazaka._serve.stages import context


def test_an_open_device_of_the_driver_says_that_cuda_was_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not context.touched()
    read = os.readlink
    driver = os.open(os.devnull, os.O_RDONLY)

    def readlink(path: Any) -> str:
        return "/dev/nvidiactl" if path == f"/proc/self/fd/{driver}" else read(path)

    monkeypatch.setattr(os, "readlink", readlink)
    try:
        assert context.touched()
    finally:
        os.close(driver)
