"""Addresses at which something is to happen before the instruction there: sites, and what a
debugger asks for.

Each has a hook of its own, bound to its address, so that all other code runs as fast as without.
While every instruction calls a hook anyway, they need none. A hook stays when nobody needs it any
more: taking it away would cost all translations.
"""

from __future__ import annotations

from unicorn import unicorn_const as uc_const

from replay.engines.unicorn.callbacks import Callbacks, Place, State, Use
from replay.engines.unicorn.instance import Instance

_SLOTS_MIN = 256


class Places:
    """All of them for one guest."""

    def __init__(self, instance: Instance, state: State, callbacks: Callbacks) -> None:
        self._instance = instance
        self.state = state
        self._callbacks = callbacks
        self._uses: dict[int, Use] = {}
        self._hooks: dict[int, int] = {}
        self._is_hooking = True
        self._slots = 0

    def add(self, address: int, use: Use) -> bool:
        """Use ``address`` for something more; true when code there must be translated again."""
        self._put(address, self._uses.get(address, Use.NONE) | use)
        return self._is_hooking and self._hook(address)

    def remove(self, address: int, use: Use) -> None:
        """Use ``address`` for something less."""
        self._put(address, self._uses.get(address, Use.NONE) & ~use)

    def hook_all(self) -> None:
        """Give every place its hook; the caller makes Unicorn forget all translations."""
        self._is_hooking = True
        for address in self._uses:
            self._hook(address)

    def take_hooks(self) -> list[int]:
        """Do without hooks from now on: these are for the caller to take away."""
        self._is_hooking = False
        hooks = list(self._hooks.values())
        self._hooks.clear()
        return hooks

    def _hook(self, address: int) -> bool:
        if address in self._hooks:
            return False
        hook, callback = self._instance.hook, self._callbacks.place
        self._hooks[address] = hook(uc_const.UC_HOOK_CODE, callback, self.state, address)
        return True

    def _put(self, address: int, use: Use) -> None:
        self._uses[address] = use
        if 2 * len(self._uses) > self._slots:
            self._grow()
        else:
            self._callbacks.put_place(address, use)

    def _grow(self) -> None:
        self._slots = max(_SLOTS_MIN, 2 * self._slots)
        self.state.places = (Place * self._slots)()
        self.state.places_mask = self._slots - 1
        for address, use in self._uses.items():
            self._callbacks.put_place(address, use)
