"""Calls of completion, chat and agent apps: a message inserted with zeros and updated when its answer is done."""

import random
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from usage_pipeline.fake_dify.callers import Caller
from usage_pipeline.fake_dify.scripts import CallScript, RowWrite, TrueUnit, UnitScript, naive, whole_second
from usage_pipeline.fake_dify.world import MODELS, FakeApp, World, new_id

# partial: the message was noted before its agent's last step; corrected: Dify writes its figures once more;
# no_price: the column for the price stays empty.
ENDINGS = ("done", "error", "stopped", "annotation", "never", "agent_error", "partial", "corrected", "no_price")
_CORRECTED_AFTER = timedelta(minutes=30)


def message_row(
    world: World, rng: random.Random, app: FakeApp, caller: Caller, at: datetime, *, chatflow: bool = False
) -> tuple[str, dict[str, object], dict[str, object]]:
    """Id and columns of a message as it is inserted, and of its conversation."""
    model = MODELS[app.model]
    conversation_id, message_id = new_id(rng), new_id(rng)
    marker = rng.choice(world.canaries)
    asked = {
        "from_source": "api" if caller.user else "console",
        "from_end_user_id": caller.user.user_id if caller.user else None,
        "from_account_id": caller.account_id,
        "invoke_from": caller.invoke_from,
    }
    conversation: dict[str, object] = {
        "id": conversation_id, "app_id": app.app_id, "mode": app.mode, "name": "New conversation", "inputs": "{}",
        "status": "normal", "created_at": naive(at), "updated_at": naive(at), **asked,
        "model_provider": None if chatflow else model.provider_id, "model_id": None if chatflow else model.name,
    }  # fmt: skip
    message: dict[str, object] = {
        "id": message_id, "app_id": app.app_id, "conversation_id": conversation_id, "inputs": "{}",
        "model_provider": None if chatflow else model.provider_id, "model_id": None if chatflow else model.name,
        "query": f"Please look at {marker}", "message": f'[{{"role": "user", "text": "{marker}"}}]',
        "message_tokens": 0, "message_unit_price": 0, "message_price_unit": 0, "answer": "", "answer_tokens": 0,
        "answer_unit_price": 0, "answer_price_unit": 0, "total_price": 0, "currency": "USD", "status": "normal",
        "app_mode": app.mode, "created_at": naive(at), "updated_at": naive(at), **asked,
    }  # fmt: skip
    return message_id, message, conversation


def basic_call(
    world: World,
    rng: random.Random,
    app: FakeApp,
    caller: Caller,
    at: datetime,
    *,
    ending: str = "done",
    tokens: tuple[int, int] = (400, 200),
    late: timedelta = timedelta(0),
) -> CallScript:
    """One question and its answer. ``late``: how long after its own time the insert is committed."""
    born = whole_second(at)
    message_id, message, conversation = message_row(world, rng, app, caller, born)
    first = max(at, born) + late
    script = CallScript([
        RowWrite(first, "conversations", str(conversation["id"]), conversation),
        RowWrite(first, "messages", message_id, message),
    ])  # fmt: skip
    unit = UnitScript([(first, _unit(app, caller, message_id, born))])
    script.units.append(unit)
    done = first + timedelta(seconds=rng.uniform(1, 12))
    if app.mode == "agent-chat" or ending == "partial":
        _agent(world, rng, app, script, unit, message_id, first, done, ending, tokens)
    elif ending != "never":
        _finish(world, rng, app, script, unit, message_id, done, ending, tokens)
    return script


def _unit(app: FakeApp, caller: Caller, message_id: str, born: datetime) -> TrueUnit:
    model = MODELS[app.model]
    return TrueUnit(
        event_id=f"message:{message_id}", tenant_id=app.tenant_id, app_id=app.app_id, app_mode=app.mode, run_id=None,
        node_id=None, node_type=None, caller_kind=caller.kind, caller_id=caller.caller_id, provider=model.provider,
        model=model.name, input_tokens=0, output_tokens=0, total_tokens=0, cost=Decimal(0), currency="USD",
        status="running", occurred_at=born,
    )  # fmt: skip


def _used(unit: TrueUnit, app: FakeApp, tokens: tuple[int, int], cost: Decimal, status: str) -> TrueUnit:
    """The unit with what it used; a price of zero for tokens means that the price is not known."""
    total = sum(tokens)
    currency = MODELS[app.model].currency
    return replace(
        unit, input_tokens=tokens[0], output_tokens=tokens[1], total_tokens=total, status=status,
        cost=cost if cost or not total else None, currency="CNY" if currency == "RMB" else currency,
    )  # fmt: skip


