"""The tables of an evaluation of people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from affekt.evaluation.groups import GroupFigures
from affekt.evaluation.metrics.weighing import mean_over_labels
from affekt.evaluation.tables import Table, interval_text, number_text
from affekt.labels import VAD

if TYPE_CHECKING:
    from affekt.evaluation.people_report import ContextEvaluation

SINGLE_FIGURES = {
    "map": ("mAP (%)", 100, 1),
    "map_official": ("mAP, official code's (%)", 100, 1),
    "jaccard": ("Jaccard index", 1, 3),
    "f1": ("F1, mean over categories", 1, 3),
    "ece": ("expected calibration error", 1, 3),
    "ece_mean": ("calibration error, mean over categories", 1, 3),
}
"""Title, factor and digits of each figure that is one number."""


def evaluation_tables(evaluation: ContextEvaluation) -> list[Table]:
    """Single figures, VAD, categories, and groups where there are any."""
    tables = [figures_table(evaluation), vad_table(evaluation), categories_table(evaluation)]
    return [*tables, groups_table(evaluation.groups)] if evaluation.groups else tables


def figures_table(evaluation: ContextEvaluation) -> Table:
    """The single figures beside their floors."""
    floors, rows = evaluation.floors, []
    geometry = floors.geometry.single if floors.geometry else {}
    chance = {"map": float(mean_over_labels(floors.chance))}
    for name, (title, *scale) in SINGLE_FIGURES.items():
        floor = geometry[name].value if name in geometry and name.startswith("map") else None
        rows.append([
            title,
            interval_text(evaluation.figures.single[name], *scale),
            number_text(chance.get(name), *scale),
            number_text(floor, *scale),
        ])  # fmt: skip
    return Table(["figure", "value (95% interval)", "chance", "geometry only"], rows)


def vad_table(evaluation: ContextEvaluation) -> Table:
    """Errors and concordance per dimension beside their floors."""
    floors, rows = evaluation.floors, []
    for i, name in enumerate(VAD):
        constant = None if floors.constant_vad is None else float(floors.constant_vad[i])
        geometry = None if floors.geometry is None else floors.geometry.vad["mae"][i].value
        rows.append([
            name,
            interval_text(evaluation.figures.vad["mae"][i], 1, 2),
            number_text(constant, 1, 2),
            number_text(geometry, 1, 2),
            interval_text(evaluation.figures.vad["ccc"][i], 1, 2),
        ])  # fmt: skip
    return Table(["dimension", "mean absolute error", "constant", "geometry only", "CCC"], rows)


def categories_table(evaluation: ContextEvaluation) -> Table:
    """Every category's figures beside their floors."""
    figures, floors, rows = evaluation.figures.per_category, evaluation.floors, []
    geometry = floors.geometry.per_category["ap"] if floors.geometry else None
    for i, label in enumerate(evaluation.predictions.labels):
        rows.append([
            label,
            str(evaluation.support[i]),
            interval_text(figures["ap"][i], 100, 1),
            number_text(float(floors.chance[i]), 100, 1),
            number_text(None if geometry is None else geometry[i].value, 100, 1),
            number_text(figures["ap_official"][i].value, 100, 1),
            number_text(figures["f1"][i].value, 1, 2),
            number_text(figures["ece"][i].value, 1, 3),
        ])  # fmt: skip
    titles = "category,persons,AP (%),chance,geometry only,official AP (%),F1,calibration error"
    return Table(titles.split(","), rows)


def groups_table(groups: Sequence[GroupFigures]) -> Table:
    """Figures by group."""
    rows = [
        [
            group.attribute,
            group.value,
            str(group.n),
            f"{interval_text(group.figures['map'], 100, 1)} over {group.categories}",
            interval_text(group.figures["above_chance"], 100, 1),
            interval_text(group.figures["jaccard"], 1, 3),
            interval_text(group.figures["vad_mae"], 1, 2),
        ]
        for group in groups
    ]
    titles = [
        "by",
        "group",
        "persons",
        "mAP (%)",
        "mAP above chance (%)",
        "Jaccard index",
        "VAD error",
    ]
    return Table(titles, rows)
