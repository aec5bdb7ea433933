"""Action `lock`: pauses every app that spends in a locked value, until the value is unlocked."""

from usage_pipeline.enforcement.base import ActionKind
from usage_pipeline.enforcement.pause_app import NOT_STOPPED, configured_pause

LOCK = ActionKind("lock", NOT_STOPPED, of_locks=True, configured=configured_pause)
