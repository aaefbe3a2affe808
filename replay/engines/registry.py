"""The engines by name. Importing this module loads none of them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from replay.engines.errors import EngineUnavailable
from replay.engines.ports import Engine

_FACTORIES = {
    "unicorn": ("replay.engines.unicorn.engine", "UnicornEngine"),
    "native": ("replay.engines.native.engine", "NativeEngine"),
    "kvm": ("replay.engines.kvm.engine", "KvmEngine"),
}

ENGINE_NAMES = tuple(_FACTORIES)

COUNTING_ENGINE = "unicorn"
"""The engine by whose count of instructions positions are defined."""


def choose_engine(wanted: str) -> str:
    """The engine to use: the one ``wanted`` by name, or the best that works here for ``auto``."""
    return "unicorn" if wanted == "auto" else wanted


def why_unavailable(name: str) -> str:
    """Why this host cannot run the engine called ``name``, with what to do about it; empty where it
    can. It tries, which takes milliseconds."""
    if name == "native":
        from replay.engines.native.probe import why_unavailable as why_not_native

        return why_not_native()
    try:
        engine_factory(name)().close()
    except EngineUnavailable as error:
        return str(error)
    return ""


def engine_factory(name: str) -> Callable[[], Engine]:
    """The constructor of the engine called ``name``; raises ``EngineUnavailable``."""
    if name not in _FACTORIES:
        raise EngineUnavailable(name, "no such engine", f"choose one of: {', '.join(ENGINE_NAMES)}")
    module, attribute = _FACTORIES[name]
    try:
        factory: Callable[[], Engine] = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != name:
            raise  # one of our own: not a matter of what is installed
        remedy = f"install the package: pip install {name}"
        raise EngineUnavailable(name, str(error), remedy) from error
    return factory
