"""The application: it puts panes on the screen, sends the guest on its journeys and shows where it
has come to. What can be done is in ``replay.tui.verbs``, and how in ``replay.tui.handlers``.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, TypeVar

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.widgets import Footer

from replay.export.words import one_line
from replay.player.errors import GuestNeeded, PlayerError
from replay.tui.completing import Known, completed
from replay.tui.desk import Busy, Handler, Refusal, Way
from replay.tui.explorer import A_BUG, FAILURES, Explorer, Moment, Trouble
from replay.tui.handlers import all_handlers
from replay.tui.handlers.following import follow_target
from replay.tui.layout import Layout
from replay.tui.live import BEAT_S, Live, RecorderProcess
from replay.tui.model.arrangement import PLACES
from replay.tui.model.history import History
from replay.tui.model.points import points_to_plain
from replay.tui.model.rows import Role, Target, visible
from replay.tui.model.session_state import SessionState
from replay.tui.model.symbol_search import SymbolNames
from replay.tui.navigator import Navigator, Opener
from replay.tui.opening import Opening
from replay.tui.panes import make_groups
from replay.tui.recording import Recording
from replay.tui.screens.help import HelpScreen
from replay.tui.screens.leaving import leave_or_ask
from replay.tui.screens.symbols import SymbolScreen
from replay.tui.undertaking import Undertaking
from replay.tui.verbs import UnknownCommand, Verb, all_verbs, find_verb
from replay.tui.widgets.code_pane import CodePane
from replay.tui.widgets.events_pane import EventsPane
from replay.tui.widgets.line_view import LineView
from replay.tui.widgets.output_pane import OutputPane
from replay.tui.widgets.pane import Look, Pane
from replay.tui.widgets.prompt import Prompt
from replay.tui.widgets.registers_pane import RegistersPane
from replay.tui.widgets.rows_view import RowsView
from replay.tui.widgets.scrubber_view import ScrubberView
from replay.tui.widgets.stack_pane import StackPane
from replay.tui.widgets.status_view import QUIET_TICKS, StatusView

T = TypeVar("T")
_TICK_S = 0.1

_PROMPTING = frozenset(
    ("command", "search", "filter", "seek", "bookmark", "note", "display")  # with no argument
)
_PREFIX_VERBS = {"/": "search", "&": "filter-by", "@": "symbol"}
_REFUSALS = (Refusal, UnknownCommand, PlayerError)


def _label(verb: Verb) -> str:
    """What the footer says, which has little room."""
    return verb.command.removesuffix("-continue")


def _why_not(error: Exception) -> str:
    if isinstance(error, GuestNeeded):
        return f"the guest cannot run: {error} (--guest FILE)"
    if isinstance(error, (*FAILURES, OSError)):
        return f"the guest cannot run: {error}"
    return f"the guest cannot run: {type(error).__name__}: {error}"


class ReplayApp(App[int]):
    """One recording on the screen. See ``replay.tui.desk.Desk`` for what handlers use of it."""

    CSS_PATH = "app.tcss"
    TITLE = "solo5-replay"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(
                verb.keys,
                f"verb('{verb.command}')",
                _label(verb),
                show=verb.shown,
                priority=verb.command in _PROMPTING,
            )
            for verb in all_verbs()
            if verb.keys
        ),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
    ]

    def __init__(
        self,
        recording: Recording,
        open_explorer: Opener,
        opening: Opening | None = None,
        recorder: RecorderProcess | None = None,
    ) -> None:
        """``opening`` is how the session begins, without it at the start of the recording;
        ``recorder`` makes the recording, where it is a child of this program."""
        super().__init__()
        self._opening = opening or Opening()
        self.recording = recording
        self.navigator = Navigator(open_explorer)
        self.history = History()
        self.live = Live(self, process=recorder)
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
        self._journey: Undertaking | None = None
        self._names: SymbolNames | None = None
        self._idle = asyncio.Event()
        self._is_awaited = False

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
        yield StatusView(self.recording)
        yield Prompt(self._completions)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to look at the guest."""
        if self._opening.kept.theme in self.available_themes:
            self.theme = self._opening.kept.theme
        self._show_title()
        self.arrange()
        self._used.focus()
        self._set_out(Undertaking("booting the guest"))
        self.set_interval(_TICK_S, self._tick)
        self.run_worker(self._open(), group="open", exit_on_error=True)

    def on_unmount(self) -> None:
        """Give everything back."""
        self.navigator.close()
        self.recording.close()

    def on_resize(self) -> None:
        """Other sizes have room for other places; the application has its own only after this."""
        self.call_later(self.arrange)

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

    def action_focus_next(self) -> None:
        """Tab: to the pane in the next place, also where there is room for few."""
        self._turn(1)

    def action_focus_previous(self) -> None:
        """The same back."""
        self._turn(-1)

    def _turn(self, step: int) -> None:
        if len(self.screen_stack) > 1:
            return
        hidden = self.layout_of_panes.wishes.hidden
        shown = [self._groups[place].active for place in PLACES if place not in hidden]
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
        except Exception as error:
            trouble = Trouble(f"{_why_not(error)}; what is recorded can be read")
            self._show_trouble(trouble)
            for pane in self.panes.values():
                pane.show_trouble(trouble)
            return
        finally:
            self._end_journey()
        try:
            await self.travel("opening", self._opening.begin, remembered=False)
        except Refusal:  # cancelled, before it had begun
            await self.look_again()
        if self.live.begin(follow=self._opening.follows):
            self.set_interval(BEAT_S, self._beat)
        for remark in self._opening.remarks:
            self.say(remark, bad=True)

    async def travel(self, title: str, way: Way, *, remembered: bool = True) -> Moment:
        """See ``Desk``."""
        self.live.give_way()
        async with self.undertake(title):
            before, looks = self._moment, self._looks()
            moment = await self._wait(lambda explorer: explorer.travel(way, looks))
        if remembered and before is not None and moment.position != before.position:
            self.history.leave(before.position)
        self._show(moment)
        return moment

    async def ask(
        self, title: str, job: Callable[[Explorer], T], *, within: Undertaking | None = None
    ) -> T:
        """See ``Desk``."""
        work = self.undertake(title) if within is None else contextlib.nullcontext()
        try:
            async with work:
                return await self._wait(job)
        except FAILURES as error:
            raise Refusal(str(error)) from error

    @contextlib.asynccontextmanager
    async def undertake(self, title: str) -> AsyncIterator[Undertaking]:
        """See ``Desk``."""
        await self._take_turn()
        work = Undertaking(title)
        self._set_out(work)
        try:
            yield work
        finally:
            self._end_journey()

    async def look_again(self) -> None:
        """See ``Desk``."""
        looks = self._looks()
        self._show(await self._wait(lambda explorer: explorer.look(looks)))

    def cancel(self) -> bool:
        """See ``Desk``."""
        events = self.panes["events"]
        assert isinstance(events, EventsPane)
        if self._journey is not None:
            self._journey.is_cancelled = True
            self.navigator.cancel()
        elif events.cancel_search():
            events.show_news()
        elif self.layout_of_panes.wishes.zoomed:
            self._do("zoom", "")
        else:
            return False
        return True

    def is_cancelling(self) -> bool:
        """See ``Desk``."""
        journey = self._journey
        return journey is not None and journey.is_cancelled

    async def select_frame(self, number: int) -> None:
        """See ``Desk``."""
        stack, code = self.panes["stack"], self.panes["code"]
        assert isinstance(stack, StackPane)
        assert isinstance(code, CodePane)
        if not 0 <= number < stack.frames:
            raise Refusal(f"there is no frame {number}; they are 0 to {stack.frames - 1}")
        registers = self.panes["registers"]
        assert isinstance(registers, RegistersPane)
        frame = stack.choose(number)
        code.go_to(frame.at)
        registers.choose_frame(number, frame.registers)

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

    async def _take_turn(self) -> None:
        """One more may wait for what is under way, if that is not long: keys are pressed fast."""
        while (journey := self._journey) is not None:
            if self._is_awaited or journey.ticks >= QUIET_TICKS:
                raise Busy(f"{journey.title} is under way; Esc cancels it")
            self._is_awaited = True
            try:
                await self._idle.wait()
            finally:
                self._is_awaited = False
            if journey.is_cancelled:
                raise Refusal("cancelled")

    def _set_out(self, work: Undertaking) -> None:
        self._journey = work
        self._idle.clear()

    # ---- a recording that goes on; see ``replay.tui.live.Stage``

    @property
    def is_busy(self) -> bool:
        """See ``Stage``."""
        return self._journey is not None

    async def have_done(self, job: Callable[[Explorer], T]) -> T:
        """See ``Stage``."""
        return await self._wait(job)

    async def go_along(self, way: Way, is_wanted: Callable[[], bool]) -> Moment | None:
        """See ``Stage``."""
        looks = self._looks()
        moment = await self._wait(
            lambda explorer: explorer.travel(way, looks) if is_wanted() else None
        )
        if moment is not None:
            self._show(moment)
        return moment

    def show_live(self) -> None:
        """See ``Stage``."""
        if not self._is_shown:
            return
        self._show_title()
        self._show_status()
        self.panes["rates"].show_news()

    def _beat(self) -> None:
        if not self.live.over:
            self.run_worker(self.live.beat(), group="live", exit_on_error=True)

    def _end_journey(self) -> None:
        self._journey = None
        self._idle.set()
        self._show_status()

    @property
    def _is_shown(self) -> bool:
        """At the end the parts of the screen go first, while all else goes on."""
        return bool(self.query("#header"))

    def _tick(self) -> None:
        if not self._is_shown:
            return
        if self._journey is not None:
            self._journey.ticks += 1
            if self._journey.is_cancelled:
                self.navigator.cancel()  # again: a journey of several parts may have begun the next
            self._show_status()
        if self.recording.has_news():
            self._show_news()

    # ---- what is shown

    def _show(self, moment: Moment) -> None:
        self._moment, self._trouble = moment, None
        self.live.moved(moment)
        if not self._is_shown:
            return
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
        if trouble.event is not None:
            self.query_one(ScrubberView).mark_divergence(trouble.event)
        self.say(trouble.text, bad=True)

    def _show_status(self) -> None:
        self.query_one(StatusView).show(
            self._moment, self._trouble, self._journey, self.navigator.reached
        )

    # ---- verbs

    async def action_verb(self, command: str) -> None:
        """A key was pressed."""
        if command in _PROMPTING:  # what is typed behind it comes at once, and is not for keys
            await self._handle(command, "")
        else:
            self._do(command, "")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that let the user type are letters to whoever types already."""
        if action == "verb" and parameters[0] in _PROMPTING:
            return len(self.screen_stack) == 1 and isinstance(self.focused, RowsView | None)
        return super().check_action(action, parameters)

    def action_interrupt(self) -> None:
        """Ctrl-C ends what is under way, and nothing else."""
        if not self.cancel():
            self.say("nothing is under way; q leaves")

    def _do(self, command: str, argument: str) -> None:
        self.run_worker(self._handle(command, argument), group="verbs", exit_on_error=True)

    async def _handle(self, command: str, argument: str) -> None:
        await self._told(self._handlers[command](argument))

    async def _told(self, work: Awaitable[None]) -> None:
        """Do it, and tell what goes wrong."""
        try:
            await work
        except Busy as error:
            self._notify_once(str(error), "warning")  # a key may be held all the while
        except _REFUSALS as error:
            self.say(str(error), bad=True)
        except OSError as error:
            self.say(f"{error.filename or 'this host'}: {error.strerror}", bad=True)
        except Exception as error:  # nobody shall lose a session to a mistake of ours
            self.say(f"{A_BUG}: {type(error).__name__}: {error}", bad=True)
            self.log_answer("".join(traceback.format_exception(error)), Role.DIM)

    def on_prompt_entered(self, event: Prompt.Entered) -> None:
        """A line was typed."""
        verb = _PREFIX_VERBS.get(event.prefix)
        if verb is not None:
            self._do(verb, event.text.strip())
            return
        word, _, argument = event.text.strip().partition(" ")
        if not word:
            return
        self.log_answer(f":{event.text.strip()}", Role.DIM)
        self.run_worker(self._command(word, argument.strip()), group="verbs", exit_on_error=True)

    async def _command(self, word: str, argument: str) -> None:
        word, slash, form = word.partition("/")
        try:
            verb = find_verb(word)
        except UnknownCommand as error:
            self.say(str(error), bad=True)
            return
        await self._handle(verb.command, f"/{form} {argument}" if slash else argument)

    def on_prompt_closed(self) -> None:
        """Back to where one was."""
        self._used.focus()

    def prompt(self, prefix: str, text: str = "") -> None:
        """See ``Desk``."""
        self.query_one(Prompt).open(prefix, text)
        if self._names is None and self._moment is not None:
            self.run_worker(self._learn_names(), group="names", exclusive=True)

    async def _learn_names(self) -> None:
        """What can be completed: asked for when somebody first types."""
        with contextlib.suppress(Refusal):
            self._names = await self._wait(lambda explorer: explorer.names)

    def _completions(self, prefix: str, text: str) -> Sequence[str]:
        if prefix != ":":
            return ()
        recording = self.recording
        known = Known(
            list(self.panes),
            self.theme_names(),
            sorted(recording.notebook.bookmarks),
            [f"c{number}" for number in recording.places.kept],
            self._names,
        )
        return completed(text, known)

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
        self.log_answer(text, Role.BAD if bad else Role.TEXT)
        self._notify_once(one_line(text), "error" if bad else "information")

    def _notify_once(self, text: str, severity: SeverityLevel) -> None:
        """Nothing is said twice at a time, however long a key is held."""
        if not any(notice.message == text for notice in self._notifications):
            self.notify(text, severity=severity, markup=False)

    def answer(self, text: str, role: Role = Role.TEXT) -> None:
        """See ``Desk``."""
        if "\n" in text:
            self.log_answer(text, role)
            self.reveal(OutputPane.NAME)
        else:
            self.say(text)

    def log_answer(self, text: str, role: Role = Role.TEXT) -> None:
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

    def switch_axis(self) -> str:
        """See ``Desk``."""
        return self.query_one(ScrubberView).switch_axis()

    def show_times(self) -> None:
        """See ``Desk``."""
        for pane in self.panes.values():
            pane.switch_time()

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
        self.live.switch()

    def leave(self) -> None:
        """See ``Desk``."""
        leave_or_ask(self, self.live.process)

    async def action_quit(self) -> None:
        """Ctrl-Q."""
        self.leave()

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
        self.run_worker(self._told(follow_target(self, target)), group="verbs", exit_on_error=True)

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
