"""The Celery app of a cluster's workers, and the executor that hands steps to them where CELERY_BROKER_URL is set.

A worker: `celery --app usage_pipeline.defs.celery_worker worker --queues dagster --include usage_pipeline.definitions
--concurrency 1`. What is included is imported before the first step is there.
"""

import os
from typing import Any

import dagster as dg

from usage_pipeline import inputs
from usage_pipeline.settings.environment import variable
from usage_pipeline.settings.extras import need

_BROKER = "CELERY_BROKER_URL"
# A step that a worker has not ended by then is given to another: the machine of the first may be gone.
_AGAIN, _REDELIVERED_AFTER_S = "CELERY_REDELIVERED_AFTER_SECONDS", "1800"


def spread() -> dg.ExecutorDefinition:
    """Returns what executes the steps of a job that may be spread: Celery where there is a broker, else one process.

    Raises MissingExtraError where a broker is named and the extra is not installed.
    """
    if not variable(_BROKER):
        return dg.in_process_executor
    executor = need("dagster_celery", "celery", _BROKER).celery_executor
    # As a function: the URL, which may hold a password, is looked up when a run begins, and stands in no run.
    configured: dg.ExecutorDefinition = executor.configured(configuration, config_schema={}, name="celery")
    return configured


def configuration(_given: object = None) -> dict[str, Any]:
    """Returns what run and workers ask of Celery. Raises InputError where the seconds are no number."""
    again = int(inputs.number(_AGAIN, os.environ.get(_AGAIN) or _REDELIVERED_AFTER_S, example="1800"))
    return {
        "broker": variable(_BROKER),
        "backend": variable(_BROKER),
        "config_source": {
            # A step is taken from the queue when it is done: of a worker that dies, another one gets it.
            "task_acks_late": True,
            "task_reject_on_worker_lost": True,
            "worker_prefetch_multiplier": 1,
            "broker_connection_retry_on_startup": True,
            "broker_transport_options": {
                "visibility_timeout": again,
                # How often a worker looks for what another has left.
                "unacked_restore_interval": 10,
                "unacked_restore_throttle": 1,
            },
        },
    }


def _app() -> Any:
    celery = need("dagster_celery.executor", "celery", "a worker")
    made = need("dagster_celery.make_app", "celery", "a worker").make_app(
        celery.CeleryExecutor.for_cli(**configuration()).app_args()
    )
    need("dagster_celery.tasks", "celery", "a worker").create_task(made)
    return made


def __getattr__(name: str) -> Any:
    """`celery --app` asks for the app; who only asks for the executor needs none."""
    if name in {"app", "celery"}:
        return _app()
    raise AttributeError(name)
