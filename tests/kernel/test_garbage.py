"""Putting off the search for garbage."""

from __future__ import annotations

import gc

import pytest

from mockserver.kernel.garbage import uncollected


def test_the_search_is_off_within_and_on_again_behind_even_after_an_error() -> None:
    def fail() -> None:
        with uncollected():
            assert not gc.isenabled()
            raise LookupError

    with pytest.raises(LookupError):
        fail()

    assert gc.isenabled()


def test_who_has_turned_it_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
