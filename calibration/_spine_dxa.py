"""Antero-posterior DXA of the lumbar spine, in which half of the mineral lies behind the vertebral body."""

import jax

POSTERIOR_SHARE = 0.47
"""Share of the posterior elements in the mineral of a lumbar vertebra seen from the front: 47 % in 34 cadaver
vertebrae, 61 to 88 years, by DXA before and after their removal ("Dual-energy X-ray absorptiometry of lumbar
vertebrae: relative contribution of body and posterior elements", abstract); 50 % in young men, 53 % in young
women by QCT (Lee et al. 2009, abstract)."""
POSTERIOR_DENSITY = 0.8
"""Density of the compact bone that stands for the posterior elements, g/cm3 (assumed). The relative change of
compact bone hardly depends on it; denser, and what the years before took from it would not have had room."""


def spine_dxa_percent(
    body_mineral: jax.Array,
    posterior_density: jax.Array,
    *,
    posterior_share: jax.Array | float = POSTERIOR_SHARE,
) -> jax.Array:
    """Areal density of a vertebra with its posterior elements, percent of the first time.

        100 [(1 - p) B(t) / B(0) + p R(t) / R(0)]

    The projected area does not change, so areal density follows the mineral. The posterior elements (arch,
    processes) are taken as compact bone of one density; their own trabecular bone and load are not modeled.

    Args:
      body_mineral: mineral of the vertebral body, any unit, (times,).
      posterior_density: density of the bone that stands for the posterior elements, any unit, (times,).
      posterior_share: share p of the posterior elements in the mineral at the first time, 0 to 1.

    Returns:
      percent, 100 at the first time, (times,).
    """
    body = body_mineral / body_mineral[0]
    rear = posterior_density / posterior_density[0]
    return 100.0 * ((1.0 - posterior_share) * body + posterior_share * rear)
