"""One reference page a package: public names in the order of the files that `__init__.py` takes them from.

Docstrings of this project are plain prose with single backticks; here they become reStructuredText.
"""

import ast
import importlib
import inspect
import re
from pathlib import Path

from sphinx.util.nodes import make_refnode

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("osteon", "meshes", "fem", "remodeling", "calibration")


def public_names(package):
    """(file, name) of what `__init__.py` imports from its own files, in order."""
    tree = ast.parse((ROOT / package / "__init__.py").read_text())
    return [
        (node.module, alias.asname or alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    ]


def first_sentence(text):
    """The first paragraph on one line without its full stop."""
    return " ".join((text or "").strip().split("\n\n")[0].split()).rstrip(".")


def words_under(package, file, name):
    """The string under an assignment at the top of a file, or the comment above it."""
    source = (ROOT / package / f"{file}.py").read_text()
    body = ast.parse(source).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if not any(isinstance(target, ast.Name) and target.id == name for target in targets):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            return inspect.cleandoc(str(following.value.value))
        return ""
    return ""


def entry(package, file, name, value):
    """The directive that documents one public name."""
    if inspect.isclass(value) and issubclass(value, BaseException):
        return [f".. autoexception:: {package}.{name}", ""]
    if inspect.isclass(value):
        return [f".. autoclass:: {package}.{name}", "   :members:", ""]
    if callable(value):
        return [f".. autofunction:: {package}.{name}", ""]
    words = as_rst(words_under(package, file, name).splitlines()) or [f"A ``{type(value).__name__}``."]
    return [f".. py:data:: {package}.{name}", "", *(f"   {line}" for line in words), ""]


def page(package):
    """The text of a package's page."""
    module = importlib.import_module(package)
    lines = [package, "=" * len(package), "", *as_rst((module.__doc__ or "").strip().splitlines()), ""]
    last = None
    for file, name in public_names(package):
        if file != last:
            title = "".join(as_rst([first_sentence(importlib.import_module(f"{package}.{file}").__doc__)]))
            lines += [title, "-" * len(title), ""]
            last = file
        lines += entry(package, file, name, getattr(module, name))
    return "\n".join(lines) + "\n"


def write_pages(app):
    """Write docs/api/*.rst, each only when it has changed."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    names = "\n".join(f"   {package}" for package in PACKAGES)
    texts = {package: page(package) for package in PACKAGES}
    texts["index"] = f"Reference\n=========\n\n.. toctree::\n   :maxdepth: 2\n\n{names}\n"
    for name, text in texts.items():
        path = folder / f"{name}.rst"
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)


_CODE = re.compile(r"(``[^`]+``|`[^`]+`)")


def as_rst(lines):
    """Lines of plain prose as reStructuredText: code in single backticks, nothing else is markup."""
    made, doctest = [], False
    for line in lines:
        stripped = line.strip()
        doctest = stripped.startswith(">>>") or (doctest and bool(stripped))
        if doctest or stripped.startswith(":"):
            made.append(line)
            continue
        parts = _CODE.split(line)
        made.append("".join(_code(part) if part.startswith("`") else _plain(part) for part in parts))
    return made


def _plain(text):
    return re.sub(r"(\w)_(?=\W|$)", r"\1\\_", re.sub(r"([\\*|])", r"\\\1", text)).replace("`", "'")


def _code(text):
    inner = text.strip("`")
    package, dot, name = inner.partition(".")
    if dot and package in PACKAGES and any(name == known for _, known in public_names(package)):
        return f":py:obj:`{inner}`"
    return f"``{inner}``"


_ITEM = re.compile(r"(\w+(?:, \w+)*): ")


def with_returns(lines):
    """The section Returns as a field: several named values become a list, which napoleon does not make."""
    made, base = [], None
    for line in lines:
        text, indent = line.strip(), len(line) - len(line.lstrip())
        if text == "Returns:" and base is None:
            base = -1
            made += [" " * indent + ":returns:", ""]
            continue
        if base is not None and text and base < 0:
            base = indent
        if base is not None and base > 0 and text and indent < base:
            base = 0
        if base and base > 0:
            item = _ITEM.match(text) if indent == base else None
            line = f"   * **{item[1]}**: {text[item.end() :]}" if item else f"     {text}".rstrip()
        made.append(line)
    return made


_ATTRIBUTES: dict[str, list[str]] = {}


def before_napoleon(app, what, name, obj, options, lines):
    """Prose to reStructuredText, before napoleon reads the sections."""
    lines[:] = with_returns(as_rst(lines))
    if what == "attribute":
        _ATTRIBUTES[name] = list(lines)


def after_napoleon(app, what, name, obj, options, lines):
    """What stands under a field is prose: a colon in it does not end a type."""
    if what == "attribute":
        lines[:] = _ATTRIBUTES[name]


def resolve_private(app, env, node, contnode):
    """A type in a signature is named by the file it is defined in; its page has it under its public name."""
    target = node.get("reftarget", "")
    package, _, rest = target.partition(".")
    if node.get("refdomain") != "py" or package not in PACKAGES or not rest.startswith("_"):
        return None
    name = rest.rpartition(".")[2]
    objects = env.domains["py"].objects
    for owner in PACKAGES:
        found = objects.get(f"{owner}.{name}")
        if found is not None and owner == package:
            return make_refnode(app.builder, node["refdoc"], found.docname, found.node_id, contnode, name)
    return contnode


def setup(app):
    """Connect to Sphinx."""
    app.connect("builder-inited", write_pages, priority=100)
    app.connect("autodoc-process-docstring", before_napoleon, priority=100)
    app.connect("autodoc-process-docstring", after_napoleon, priority=900)
    app.connect("missing-reference", resolve_private)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
