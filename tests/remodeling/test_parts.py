"""A simulation part by part: the same bone, bitwise the same whether parts were known, one compilation."""

import resource

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

import fem
import remodeling
from remodeling import _simulate as module
from tests.kernel_body import body_count, body_density, body_mask, body_plan

OPTIONS = remodeling.make_options(substeps=2, solve_every=2, report_every=4, compartments=2)


class Kept:
    """Parts in memory; counts what was computed."""

    def __init__(self, known: dict[int, object] | None = None):
        self.parts = dict(known or {})
        self.computed: list[int] = []

    def load(self, index, like):
        """The part, after a look at its structure."""
        part = self.parts.get(index)
        if part is not None:
            assert jax.tree.structure(part) == jax.tree.structure(like)
            for leaf, wanted in zip(jax.tree.leaves(part), jax.tree.leaves(like), strict=True):
                assert (np.shape(leaf), np.asarray(leaf).dtype) == (wanted.shape, wanted.dtype)
        return part

    def save(self, index, part):
        """Keep it."""
        self.computed.append(index)
        self.parts[index] = part


def problem(kind: str, *, months: int = 12, max_iterations: int = 400, rtol: float = 1e-8):
    """Arguments of `simulate_checked` for a body of some voxels, and its keywords."""
    person = remodeling.make_person(sex="male", age_years=60.0, testosterone_ng_dl=200.0)
    protocol = remodeling.make_protocol(
        [remodeling.Dose("testosterone-cypionate", 100.0, every_days=7.0)], duration_days=30.0 * months
    )
    course = remodeling.hormone_course(person, protocol, steps=months, step_days=30.0)
    mechanics = (
        remodeling.make_surrogate()
        if kind == "surrogate"
        else remodeling.make_finite_element_mechanics(
            body_plan(),
            np.linspace(200.0, 900.0, body_count()),
            body_mask(),
            rtol=rtol,
            max_iterations=max_iterations,
        )
    )
    density = body_density(np.float64)
    parameters = remodeling.make_parameters()
    labels = np.arange(len(density)) % 2
    past = None
    if kind == "history":
        before = remodeling.make_hormone_levels(estradiol_pg_ml=40.0)
        years = remodeling.history_course(before, course.baseline, years=2.0, steps=24)
        past = remodeling.start_from_history(density, years, parameters, female=0.0)
    keywords = {"compartments": labels, "compact": labels, "history": past, "options": OPTIONS}
    return (density, mechanics, course, parameters), keywords


@pytest.mark.parametrize(
    "kind",
    ["surrogate", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("finite elements", "history"))],
)
def test_parts_give_the_course_of_the_single_scan(kind):
    """Same trajectory and record up to rounding."""
    arguments, keywords = problem(kind)
    whole = remodeling.simulate_checked(*arguments, **keywords)
    kept = Kept()
    parted = remodeling.simulate_checked(*arguments, **keywords, parts=kept)
    assert kept.computed == [0, 1, 2, 3]
    assert jax.tree.structure(whole) == jax.tree.structure(parted)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(parted), strict=True):
        assert_allclose(other, one, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("known", [0, 1, 3, 4])
def test_known_parts_change_no_bit(known):
    """Whatever number of parts was kept before, the result is bitwise the same and only the rest is run."""
    arguments, keywords = problem("finite elements")
    first = Kept()
    uninterrupted = remodeling.simulate_checked(*arguments, **keywords, parts=first)
    again = Kept({index: first.parts[index] for index in range(known)})
    resumed = remodeling.simulate_checked(*arguments, **keywords, parts=again)
    assert again.computed == list(range(known, 4))
    for one, other in zip(jax.tree.leaves(uninterrupted), jax.tree.leaves(resumed), strict=True):
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


@pytest.mark.slow
def test_a_longer_course_runs_the_same_program():
    """One compilation of a period, however many there are."""
    sizes = []
    for months in (8, 24):
        arguments, keywords = problem("finite elements", months=months)
        module._jitted_period.clear_cache()
        remodeling.simulate_checked(*arguments, **keywords, parts=Kept())
        sizes.append(module._jitted_period._cache_size())
    assert sizes == [1, 1]


def test_a_solve_that_fails_ends_the_simulation_at_its_period():
    """The parts before are kept, that of the failed solve is not, and the error names day and residual."""
    arguments, keywords = problem("finite elements")
    good = Kept()
    remodeling.simulate_checked(*arguments, **keywords, parts=good)
    arguments, keywords = problem("finite elements", max_iterations=1)
    kept = Kept({0: good.parts[0]})
    with pytest.raises(fem.NotConvergedError, match=r"first at day 60 with relative residual"):
        remodeling.simulate_checked(*arguments, **keywords, parts=kept)
    assert kept.computed == []


def test_a_thousand_steps_keep_memory_and_programs():
    """After the first parts neither programs nor memory grow but by the recorded rows of the tiny body."""
    arguments, keywords = problem("finite elements", months=1000)
    seen: list[tuple[int, int]] = []

    class Watched(Kept):
        """Keeps nothing, and notes the programs and the largest memory, MB, after every part."""

        def save(self, index, part):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            seen.append((module._jitted_period._cache_size(), peak))

    module._jitted_period.clear_cache()
    trajectory, _ = remodeling.simulate_checked(*arguments, **keywords, parts=Watched())
    assert len(seen) == 251
    assert np.isfinite(trajectory.density).all()
    programs, peaks = zip(*seen[50:], strict=True)
    assert set(programs) == {1}
    assert peaks[-1] - peaks[0] < 40
