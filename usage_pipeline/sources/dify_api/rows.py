"""Turns what the console answers into rows of the staging tables; texts of prompts and answers end here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from usage_pipeline.console.answers import named_model
from usage_pipeline.sources.node_json import Written, node_figures, plain_text, said_octets

Answer = Mapping[str, Any]
_RETRY = ":retry:"
_CALLING = ("llm", "question-classifier", "parameter-extractor", "knowledge-retrieval", "agent", "tool", "iteration",
            "loop")  # fmt: skip
_SHORTEST_SECRET = 20
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
NO_TIME = datetime(9999, 1, 1, tzinfo=UTC)  # read with what is newest, so that it is seen
_NO_COUNT = 2**62


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is behind a call, as far as the console says."""

    user_type: str | None = None
    user_session: str | None = None
    account_email: str | None = None

    @property
    def known(self) -> bool:
        """Whether it says anything."""
        return any((self.user_type, self.user_session, self.account_email))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row belongs."""

    tenant_id: str
    app_id: str
    mode: str


@dataclass(frozen=True, slots=True)
class Run:
    """A workflow run as lists show it."""

    place: Place
    run_id: str
    moment: datetime
    status: str
    total_tokens: int | None
    finished_at: datetime | None
    triggered_from: str
    version: str
    created_from: str | None
    asker: Asker

    @property
    def workflow_id(self) -> str:
        """A name of the version it ran; the console does not say Dify's own id."""
        return f"{self.place.app_id}:{self.version}"

    def row(self, asker: Asker) -> tuple[object, ...]:
        """Returns a row of stage_run."""
        kind = "chat" if self.place.mode == "advanced-chat" else "workflow"
        return (
            self.run_id, self.place.tenant_id, self.place.app_id, self.workflow_id, kind, self.triggered_from,
            self.status, self.total_tokens, self.moment, self.finished_at, self.created_from, asker.user_type,
            asker.user_session, None, asker.account_email, None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation of a basic app: when something was said last, who talks, and with which model it began."""

    place: Place
    conversation_id: str
    moment: datetime
    provider: str | None
    model: str | None
    from_source: str
    session: str | None
    email: str | None

    def row(self, message: Answer) -> tuple[object, ...]:
        """Returns a row of stage_message. The console shows neither prices nor entry points nor what thoughts used."""
        failed = message.get("status") == "error" or bool(message.get("error"))
        return (
            word(message["id"]), self.place.app_id, self.place.mode, None, self.provider, self.model,
            count_of(message.get("message_tokens")), count_of(message.get("answer_tokens")), 0, None,
            "error" if failed else word(message.get("status") or "normal"), None, self.from_source,
            bool(message.get("answer")), False, moment_of(message.get("created_at")), None, self.session, None,
            self.email, None, None, None, None, None, None, None, None, None,
        )  # fmt: skip


def run_of(place: Place, answer: Answer, triggered_from: str, created_from: str | None, asker: Asker) -> Run:
    """Returns a run out of a list or a detail."""
    return Run(
        place, word(answer["id"]) or "", moment_of(answer.get("created_at")), word(answer.get("status")) or "running",
        count_of(answer.get("total_tokens")),
        moment_of(answer["finished_at"]) if answer.get("finished_at") else None,
        triggered_from, word(answer.get("version")) or "", word(created_from), asker,
    )  # fmt: skip


def asker_of(answer: Answer) -> Asker:
    """Returns the creator that a log, a run or a node execution names."""
    user, account = answer.get("created_by_end_user"), answer.get("created_by_account")
    if isinstance(user, dict) and user.get("session_id"):
        return Asker(user_type=word(user.get("type")), user_session=word(user["session_id"]))
    return Asker(account_email=word(account.get("email"))) if isinstance(account, dict) else Asker()


def node_row_of(run: Run, node: Answer) -> tuple[object, ...] | None:
    """Returns a row of stage_node; None for a node that calls no model and says nothing of tokens.

    From 1.16 on the console lists each attempt of a retried node beside the node (`<execution>:retry:1`): the node is
    the call, as it is one row in the database, and what its failed attempts used stands in the run's total.
    """
    if _RETRY in str(node.get("id")):
        return None
    metadata = _object(node.get("execution_metadata"))
    if node.get("node_type") not in _CALLING and "total_tokens" not in metadata:
        return None
    plain = (
        word(node["id"]), run.run_id, run.place.tenant_id, run.place.app_id, run.workflow_id, "workflow-run",
        word(node.get("node_id")), word(node.get("node_type")), word(node.get("title")), word(node.get("status")),
        moment_of(node.get("created_at")), None,
    )  # fmt: skip
    finished_at = moment_of(node.get("finished_at")) if node.get("finished_at") else None
    written = Written(metadata, _object(node.get("process_data")), _object(node.get("outputs")), finished_at)
    prompt, answer = said_octets(plain, written, _object(node.get("inputs")))
    return node_figures(plain, replace(written, prompt_octets=prompt, answer_octets=answer))


def configured_models(run: Run, graph: object) -> list[tuple[object, ...]]:
    """Returns rows of stage_node_model: the models that a graph sets for nodes whose executions name none."""
    nodes = _object(graph).get("nodes")
    found: list[tuple[object, ...]] = []
    for node in nodes if isinstance(nodes, list) else []:
        data = _object(_object(node).get("data"))
        if data.get("type") not in ("agent", "knowledge-retrieval"):
            continue
        agent = _object(_object(_object(data.get("agent_parameters")).get("model")).get("value"))
        retrieval = _object(_object(data.get("single_retrieval_config")).get("model"))
        named = next((model for model in (agent, retrieval, _object(data.get("metadata_model_config"))) if model), {})
        found.append((run.workflow_id, word(node.get("id")), *map(word, named_model(named))))
    return found


def key_row(place: Place, key: Answer) -> tuple[object, ...]:
    """Returns a row of stage_api_key; the secret goes no further than this line."""
    secret = str(key.get("token") or "").removeprefix("app-")
    long = len(str(key.get("token") or "")) >= _SHORTEST_SECRET
    last_used = moment_of(key["last_used_at"]) if key.get("last_used_at") else None
    return (
        str(key["id"]), place.app_id, place.tenant_id, f"{secret[:4]}…{secret[-4:]}" if long else "…",
        moment_of(key.get("created_at")), last_used, None,
    )  # fmt: skip


def moment_of(value: object) -> datetime:
    """Returns an aware time out of the console's unix seconds; what can be no time is NO_TIME, and set aside by it."""
    try:
        moment = datetime.fromtimestamp(int(value) if isinstance(value, int | float | str) else -1, UTC)
    except (ValueError, OverflowError, OSError):
        return NO_TIME
    return moment if moment >= _EARLIEST else NO_TIME


def count_of(value: object) -> int | None:
    """Returns a count as the console gives it; None, which is set aside, for what can be none."""
    try:
        count = int(value) if isinstance(value, int | float | str) else 0 if not value else None
    except (ValueError, OverflowError):
        return None
    return count if count is None or abs(count) < _NO_COUNT else None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def word(value: object) -> str | None:
    """Returns a name or word as PostgreSQL can keep it; None for none."""
    return None if value is None else plain_text(str(value))[:255]