def _prices(app: FakeApp) -> dict[str, object]:
    model = MODELS[app.model]
    return {
        "message_unit_price": model.input_price, "answer_unit_price": model.output_price,
        "message_price_unit": model.unit, "answer_price_unit": model.unit, "currency": model.currency,
    }  # fmt: skip


def _finish(
    world: World,
    rng: random.Random,
    app: FakeApp,
    script: CallScript,
    unit: UnitScript,
    message_id: str,
    done: datetime,
    ending: str,
    tokens: tuple[int, int],
) -> None:
    born = unit.versions[0][1]
    answer = {"answer": f"Here is {rng.choice(world.canaries)}", "updated_at": naive(done)}
    values: dict[str, object]
    if ending == "error":
        values = {"status": "error", "error": f"provider said {rng.choice(world.canaries)}", "updated_at": naive(done)}
        final = replace(born, status="failed")
    elif ending == "annotation":
        values = answer
        final = replace(born, status="succeeded")
    elif ending == "stopped" and MODELS[app.model].input_price:
        values = {**answer, **_prices(app)}
        final = replace(_used(born, app, (0, 0), Decimal(0), "stopped"))
    else:
        cost = Decimal(0) if ending == "no_price" else MODELS[app.model].cost(*tokens)
        values = {
            **answer, **_prices(app), "message_tokens": tokens[0], "answer_tokens": tokens[1],
            "total_price": None if ending == "no_price" else cost, "provider_response_latency": 2.5,
        }  # fmt: skip
        final = _used(born, app, tokens, cost, "succeeded")
    script.steps.append(RowWrite(done, "messages", message_id, values))
    unit.versions.append((done, final))
    if ending == "corrected":
        more = (tokens[0] + 7, tokens[1] + 3)
        cost, later = MODELS[app.model].cost(*more), done + _CORRECTED_AFTER
        values = {"message_tokens": more[0], "answer_tokens": more[1], "total_price": cost, "updated_at": naive(later)}
        script.steps.append(RowWrite(later, "messages", message_id, values))
        unit.versions.append((later, _used(born, app, more, cost, "succeeded")))


def _agent(
    world: World,
    rng: random.Random,
    app: FakeApp,
    script: CallScript,
    unit: UnitScript,
    message_id: str,
    first: datetime,
    done: datetime,
    ending: str,
    tokens: tuple[int, int],
) -> None:
    """Thoughts are inserted with zeros before each step and updated after it; the message gets their sum at the end."""
    model, born = MODELS[app.model], unit.versions[0][1]
    steps = rng.randint(1, 3)
    used_in = used_out = 0
    cost = Decimal(0)
    for position in range(1, steps + 1):
        start = first + (done - first) * (position - 1) / steps
        end = first + (done - first) * position / steps
        thought_id = new_id(rng)
        part = (tokens[0] // steps, tokens[1] // steps)
        script.steps.append(RowWrite(start, "message_agent_thoughts", thought_id, {
            "id": thought_id, "message_id": message_id, "position": position, "created_by_role": "account",
            "created_by": new_id(rng), "thought": f"I think of {rng.choice(world.canaries)}", "tokens": 0,
            "message_token": 0, "answer_token": 0, "created_at": naive(start),
        }))  # fmt: skip
        if ending == "never" and position == steps:
            return
        price = model.cost(*part)
        script.steps.append(RowWrite(end, "message_agent_thoughts", thought_id, {
            "tokens": sum(part), "message_token": part[0], "answer_token": part[1], "total_price": price,
            "currency": model.currency,
        }))  # fmt: skip
        used_in, used_out, cost = used_in + part[0], used_out + part[1], cost + price
        unit.versions.append((end, _used(born, app, (used_in, used_out), cost, "running")))
    if ending in ("error", "agent_error"):
        script.steps.append(RowWrite(done, "messages", message_id, {"status": "error", "error": "too many iterations"}))
        unit.versions.append((done, _used(born, app, (used_in, used_out), cost, "failed")))
        return
    noted = (part[0], part[1], price) if ending == "partial" else (used_in, used_out, cost)
    script.steps.append(RowWrite(done, "messages", message_id, {
        "answer": f"Done: {rng.choice(world.canaries)}", "message_tokens": noted[0], "answer_tokens": noted[1],
        "total_price": noted[2], "updated_at": naive(done), **_prices(app),
    }))  # fmt: skip
    unit.versions.append((done, _used(born, app, (used_in, used_out), cost, "succeeded")))
