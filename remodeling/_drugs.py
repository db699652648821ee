"""The registry of drugs."""

from ._drug import Drug
from ._drugs_androgens import ANDROGENS
from ._drugs_pituitary import AROMATASE_INHIBITORS, GONADOTROPIC

DRUGS: dict[str, Drug] = {drug.name: drug for drug in (*ANDROGENS, *AROMATASE_INHIBITORS, *GONADOTROPIC)}
"""The drugs by name."""
