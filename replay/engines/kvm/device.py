"""The device of KVM: whether it is there, and what to do where it is not."""

from __future__ import annotations

import errno
import fcntl
import os

from replay.engines.errors import EngineUnavailable
from replay.engines.kvm import api

_REASONS = {
    errno.ENOENT: ("/dev/kvm does not exist", "load the module kvm_intel or kvm_amd"),
    errno.EACCES: ("/dev/kvm is not yours to use", "join its group: usermod -aG kvm $USER"),
    errno.EPERM: ("/dev/kvm may not be opened", "give this container the device /dev/kvm"),
    errno.ENODEV: ("there is no virtualisation behind /dev/kvm", "switch VT-x or AMD-V on"),
}


def open_device() -> int:
    """A descriptor of /dev/kvm; raises EngineUnavailable with what to do about it."""
    try:
        system = os.open(api.DEVICE, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        reason, remedy = _REASONS.get(error.errno or 0, (f"/dev/kvm: {error.strerror}", ""))
        raise EngineUnavailable("kvm", reason, remedy) from error
    try:
        version = fcntl.ioctl(system, api.GET_API_VERSION, 0)
    except OSError as error:
        api.close(system)
        raise EngineUnavailable("kvm", f"/dev/kvm: {error.strerror}") from error
    if version != api.API_VERSION:
        api.close(system)
        raise EngineUnavailable("kvm", f"its interface has version {version}, not 12")
    return system
