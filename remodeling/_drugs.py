"""The registry of drugs."""

from ._drug import Drug
from ._drugs_androgens import ANDROGENS
from ._drugs_bone import BONE
from ._drugs_estrogens import ESTROGENS, PROGESTOGENS
from ._drugs_growth import GROWTH
from ._drugs_metabolic import METABOLIC
from ._drugs_pituitary import AROMATASE_INHIBITORS, GONADOTROPIC

DRUGS: dict[str, Drug] = {
    drug.name: drug
    for drug in (
        *ANDROGENS,
        *ESTROGENS,
        *PROGESTOGENS,
        *AROMATASE_INHIBITORS,
        *GONADOTROPIC,
        *GROWTH,
        *METABOLIC,
        *BONE,
    )
}
"""The drugs by name."""
