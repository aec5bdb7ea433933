"""The workspaces, apps, keys, users, models and workflows of the demo's Dify."""

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TypedDict

_SEVEN = Decimal("0.0000001")


@dataclass(frozen=True)
class PricedModel:
    """A model as a provider plugin prices it, per million tokens; no price: a local model."""

    provider_id: str
    name: str
    input_price: Decimal
    output_price: Decimal
    currency: str

    @property
    def provider(self) -> str:
        """The provider's own name."""
        return self.provider_id.rsplit("/", 1)[-1]

    @property
    def unit(self) -> Decimal:
        """The multiplier of prices; zero where no price is configured."""
        return Decimal("0.000001") if self.input_price else Decimal(0)

    def cost(self, tokens_in: int, tokens_out: int) -> Decimal:
        """As Dify computes it: prompt and completion rounded to seven decimals each."""
        parts = [(tokens_in, self.input_price), (tokens_out, self.output_price)]
        return sum(((n * p * self.unit).quantize(_SEVEN, ROUND_HALF_UP) for n, p in parts), Decimal(0))


def _model(provider: str, name: str, tokens_in: str, tokens_out: str, currency: str) -> PricedModel:
    return PricedModel(f"langgenius/{provider}/{provider}", name, Decimal(tokens_in), Decimal(tokens_out), currency)


MODELS = {
    model.name: model
    for model in (
        _model("openai", "gpt-4o", "2.50", "10.00", "USD"),
        _model("openai", "gpt-4o-mini", "0.15", "0.60", "USD"),
        _model("tongyi", "qwen-max", "2.40", "9.60", "RMB"),
        _model("tongyi", "qwen-plus", "0.80", "2.00", "RMB"),
        _model("deepseek", "deepseek-chat", "2.00", "8.00", "RMB"),
        _model("openai_api_compatible", "qwen3-32b-local", "0", "0", "USD"),
        _model("openai_api_compatible", "in-house-7b", "0", "0", "USD"),
    )
}


@dataclass(frozen=True)
class Node:
    """A node of a workflow; containers hold the nodes that they repeat."""

    node_id: str
    kind: str
    title: str
    model: str | None = None
    children: tuple["Node", ...] = ()
    rounds: int = 1
    calls: str | None = None  # the app that a workflow tool runs


@dataclass
class FakeApp:
    """A Dify app."""

    app_id: str
    tenant_id: str
    name: str
    mode: str
    model: str
    keys: list[tuple[str, str, datetime]] = field(default_factory=list)  # id, secret, created at
    tags: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()
    workflow_id: str = ""
    draft_id: str = ""
    weight: float = 1.0
    sources: tuple[str, ...] = ("api",)


@dataclass
class EndUser:
    """Somebody who calls an app from outside."""

    user_id: str
    app_id: str
    tenant_id: str
    kind: str
    session_id: str


@dataclass
class World:
    """Everything that stands before the first call."""

    started: datetime
    tenants: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> id, zone
    accounts: dict[str, str] = field(default_factory=dict)  # e-mail -> id
    apps: dict[str, FakeApp] = field(default_factory=dict)
    users: dict[tuple[str, str, str], EndUser] = field(default_factory=dict)  # app id, kind, session
    canaries: list[str] = field(default_factory=list)


