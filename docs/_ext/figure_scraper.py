"""Pictures of an example: every matplotlib figure that a cell binds to a name."""

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

_SHOWN: set[int] = set()


def new_figures(block, block_vars, gallery_conf):
    """Save figures that were not there before this cell; the reStructuredText that shows them."""
    names = []
    for value in block_vars["example_globals"].values():
        if isinstance(value, Figure) and id(value) not in _SHOWN:
            _SHOWN.add(id(value))
            names.append(next(block_vars["image_path_iterator"]))
            value.savefig(names[-1], dpi=110)
    return figure_rst(names, gallery_conf["src_dir"])
