from __future__ import annotations

import errno
import os
import select

import pytest

from monitors.spt.linux import (
    CLOCK_MONOTONIC,
    CLOCK_REALTIME,
    EPOLL_EVENT,
    EPOLLIN,
    ITIMERSPEC,
    TIMESPEC,
    Errno,
    Number,
    name_of,
)


@pytest.mark.parametrize("number", Number)
def test_the_table_knows_every_number(number):
    assert name_of(number) == number.name.lower()


@pytest.mark.parametrize(
    ("number", "name"),
    [(2, "open"), (32, "dup"), (41, "socket"), (59, "execve"), (202, "futex"), (334, "rseq")],
)
def test_other_names(number, name):
    assert name_of(number) == name


@pytest.mark.parametrize("number", [-1, 335, 512, 0x40000000, 0xFFFFFFFF])
def test_numbers_beyond_the_table_have_no_name(number):
    assert name_of(number) == ""


@pytest.mark.parametrize("error", Errno)
def test_errors_are_the_hosts(error):
    assert errno.errorcode[error] == error.name
    assert os.strerror(error)


def test_layouts_and_constants():
    assert (TIMESPEC.size, ITIMERSPEC.size, EPOLL_EVENT.size) == (16, 32, 12)
    assert select.EPOLLIN == EPOLLIN
    assert (CLOCK_REALTIME, CLOCK_MONOTONIC) == (0, 1)
