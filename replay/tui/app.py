"""The application: it puts panes on the screen, sends the guest on its journeys and shows where it
has come to. What can be done is in ``replay.tui.verbs``, and how in ``replay.tui.handlers``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, TypeVar

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Footer

from replay.machine.position import Position
from replay.player.errors import PlayerError
from replay.tui.desk import Handler, Refusal, Way
from replay.tui.explorer import FAILURES, Explorer, Moment, Trouble
from replay.tui.handlers import all_handlers
from replay.tui.handlers.following import follow_target
from replay.tui.layout import Layout
from replay.tui.model.arrangement import PLACES
from replay.tui.model.history import History
from replay.tui.model.points import points_to_plain
from replay.tui.model.rows import Role, Span, Target, visible
from replay.tui.model.session_state import SessionState
from replay.tui.model.status import Standing, fraction_of, journey_line, standing_line
from replay.tui.navigator import Navigator, Opener
from replay.tui.opening import Opening
from replay.tui.panes import make_groups
from replay.tui.recording import Recording
from replay.tui.screens.help import HelpScreen
from replay.tui.screens.symbols import SymbolScreen
from replay.tui.verbs import UnknownCommand, all_verbs, completions, find_verb
from replay.tui.widgets.code_pane import CodePane
from replay.tui.widgets.line_view import LineView
from replay.tui.widgets.output_pane import OutputPane
from replay.tui.widgets.pane import Look, Pane
from replay.tui.widgets.prompt import Prompt
from replay.tui.widgets.rows_view import RowsView
from replay.tui.widgets.scrubber_view import ScrubberView
from replay.tui.widgets.stack_pane import StackPane

T = TypeVar("T")
_TICK_S = 0.1
_QUIET_TICKS = 2
"""How long a journey does not show: most are over by then."""

_PREFIX_VERBS = {"/": "search", "&": "filter-by", "@": "symbol"}
_REFUSALS = (Refusal, UnknownCommand, PlayerError)


class ReplayApp(App[int]):
    """One recording on the screen. See ``replay.tui.desk.Desk`` for what handlers use of it."""

    CSS_PATH = "app.tcss"
    TITLE = "solo5-replay"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(verb.keys, f"verb('{verb.command}')", verb.command, show=verb.shown)
            for verb in all_verbs()
            if verb.keys
        ),
        Binding("ctrl+c", "verb('cancel')", show=False, priority=True),
        Binding("tab", "turn(1)", show=False),
        Binding("shift+tab", "turn(-1)", show=False),
    ]

    def __init__(
        self,
        recording: Recording,
        open_explorer: Opener,
        opening: Opening | None = None,
    ) -> None:
        """``opening`` is how the session begins, without it at the start of the recording."""
        super().__init__()
        self._opening = opening or Opening()
        self.recording = recording
        self.navigator = Navigator(open_explorer)
        self.history = History()
        self._groups = make_groups(recording)
        self.panes: Mapping[str, Pane] = {
            pane.NAME: pane for group in self._groups.values() for pane in group.panes
        }
        self._keys = {pane.KEY: pane for pane in self.panes.values()}
        self.layout_of_panes = Layout(self._groups)
        self.layout_of_panes.wishes = self._opening.kept.wishes
        self._handlers: Mapping[str, Handler] = all_handlers(self)
        self._used: Pane = self.panes.get(self._opening.kept.pane, self.panes["code"])
        self._moment: Moment | None = None
        self._trouble: Trouble | None = None
        self._journey: str | None = None
        self._begun = Position(0)
        self._ticks = 0
        self._cancelling = False

    # ---- the screen

    def compose(self) -> ComposeResult:
        """Header, scrubber, panes, status, keys."""
        groups = self._groups
        yield LineView(id="header")
        yield ScrubberView(self.recording)
        with Horizontal(id="upper"):
            yield groups["left"]
            yield groups["centre"]
            with Vertical(id="right-column"):
                yield groups["right"]
                yield groups["right-below"]
        yield groups["bottom"]
        yield LineView(id="status")
        yield Prompt(self._completions)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to look at the guest."""
        if self._opening.kept.theme in self.available_themes:
            self.theme = self._opening.kept.theme
        self._show_title()
        self.arrange()
        self._used.focus()
        self._set_out("booting the guest")
        self.set_interval(_TICK_S, self._tick)
        self.run_worker(self._open(), group="open", exit_on_error=True)

    def on_unmount(self) -> None:
        """Give everything back."""
        self.navigator.close()
        self.recording.close()

    def on_resize(self) -> None:
        """Other sizes have room for other places."""
        self.arrange()

    def arrange(self) -> None:
        """See ``Desk``."""
        self.layout_of_panes.apply(self, self._used)

    def reveal(self, pane: str) -> Pane:
        """See ``Desk``."""
        self._used = self.panes[pane]
        self.arrange()
        self._used.focus()
        return self._used

    def leave_place(self) -> None:
        """See ``Desk``."""
        hidden = self.layout_of_panes.wishes.hidden
        place = next(place for place in ("centre", *PLACES) if place not in hidden)
        self.reveal(self._groups[place].active.NAME)

    @property
    def pane(self) -> Pane:
        """See ``Desk``."""
        return self._used

    def on_descendant_focus(self) -> None:
        """Whoever is focused is in use."""
        focused = self.focused
        if isinstance(focused, Pane) and focused is not self._used:
            self._used = focused
            self.arrange()

    def action_turn(self, step: int) -> None:
        """To the next pane that is seen, or the one before."""
        shown = [self._groups[place].active for place in PLACES if self._groups[place].display]
        at = shown.index(self._used) if self._used in shown else 0
        self.reveal(shown[(at + step) % len(shown)].NAME)

    def on_key(self, event: Any) -> None:
        """The keys of the panes."""
        pane = self._keys.get(event.key)
        if pane is not None and isinstance(self.focused, RowsView | None):
            event.stop()
            self.reveal(pane.NAME)

    # ---- the guest

    @property
    def moment(self) -> Moment | None:
        """See ``Desk``."""
        return self._moment

    async def _open(self) -> None:
        """Wait until the guest has booted, and go to where the session begins."""
        try:
            await asyncio.wrap_future(self.navigator.opened)
        except (*FAILURES, OSError) as error:
            self._show_trouble(Trouble(f"the guest cannot run: {error}"))
            return
        finally:
            self._end_journey()
        await self.travel("opening", self._opening.begin, remembered=False)
        for remark in self._opening.remarks:
            self.say(remark, bad=True)

    async def travel(self, title: str, way: Way, *, remembered: bool = True) -> Moment | None:
        """See ``Desk``."""
        if self._journey is not None:
            return None
        before, looks = self._moment, self._looks()
        self._set_out(title)
        try:
            moment = await self._wait(lambda explorer: explorer.travel(way, looks))
        finally:
            self._end_journey()
        if remembered and before is not None and moment.position != before.position:
            self.history.leave(before.position)
        self._show(moment)
        return moment

    async def ask(self, title: str, job: Callable[[Explorer], T]) -> T:
        """See ``Desk``."""
        if self._journey is not None:
            raise Refusal(f"{self._journey} is under way; Esc cancels it")
        self._set_out(title)
        try:
            return await self._wait(job)
        except FAILURES as error:
            raise Refusal(str(error)) from error
        finally:
            self._end_journey()

    async def look_again(self) -> None:
        """See ``Desk``."""
        looks = self._looks()
        self._show(await self._wait(lambda explorer: explorer.look(looks)))

    def cancel(self) -> None:
        """See ``Desk``."""
        if self._journey is not None:
            self._cancelling = True
            self.navigator.cancel()

    def is_cancelling(self) -> bool:
        """See ``Desk``."""
        return self._cancelling

    async def select_frame(self, number: int) -> None:
        """See ``Desk``."""
        stack, code = self.panes["stack"], self.panes["code"]
        assert isinstance(stack, StackPane)
        assert isinstance(code, CodePane)
        if not 0 <= number < stack.frames:
            raise Refusal(f"there is no frame {number}; they are 0 to {stack.frames - 1}")
        code.go_to(stack.choose(number))

    async def _wait(self, job: Callable[[Explorer], T]) -> T:
        future = self.navigator.submit(job)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if not future.cancelled() or self.navigator.closed:
                raise
            raise Refusal("cancelled") from None

    def _looks(self) -> dict[str, Look]:
        return {
            name: look for name, pane in self.panes.items() if (look := pane.look()) is not None
        }

    def _set_out(self, title: str) -> None:
        self._journey, self._ticks, self._cancelling = title, 0, False
        self._begun = self._moment.position if self._moment else Position(0)

    def _end_journey(self) -> None:
        self._journey = None
        self._show_status()

    def _tick(self) -> None:
        if self._journey is not None:
            self._ticks += 1
            if self._cancelling:
                self.navigator.cancel()  # again: a journey of several parts may have begun the next
            self._show_status()
        if self.recording.has_news():
            self._show_news()

    # ---- what is shown

    def _show(self, moment: Moment) -> None:
        self._moment, self._trouble = moment, None
        for pane in self.panes.values():
            pane.show(moment)
        self._show_details()
        self.query_one(ScrubberView).show(moment)
        self._show_status()
        if moment.trouble is not None:
            self._show_trouble(moment.trouble)

    def _show_news(self) -> None:
        """More is known of the recording as a whole."""
        self._show_title()
        self.query_one(ScrubberView).show_news()
        for pane in self.panes.values():
            pane.show_news()
        self._show_details()
        self._show_status()

    def _show_details(self) -> None:
        for group in self._groups.values():
            group.show_detail()

    def _show_title(self) -> None:
        self.query_one("#header", LineView).line = self.recording.title()

    def _show_trouble(self, trouble: Trouble) -> None:
        self._trouble = trouble
        self._show_status()
        self.answer(trouble.text, Role.BAD)
        if trouble.event is not None:
            self.query_one(ScrubberView).mark_divergence(trouble.event)
        self.say(trouble.text, bad=True)

    def _show_status(self) -> None:
        status = self.query_one("#status", LineView)
        is_busy = self._journey is not None and self._ticks >= _QUIET_TICKS
        status.set_class(is_busy, "-busy")
        status.set_class(self._trouble is not None and not is_busy, "-trouble")
        if is_busy:
            assert self._journey is not None
            reached = self.navigator.reached
            end = Position(self.recording.trace.event_count)
            fraction = fraction_of(self._begun, reached, end) if reached else None
            status.line = journey_line(self._journey, self._ticks, fraction)
        elif self._trouble is not None:
            status.line = (Span("✗ ", Role.BAD), Span(visible(self._trouble.text), Role.BAD))
        elif self._moment is not None:
            status.line = standing_line(self._standing(self._moment))

    def _standing(self, moment: Moment) -> Standing:
        return Standing(
            moment.position,
            moment.end,
            moment.steps,
            moment.stop,
            self.recording.time_ns(moment.position.event),
            moment.because,
            moment.ending,
        )

    # ---- verbs

    async def action_verb(self, command: str) -> None:
        """A key was pressed."""
        if command == "cancel":
            self._cancel_or_close()
            return
        self._do(command, "")

    def _do(self, command: str, argument: str) -> None:
        self.run_worker(self._handle(command, argument), group="verbs", exit_on_error=True)

    async def _handle(self, command: str, argument: str) -> None:
        try:
            await self._handlers[command](argument)
        except _REFUSALS as error:
            self.say(str(error), bad=True)
        except OSError as error:
            self.say(f"{error.filename or 'this host'}: {error.strerror}", bad=True)

    def _cancel_or_close(self) -> None:
        if self._journey is not None:
            self.cancel()
        elif self.layout_of_panes.wishes.zoomed:
            self._do("zoom", "")

    def on_prompt_entered(self, event: Prompt.Entered) -> None:
        """A line was typed."""
        verb = _PREFIX_VERBS.get(event.prefix)
        if verb is not None:
            self._do(verb, event.text.strip())
            return
        word, _, argument = event.text.strip().partition(" ")
        if not word:
            return
        self.answer(f":{event.text.strip()}", Role.DIM)
        self.run_worker(self._command(word, argument.strip()), group="verbs", exit_on_error=True)

    async def _command(self, word: str, argument: str) -> None:
        word, slash, form = word.partition("/")
        try:
            verb = find_verb(word)
        except UnknownCommand as error:
            self.answer(str(error), Role.BAD)
            self.say(str(error), bad=True)
            return
        await self._handle(verb.command, f"/{form} {argument}" if slash else argument)

    def on_prompt_closed(self) -> None:
        """Back to where one was."""
        self._used.focus()

    def prompt(self, prefix: str, text: str = "") -> None:
        """See ``Desk``."""
        self.query_one(Prompt).open(prefix, text)

    def _completions(self, prefix: str, text: str) -> Sequence[str]:
        if prefix != ":" or " " in text:
            return ()
        return completions(text)

    def get_system_commands(self, screen: Screen[Any]) -> Iterator[SystemCommand]:  # noqa: ARG002
        """The palette has every verb."""
        for verb in all_verbs():
            run = partial(self._from_palette, verb.command, verb.usage)
            yield SystemCommand(verb.command, verb.about, run)

    def _from_palette(self, command: str, usage: str) -> None:
        if usage and not usage.startswith("["):
            self.prompt(":", f"{command} ")
        else:
            self._do(command, "")

    # ---- the user

    def say(self, text: str, *, bad: bool = False) -> None:
        """See ``Desk``."""
        self.notify(visible(text), severity="error" if bad else "information", markup=False)

    def answer(self, text: str, role: Role = Role.TEXT) -> None:
        """See ``Desk``."""
        output = self.panes["output"]
        assert isinstance(output, OutputPane)
        output.add(text, role)

    def show_help(self) -> None:
        """See ``Desk``."""
        self.push_screen(HelpScreen())

    def theme_names(self) -> Sequence[str]:
        """See ``Desk``."""
        return sorted(self.available_themes)

    def use_theme(self, name: str) -> None:
        """See ``Desk``."""
        self.theme = name

    def picture(self) -> str:
        """See ``Desk``."""
        return self.export_screenshot(title=f"solo5-replay {visible(self.recording.path.name)}")

    def show_marks(self) -> None:
        """See ``Desk``."""
        if self._moment is not None:
            self.panes["notes"].show(self._moment)
        self.query_one(ScrubberView).show_news()

    async def search_symbols(self, text: str) -> None:
        """See ``Desk``."""
        names = await self.ask("symbols", lambda explorer: explorer.names)
        if not len(names):
            raise Refusal("the guest has no symbols: it was stripped")
        self.push_screen(SymbolScreen(names, text), self._symbol_chosen)

    def _symbol_chosen(self, target: Target | None) -> None:
        if target is not None:
            self._choose(target)

    def switch_following(self) -> None:
        """See ``Desk``."""
        raise Refusal("this recording is over: there is nothing to follow")

    def leave(self) -> None:
        """See ``Desk``."""
        self.exit(0)

    def session(self) -> SessionState | None:
        """What is to be kept of the session; ``None`` where the guest was never seen."""
        moment = self._moment
        if moment is None:
            return None
        points = points_to_plain(moment.points)
        wishes = self.layout_of_panes.wishes
        return SessionState(moment.position, points, self._used.NAME, self.theme, wishes)

    # ---- what panes ask for

    def on_rows_view_chosen(self, event: RowsView.Chosen) -> None:
        """Something was clicked."""
        self._choose(event.target)

    def on_scrubber_view_picked(self, event: ScrubberView.Picked) -> None:
        """A place of the bar was clicked."""
        self._choose(event.target)

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Something in a line was clicked."""
        self._choose(event.target)

    def _choose(self, target: Target) -> None:
        self.run_worker(self._follow(target), group="verbs", exit_on_error=True)

    async def on_pane_wants_look(self, event: Pane.WantsLook) -> None:
        """A pane wants to see something else of the guest where it stands."""
        if self._moment is not None:
            self._look_for_soon(event.pane)

    def _look_for_soon(self, pane: Pane) -> None:
        async def look() -> None:
            await self._look_for(pane)

        work: Any = look  # whose type is one of several that a worker's can be
        self.run_worker(work, group=f"look-{pane.NAME}", exclusive=True)

    async def _look_for(self, pane: Pane) -> None:
        look = pane.look()
        if look is None:
            return
        try:
            seen = await self._wait(lambda explorer: explorer.look({pane.NAME: look}))
        except Refusal:
            return
        if self._moment is not None and seen.position == self._moment.position:
            self._moment = self._moment.with_seen(seen.seen)
            pane.show(self._moment)
            self._show_details()

    async def _follow(self, target: Target) -> None:
        try:
            await follow_target(self, target)
        except _REFUSALS as error:
            self.say(str(error), bad=True)
