"""Tables of docs/trials.md, from the trials that come with the package."""

import calibration as c


def group_table() -> str:
    """Every group: role, what it did for the defaults, papers, number of observations, reason."""
    trials = c.read_trials()
    lines = [
        "| group | role | defaults | papers | observations | reason |",
        "|---|---|---|---|---|---|",
    ]
    for group in trials.groups.values():
        arms = [arm for arm in trials.arms.values() if arm.group == group.name]
        papers = "; ".join(dict.fromkeys(arm.citation for arm in arms))
        count = sum(trials.arms[o.arm].group == group.name for o in trials.observations)
        lines.append(
            f"| {group.name} | {group.role} | {group.defaults} | {papers} | {count} | {group.reason} |"
        )
    return "\n".join(lines)


def arm_table() -> str:
    """Every arm: what was given, to how many, what stands for it in the model, number of observations."""
    trials = c.read_trials()
    lines = ["| arm | treatment | persons | levels on treatment | observations |", "|---|---|---|---|---|"]
    for arm in trials.arms.values():
        count = sum(o.arm == arm.name for o in trials.observations)
        load = "" if arm.load_factor == 1.0 else f", load {arm.load_factor:g}"
        lines.append(
            f"| {arm.name} | {arm.treatment} | {arm.persons} {arm.persons_source} | "
            f"{arm.levels_source or 'cannot be told to the model'}{load} | {count} |"
        )
    return "\n".join(lines)


def observable_table() -> str:
    """Every observable with the numbers that an assumed standard error is made of."""
    lines = ["| observable | meaning | p, % | s, % |", "|---|---|---|---|"]
    for name, known in c.OBSERVABLES.items():
        spread = "40 % of the level" if known.spread is None else f"{known.spread:g}"
        precision = "" if known.spread is None else f"{known.precision:g}"
        lines.append(f"| {name} | {known.meaning} | {precision} | {spread} |")
    return "\n".join(lines)
