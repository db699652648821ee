"""Where bone comes from: images, density, synthetic bone, and files for other programs."""

from ._components import components as components
from ._components import kept_share as kept_share
from ._components import largest_component as largest_component
from ._image import DENSITY_TYPES as DENSITY_TYPES
from ._image import QUANTITIES as QUANTITIES
from ._image import Image as Image
from ._image import affine_of as affine_of
from ._image import make_image as make_image
from ._image import require_same_grid as require_same_grid
from ._nifti import write_nifti as write_nifti
from ._orient import onto_source as onto_source
from ._orient import to_ras as to_ras
from ._read import read_image as read_image
from ._read import read_labels as read_labels
from ._read import read_mask as read_mask
