"""Descent strategies of a fit, as typed objects."""

import math
from dataclasses import dataclass

import optax


@dataclass(frozen=True)
class Adam:
    """First-order descent with momentum (Kingma and Ba 2015): robust where the loss is rough or noisy."""

    learning_rate: float = 0.05
    """step in ln p per iteration at the start; 0.05 moves a parameter by at most about 5 % a step"""
    final_fraction: float = 0.01
    """learning rate at the last step over that at the first, on a cosine; momentum alone does not settle"""

    def transformation(self, steps: int) -> optax.GradientTransformationExtraArgs:
        """The optax update rule for a run of `steps` iterations."""
        schedule = optax.cosine_decay_schedule(self.learning_rate, steps, self.final_fraction)
        return optax.with_extra_args_support(optax.adam(schedule))


@dataclass(frozen=True)
class LBFGS:
    """Quasi-Newton descent with a zoom line search (Nocedal and Wright 2006, algorithms 7.5 and 3.6).

    Some twenty iterations for a smooth problem of a few dozen parameters; every iteration evaluates the
    loss and its gradient at least once more for the line search.
    """

    memory: int = 10
    """number of past steps that shape the curvature"""
    line_search_steps: int = 20
    """most evaluations of one line search"""

    def transformation(self, steps: int) -> optax.GradientTransformationExtraArgs:
        """The optax update rule; the number of iterations does not matter to it."""
        del steps
        search = optax.scale_by_zoom_linesearch(
            max_linesearch_steps=self.line_search_steps, initial_guess_strategy="one"
        )
        return optax.lbfgs(memory_size=self.memory, linesearch=search)


@dataclass(frozen=True)
class BacktrackingLBFGS:
    """Quasi-Newton descent whose line search needs the loss alone (Nocedal and Wright 2006, algorithm 3.1).

    For models whose gradient takes long to compile: it stands in one place of the program, where `LBFGS` has
    it in three. Two points between which the slope does not rise teach nothing of the curvature.
    """

    memory: int = 10
    """number of past steps that shape the curvature"""
    line_search_steps: int = 20
    """most evaluations of one line search, each of a step half as long"""

    def transformation(self, steps: int) -> optax.GradientTransformationExtraArgs:
        """The optax update rule; the number of iterations does not matter to it."""
        del steps
        search = optax.scale_by_backtracking_linesearch(
            max_backtracking_steps=self.line_search_steps, decrease_factor=0.5, increase_factor=math.inf
        )
        return optax.lbfgs(memory_size=self.memory, linesearch=search)


Optimiser = Adam | LBFGS | BacktrackingLBFGS
"""Any of the descent strategies."""
