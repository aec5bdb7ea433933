"""Draws the last 60 days as a small PNG, for Dagster's metadata and for mail."""

import base64
from io import BytesIO

from usage_pipeline.reports.document import Report
from usage_pipeline.settings.extras import need

_INCHES = (6.4, 1.9)
_DOTS = 110
_BAR, _OTHER = "#2f6fb2", "#a9c6e4"


def trend_png(report: Report) -> bytes:
    """Returns a bar a day, the report's own days darker; in the report's currency. Only digits: no font lacks them.

    Raises MissingExtraError without the extra `pictures`.
    """
    need("matplotlib", "pictures", "the picture of the trend").use("agg")
    from matplotlib.figure import Figure  # noqa: PLC0415  (slow to import, and an extra)

    figure = Figure(figsize=_INCHES, dpi=_DOTS, layout="constrained")
    axes = figure.subplots()
    shown = report.edition.period
    days = [day.usage_date for day in report.trend]
    costs = [float(day.base_cost) for day in report.trend]
    colours = [_BAR if shown.first <= day <= shown.last else _OTHER for day in days]
    axes.bar([day.isoformat()[5:] for day in days], costs, color=colours)
    axes.set_xticks([0, len(days) // 2, len(days) - 1])
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(labelsize=8, length=0)
    axes.set_ylabel(report.currency, fontsize=8)
    file = BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def as_markdown(png: bytes, description: str) -> str:
    """Returns the picture as Markdown with a data URI: nothing is fetched."""
    return f"![{description}](data:image/png;base64,{base64.b64encode(png).decode()})"
