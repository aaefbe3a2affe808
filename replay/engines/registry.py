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

ENGINE_MODULES = tuple(module for module, _ in _FACTORIES.values())
"""What choosing an engine imports, for who wants to have that behind him."""

COUNTING_ENGINE = "unicorn"
"""The engine by whose count of instructions positions are defined."""


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
