"""Who makes the demo's calls, and what Dify notes of them."""

import random
from dataclasses import dataclass, replace

from usage_pipeline.fake_dify.world import EndUser, FakeApp, World, end_user


@dataclass(frozen=True)
class Caller:
    """One caller: Dify's words for the entry point, and the pipeline's."""

    kind: str
    caller_id: str | None
    invoke_from: str | None  # None in rows of old versions
    triggered_from: str = "app-run"
    created_from: str | None = None
    user: EndUser | None = None
    account_id: str | None = None
    account_email: str | None = None

    @property
    def role(self) -> str:
        """Dify's created_by_role."""
        return "end_user" if self.user else "account"

    @property
    def creator(self) -> str | None:
        """Dify's created_by."""
        return self.user.user_id if self.user else self.account_id


def caller_for(world: World, rng: random.Random, app: FakeApp, source: str) -> Caller:  # noqa: PLR0911  (a table)
    """Returns a caller of the app from one of its sources."""
    email = rng.choice(sorted(world.accounts))
    account = world.accounts[email]
    if source == "web":
        user = end_user(world, rng, app, "browser", f"visitor-{rng.randint(1, 30)}")
        return Caller("web_app", user.session_id, "web-app", created_from="web-app", user=user)
    if source == "mcp":
        user = end_user(world, rng, app, "mcp", "mcp-client")
        return Caller("mcp", user.session_id, "service-api", created_from="service-api", user=user)
    if source == "explore":
        return Caller("explore", email, "explore", created_from="installed-app", account_id=account)
    if source in ("debug", "single-step"):
        return Caller("debug", email, "debugger", triggered_from="debugging", account_id=account)
    if source in ("pipeline", "pipeline-debug"):
        origin = "rag-pipeline-run" if source == "pipeline" else "rag-pipeline-debugging"
        return Caller("indexing" if source == "pipeline" else "debug", email, "published", origin, account_id=account)
    if source == "schedule":
        return Caller("trigger", "schedule", "service-api", "schedule", "service-api", account_id=account,
                      account_email=email)  # fmt: skip
    if source in ("webhook", "plugin"):
        user = end_user(world, rng, app, "trigger", f"{source}-1")
        return Caller("trigger", source, "service-api", source, "service-api", user=user)
    if source == "openapi":
        user = end_user(world, rng, app, "openapi", f"partner-{rng.randint(1, 3)}")
        return Caller("openapi", user.session_id, "openapi", created_from="openapi", user=user)
    session = rng.choice([f"crm-{rng.randint(1000, 1012)}", f"user-{rng.randint(1, 25)}", "DEFAULT-USER"])
    user = end_user(world, rng, app, "service-api", session)
    return Caller("api", session, "service-api", created_from="service-api", user=user)


def nested_caller(caller: Caller, child: FakeApp) -> Caller:
    """How a workflow run as a tool sees its caller: the same user, entry point and all, as the run that calls it.

    Only where the entry point says `service-api` does the end user's app tell that this was not the child's own API.
    """
    if caller.kind not in ("api", "openapi", "trigger", "nested"):
        return caller
    if caller.user is None:
        # A schedule runs as the owner's account: only the tool node that it began in tells whose run this is.
        return replace(caller, kind="nested", caller_id=caller.account_email, triggered_from="app-run")
    kind = "nested" if caller.user.app_id != child.app_id else "api"
    return replace(caller, kind=kind, caller_id=caller.user.session_id, triggered_from="app-run")
