"""Which models to average, and what each of them adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.arrays import FloatArray, IntArray
from affekt.evaluation.ensembles.candidates import Candidate, learned_from, unseen
from affekt.evaluation.ensembles.report import Addition, EnsembleReport, Judged, Member
from affekt.evaluation.figures import FIGURES, MAIN, Figure, measure
from affekt.evaluation.fitting.selection import (
    Selection,
    held_out_score,
    mean_of_members,
    scores_alone,
    scores_without,
    select_members,
)
from affekt.evaluation.predictions import Output, Predictions
from affekt.heads import Kind


def judge_candidates(
    candidates: Sequence[Candidate],
    said: Sequence[Predictions],
    *,
    name: str,
    data: str,
    select: bool,
) -> EnsembleReport:
    """Chooses the weights, and says what each candidate adds.

    Args:
        candidates: m of them, of any kind.
        said: by each, of the same rows in the same order, with the same heads.
        name: of the ensemble, for the report.
        data: name of the data, for the report.
        select: by `select_members`; else all weigh the same.

    Raises:
        DataError: no row has any label, or training has seen them all.
    """
    kept = unseen(said)
    first, judge = kept[0], _judge(kept)
    errors = _judge_of_errors(kept)
    equal = (1 / len(candidates),) * len(candidates)
    chosen = Selection(equal, ())
    if select:
        chosen = select_members(judge.predicted, judge.output.truth, judge.metric)
    return EnsembleReport(
        model=name,
        data=data,
        split=first.split,
        noun=first.noun,
        n=len(first),
        unit=first.unit,
        units=int(first.unit_of.max()) + 1,
        labels=len(judge.output.labels),
        present=int((judge.output.support > 0).sum()),
        leaked=said[0].seen,
        skipped=first.skipped,
        selected=select,
        chosen_by=judge.judged,
        score=judge.together(chosen.weights),
        equal=judge.together(equal),
        held_out=judge.held_out(first.unit_of) if select else None,
        error_of=errors.judged if errors else None,
        error=errors.together(chosen.weights) if errors else None,
        members=_members(candidates, chosen, judge, errors),
        steps=tuple(Addition(candidates[s.candidate].name, s.score) for s in chosen.steps),
        learned=tuple(c.name for c in candidates if learned_from(c.bundle, first.split)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """One figure of one head of m candidates.

    Attributes:
        figure: which.
        output: the head's, of any of them; its truth is that of all.
        predicted: shape (m, n, k).
    """

    figure: Figure
    head: str
    output: Output
    predicted: FloatArray

    @property
    def judged(self) -> Judged:
        title = self.figure.title.format(head=self.output.title)
        key = (self.figure.key or self.figure.name).format(head=self.head)
        return Judged(key, self.output.kind, title, self.figure.scale, self.output.range)

    def metric(self, truth: npt.NDArray[Any], predicted: FloatArray) -> float:
        """The figure of predictions (n, k)."""
        output = replace(self.output, truth=truth, predicted=predicted)
        name = (self.head, self.figure.name)
        return float(measure({self.head: output}, [name], np.ones((1, len(truth))))[name][0])

    def alone(self, place: int) -> float:
        """Of one candidate."""
        return self.metric(self.output.truth, self.predicted[place])

    def together(self, weights: Sequence[float]) -> float:
        """Of the weighted mean."""
        return self.metric(self.output.truth, mean_of_members(self.predicted, weights))

    def held_out(self, units: IntArray) -> float:
        """With weights chosen without each row's unit."""
        return held_out_score(self.predicted, self.output.truth, self.metric, units.tolist())


def _judge(said: Sequence[Predictions]) -> _Judge:
    """By the main figure of the first head that classifies, or of the first at all."""
    heads = sorted(said[0].outputs.items(), key=lambda pair: pair[1].kind is Kind.DIMENSIONAL)
    head, output = heads[0]
    return _judge_by(MAIN[output.kind], head, said)


def _judge_of_errors(said: Sequence[Predictions]) -> _Judge | None:
    """By the error of the first dimensional head; None without one."""
    heads = [*said[0].heads(Kind.DIMENSIONAL)]
    return _judge_by("mean_mae", heads[0], said) if heads else None


def _judge_by(name: str, head: str, said: Sequence[Predictions]) -> _Judge:
    output = said[0].outputs[head]
    predicted = np.stack([own.outputs[head].predicted for own in said])
    return _Judge(FIGURES[output.kind][name], head, output, predicted)


def _members(
    candidates: Sequence[Candidate], chosen: Selection, judge: _Judge, errors: _Judge | None
) -> tuple[Member, ...]:
    given = (judge.predicted, judge.output.truth, judge.metric)
    alone, without = scores_alone(*given), scores_without(*given, chosen.weights)
    return tuple(
        Member(
            name=candidate.name,
            folder=str(candidate.bundle.folder),
            mirrored=candidate.mirrored,
            weight=chosen.weights[place],
            alone=alone[place],
            without=without[place],
            error=errors.alone(place) if errors else None,
        )
        for place, candidate in enumerate(candidates)
    )
