"""Pictures of a cohort: how people respond, and the power of the trial."""

from typing import Any

import numpy as np

from ._cohort_answers import CohortAnswers, noise_sd
from ._cohort_model import CohortModel, Outcomes
from ._cohort_names import ENDPOINTS
from ._figures import PALETTE, arm_style, new_figure
from ._quantities import select

_PLACES = 201


def response_figure(model: CohortModel, outcomes: Outcomes, answers: CohortAnswers) -> Any:
    """The endpoint over the months with the middle 90 % of people, and what is measured at its month."""
    figure, axes = new_figure(11.0, 4.4, 1, 2)
    courses, spread = axes[0]
    label, month = ENDPOINTS[model.settings.endpoint].label, model.cohort.months
    change = outcomes.change[:, :, list(ENDPOINTS).index(model.settings.endpoint)]
    # Without any error the curve still needs a width to be one.
    width = max(noise_sd(model.settings), 0.02 * float(np.ptp(change)), 1e-3)
    places = np.linspace(change.min() - 3 * width, change.max() + 3 * width, _PLACES)
    for column, arm in enumerate(model.arms):
        style = arm_style(column)
        rows = select(answers.courses, arm=arm)
        months = [row["month"] for row in rows]
        courses.plot(months, [row["mean_change"] for row in rows], label=arm, **style)
        ends = ([row[end] for row in rows] for end in ("p5", "p95"))
        courses.fill_between(months, *ends, color=style["color"], alpha=0.18, linewidth=0)
        away = (places[:, None] - change[:, column]) / width
        density = np.exp(-0.5 * away**2).mean(axis=1) / (width * np.sqrt(2 * np.pi))
        spread.plot(places, 100 * density, **style)
    courses.set_xlabel("months")
    courses.set_ylabel(f"change of {label}, %")
    courses.set_title("True course: mean and the middle 90 % of people", fontsize=10)
    spread.set_xlabel(f"change of {label} at {month} months as measured, %")
    spread.set_ylim(bottom=0)
    spread.set_ylabel("people in a change of 1 %, %")
    spread.set_title("Measured: with error and changes from other causes", fontsize=10)
    _finish(figure, axes[0], columns=3)
    return figure


def power_figure(model: CohortModel, answers: CohortAnswers) -> Any:
    """Power over persons in an arm: by the t distribution, of simulated trials, and the assurance."""
    arms = [row["arm"] for row in answers.summary["results"]]
    figure, axes = new_figure(5.2 * len(arms) + 0.6, 4.4, 1, len(arms))
    for panel, arm in zip(axes[0], arms, strict=True):
        rows = [row for row in answers.power if row["arm"] == arm]
        rows.sort(key=lambda row: row["persons"])
        persons = [row["persons"] for row in rows]
        panel.plot(persons, [row["power"] for row in rows], color=PALETTE[1], label="power, t test")
        panel.errorbar(
            persons,
            [row["power_simulated"] for row in rows],
            yerr=[1.96 * row["power_simulated_se"] for row in rows],
            fmt="o",
            color=PALETTE[7],
            markersize=4,
            label=f"{model.settings.trials} simulated trials, 95 %",
        )
        panel.plot(
            persons,
            [row["assurance"] for row in rows],
            "--",
            color=PALETTE[2],
            label="assurance, mean effect not known",
        )
        for wanted in (0.8, 0.9):
            panel.axhline(wanted, color="0.75", linewidth=0.8, zorder=0)
        panel.set_xscale("log")
        panel.set_xticks(persons, [str(count) for count in persons], rotation=45)
        panel.minorticks_off()
        panel.set_ylim(0, 1.02)
        panel.set_xlabel("persons who start in each arm")
        panel.set_ylabel("chance that the trial finds a difference")
        panel.set_title(f"{arm}\nagainst {model.settings.reference}", fontsize=10)
    _finish(figure, axes[0], columns=1)
    return figure


def _finish(figure: Any, panels: Any, *, columns: int) -> None:
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), columns), frameon=False)