def new_id(rng: random.Random) -> str:
    """Returns a version 4 UUID that the seed decides."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _llm(node_id: str, title: str, model: str, kind: str = "llm") -> Node:
    return Node(node_id, kind, title, model)


class _Options(TypedDict, total=False):
    """What an app has beside its name, mode and model."""

    keys: list[int]  # days after the start on which each was made
    tags: tuple[str, ...]
    nodes: tuple[Node, ...]
    weight: float
    sources: tuple[str, ...]


_SPECS: tuple[tuple[str, str, str, str, _Options], ...] = (
    ("Marketing", "copywriter", "completion", "gpt-4o-mini", {"keys": [0], "tags": ("dept:marketing",), "weight": 2.0}),
    ("Marketing", "brand-chat", "chat", "qwen-max", {"keys": [0, 0], "sources": ("api", "web", "explore")}),
    ("Marketing", "lead-enricher", "agent-chat", "gpt-4o", {"keys": [0], "tags": ("dept:sales",), "weight": 0.6}),
    ("Marketing", "campaign-flow", "workflow", "qwen-plus",
     {"keys": [0], "sources": ("api", "schedule", "web"), "nodes": (
         _llm("plan", "Plan", "qwen-plus"),
         Node("each", "iteration", "Each channel", None, (_llm("draft", "Draft", "qwen-plus"),), 3))}),
    ("Marketing", "seo-chatflow", "advanced-chat", "gpt-4o-mini",
     {"keys": [0, 30], "sources": ("api", "web", "debug"), "nodes": (
         _llm("route", "Route", "gpt-4o-mini", "question-classifier"),
         Node("facts", "knowledge-retrieval", "Look up", "qwen-plus"),
         _llm("answer", "Answer", "qwen-max"),
         Node("loop", "loop", "Until good", None, (_llm("evaluate", "Evaluate", "gpt-4o-mini"),), 2))}),
    ("Marketing", "landing-test", "chat", "deepseek-chat", {"keys": [0], "sources": ("api", "debug"), "weight": 0.4}),
    ("Marketing", "idea-lab", "workflow", "qwen3-32b-local",
     {"keys": [0], "tags": ("dev",), "sources": ("api", "debug", "single-step"), "weight": 0.5, "nodes": (
         _llm("think", "Think", "qwen3-32b-local"), _llm("local", "Rewrite", "in-house-7b"))}),
    ("Marketing", "image-brief", "completion", "in-house-7b", {"keys": [], "sources": ("web", "explore")}),
    ("Support", "support-bot", "chat", "gpt-4o", {"keys": [0, 0, 0], "sources": ("api", "web", "mcp"), "weight": 3.0}),
    ("Support", "triage-flow", "workflow", "gpt-4o-mini",
     {"keys": [0], "sources": ("api", "webhook"), "weight": 1.5, "nodes": (
         _llm("extract", "Extract", "gpt-4o-mini", "parameter-extractor"),
         Node("search", "tool", "Search the wiki"),
         Node("outer", "loop", "Rounds", None, (
             Node("inner", "iteration", "Each part", None, (_llm("part", "Part", "deepseek-chat"),), 2),), 2),
         Node("sum", "tool", "Summarise", calls="summarize-ticket"))}),
    ("Support", "summarize-ticket", "workflow", "deepseek-chat",
     {"keys": [25], "weight": 0.5, "nodes": (
         _llm("short", "Shorten", "deepseek-chat"), Node("say", "tool", "Translate", calls="translate-reply"))}),
    ("Support", "translate-reply", "workflow", "qwen-plus",
     {"keys": [0], "weight": 0.3, "nodes": (_llm("translate", "Translate", "qwen-plus"),)}),
    ("Support", "helpdesk-chatflow", "advanced-chat", "gpt-4o",
     {"keys": [0, 0], "sources": ("api", "web", "explore"), "nodes": (
         Node("agent", "agent", "Research", "gpt-4o"),
         _llm("reply", "Reply", "gpt-4o"),
         Node("sum", "tool", "Summarise", calls="summarize-ticket"))}),
    ("Support", "regression-test", "agent-chat", "deepseek-chat", {"keys": [0], "tags": ("dev",), "weight": 0.4}),
)  # fmt: skip


ZONES = {"Marketing": "Asia/Shanghai", "Support": "Europe/Berlin"}  # by workspace


def build_world(rng: random.Random, started: datetime, day: Callable[[int], datetime]) -> World:
    """Returns the demo's Dify before its first call; ``day`` turns a number of days into a time after the start."""
    world = World(started)
    for name, zone in ZONES.items():
        world.tenants[name] = (new_id(rng), zone)
    for email in ("li.na@example.com", "jonas@example.com"):
        world.accounts[email] = new_id(rng)
    for tenant, name, mode, model, options in _SPECS:
        app = FakeApp(new_id(rng), world.tenants[tenant][0], name, mode, model)
        app.workflow_id, app.draft_id = new_id(rng), new_id(rng)
        for created in options.get("keys", ()):
            secret = "app-" + "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789", k=24))
            app.keys.append((new_id(rng), secret, day(created)))
            world.canaries.append(secret)
        app.tags = options.get("tags", ())
        app.nodes = options.get("nodes", ())
        app.weight = options.get("weight", 1.0)
        app.sources = options.get("sources", ("api",))
        world.apps[name] = app
    world.canaries += ["planted-" + "".join(rng.choices("abcdefghjkmnpqrstuvwxyz23456789", k=16)) for _ in range(120)]
    return world


def end_user(world: World, rng: random.Random, app: FakeApp, kind: str, session_id: str) -> EndUser:
    """Returns the row of a caller in an app, made when first seen; the same person in two apps is two rows."""
    key = (app.app_id, kind, session_id)
    if key not in world.users:
        world.users[key] = EndUser(new_id(rng), app.app_id, app.tenant_id, kind, session_id)
    return world.users[key]
