"""What the answer of a run rests on, in words for summary and report."""

from ._activities import ChosenDay, sentence_of
from ._run_strength import YIELD_ASSUMPTION
from ._study_tables import Study


def assumptions(study: Study, day: ChosenDay | None = None) -> list[str]:
    """What the answer rests on, in words."""
    import calibration
    import remodeling

    statuses = [row.status for row in remodeling.PARAMETERS]
    counts = ", ".join(f"{statuses.count(status)} {status}" for status in sorted(set(statuses)))
    point = (
        "its own stimulus before treatment"
        if study.mechanics.set_point == "local"
        else "the body's mean stimulus"
    )
    return [
        f"Biological parameters: {len(statuses)} in all, {counts}; each with its source in the table below.",
        _start(study),
        f"Every voxel defends {point}; the {'force' if day is None else 'forces'} of daily life "
        f"{'stays' if day is None else 'stay'} constant.",
        *_loading_assumptions(study, day),
        "Hormones act through their mean over each step; peaks between injections are averaged.",
        "The stiffness is that of the body with its cement caps where the load case has them.",
        "Baseline stiffness follows the density-modulus law; its change follows bone volume fraction to the "
        "power 2.58 and ash fraction to the power 2.74 (Hernandez 2001).",
        "Strength (Pistoia): the load at which 2 % of the bone exceeds 0.7 % effective strain; strength "
        "(Crawford): failure strain times stiffness times height. Both are linear estimates.",
        *([YIELD_ASSUMPTION] if study.mechanics.strength == "nonlinear" else []),
        "Spine DXA counts posterior elements with "
        f"{100 * calibration.POSTERIOR_SHARE:g} % of the mineral of the vertebra (cadaver vertebrae by DXA), "
        f"taken as compact bone of {calibration.POSTERIOR_DENSITY:g} g/cm3 (assumed) under the hormones of "
        "the arm and a constant load.",
        "Trabecular and integral QCT in % are what one X-ray energy would read, which takes marrow fat "
        "for missing mineral: estradiol takes it out, age adds it, and bone does not hear of it.",
        "DXA precision, marrow fat in DXA, partial volume and the scanner's blur are not simulated; "
        "densities are hydroxyapatite-equivalent.",
    ]


def _start(study: Study) -> str:
    history = study.subject.history
    if history is None:
        return (
            "Before treatment the bone is in the steady state of its measured density and hormones: "
            "untreated, nothing moves unless hormones do. Ageing is not simulated."
        )
    return (
        f"The bone has had the levels of the subject for {history.years:g} years, after a steady state at "
        "other levels; its density then is found so that the measured one is the end of those years, with a "
        "local law of density for the mechanics on the way. Untreated, it goes on as it came. Ageing is not "
        "simulated."
    )


def _loading_assumptions(study: Study, day: ChosenDay | None) -> list[str]:
    if day is None:
        return [
            f"The habitual force is {study.mechanics.habitual_force_n:g} N (assumed); it scales the maps of "
            "energy and strain and nothing else."
        ]
    return [
        f"The day is made of {'; '.join(sentence_of(activity) for activity in day.activities)}. Forces and "
        "moments are the resultants on the platens; motions of the platens without a load are held. "
        f"The exponent of the daily stress stimulus is {day.exponent:g} (Beaupre, Orr, Carter 1990).",
        "Multiplying all forces and moments by one number changes the maps of energy and strain and the "
        "share of overloaded bone, and nothing else; multiplying all cycles changes nothing.",
        *(f"Activity {activity.name}: {activity.source}" for activity in day.activities),
    ]
