"""Writes how an installation stands in Prometheus' text format, for node_exporter's textfile collector."""

from collections.abc import Iterator, Mapping

from usage_pipeline.commands.status_facts import Status

Labels = Mapping[str, str]


def exposition(status: Status) -> str:
    """Returns the text: what is not known has no sample, so that an alert on its absence can be raised."""
    lines: list[str] = []
    for name, says, samples in _metrics(status):
        found = [(labels, value) for labels, value in samples if value is not None]
        if found:
            lines += [f"# HELP usage_pipeline_{name} {says}", f"# TYPE usage_pipeline_{name} gauge"]
            lines += [f"usage_pipeline_{name}{_written(labels)} {float(value)!r}" for labels, value in found]
    return "\n".join(lines) + "\n"


def _metrics(status: Status) -> Iterator[tuple[str, str, list[tuple[Labels, float | None]]]]:
    last, alerts, disk = status.last_pass, status.alerts, status.disk
    yield "info", "Versions; always 1.", [({_label(name): text for name, text in status.versions.items()}, 1)]
    yield "ok", "1 when status finds no problem.", [({}, not status.problems)]
    yield "ui_up", "1 when `up` runs and its UI answers.", [({}, status.up is not None and status.up.answers)]
    yield "last_pass_timestamp_seconds", "Unix time at which the last pass ended.", [
        ({}, last.finished_at.timestamp() if last else None)
    ]  # fmt: skip
    yield "last_pass_ok", "1 when every step of the last pass held.", [({}, last.ok if last else None)]
    yield "source_lag_seconds", "Age of the moment up to which a source was read.", [
        ({"source": name}, lag) for name, lag in status.lags.items()
    ]  # fmt: skip
    yield "source_fresh", "1 when a source was read to its end lately, or is read for the first time.", [
        ({"source": source.source}, source.fresh or source.beginning) for source in status.sources
    ]  # fmt: skip
    yield "deliveries_waiting", "Messages that wait for more than five minutes.", [
        ({}, alerts.waiting if alerts else None)
    ]  # fmt: skip
    yield "deliveries_failed", "Messages that failed and that nobody acknowledged.", [
        ({}, alerts.failed if alerts else None)
    ]  # fmt: skip
    yield "disk_free_bytes", "Free where the data lie.", [({}, disk.free_bytes if disk else None)]
    yield "warehouse_bytes", "Size of the warehouse.", [({}, disk.warehouse_bytes if disk else None)]


def _label(name: str) -> str:
    return name.lower().replace(" ", "_").replace("-", "_")


def _written(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
