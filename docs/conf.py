"""Settings of the documentation: guides in Markdown, reference from the docstrings, examples that are run."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_ext")]

project = "osteon"
author = "The osteon founders"
copyright = "The osteon founders; Apache-2.0"
release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
    "api_pages",
]
exclude_patterns = ["_build", "_ext", "_static", "auto_examples/*.ipynb", "auto_examples/*.py"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}

myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
napoleon_use_rtype = False
napoleon_use_ivar = True
add_module_names = False

# Every link inside the project must lead somewhere; names of other projects are plain text, as building needs
# no network.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(?!(meshes|fem|remodeling|calibration|osteon)\.).*"),
]
linkcheck_timeout = 20
linkcheck_workers = 4
linkcheck_anchors = False

html_theme = "furo"
html_title = f"osteon {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_sphinx = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples"),
    "gallery_dirs": "auto_examples",
    # the other scripts take files or extras that building the documentation does without
    "ignore_pattern": r"(l3_unstructured|mesh_solve)\.py$",
    "filename_pattern": r"/(vertebra|therapy|gradient)\.py$",
    "image_scrapers": ("figure_scraper.new_figures",),
    "capture_repr": ("_repr_html_",),
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 0,
    "abort_on_example_error": True,
    "write_computation_times": False,
}
