"""Tetrahedra inside a closed surface, by fTetWild through the optional package wildmeshing."""

import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ._mesh import UnstructuredMesh, make_mesh
from ._mesh_build import boundary_faces, with_box_sets
from ._surface import require_closed

# The mesher prints on the standard output of its process and leaves a file in its working directory, so it
# gets a process and a directory of its own.
_SCRIPT = """
import numpy as np, wildmeshing
given = np.load("surface.npz", allow_pickle=False)
mesher = wildmeshing.Tetrahedralizer(
    epsilon=float(given["epsilon"]), edge_length_r=float(given["edge"]), coarsen=True, max_threads=1
)
mesher.set_log_level(6)
mesher.set_mesh(given["points"], given["triangles"])
mesher.tetrahedralize()
points, cells, *_ = mesher.get_tet_mesh(correct_surface_orientation=True, manifold_surface=True)
np.savez("mesh.npz", points=np.asarray(points, float), cells=np.asarray(cells, np.int64))
"""


def tetrahedralize(
    points: ArrayLike,
    triangles: ArrayLike,
    edge_mm: float,
    *,
    tolerance_mm: float | None = None,
    flat_ends: bool = False,
) -> UnstructuredMesh:
    """Mesh of tet4 inside a closed surface.

    Args:
      points: mm, shape (nn, 3).
      triangles: closed, normals outward, shape (nt, 3).
      edge_mm: wanted length of edges, mm.
      tolerance_mm: how far the surface of the mesh may lie from the triangles; a fiftieth of `edge_mm` if
        left out.
      flat_ends: move nodes of the surface that lie within the tolerance of the lowest and the highest z onto
        these planes, as for a surface of `cut_surface`.

    Returns:
      Mesh with node and face sets "x-" to "z+" of the planes of its bounding box, and "surface" of all faces.

    Raises:
      ModuleNotFoundError: wildmeshing is not installed.
      ValueError: the surface is open, a length is not positive, the mesher failed or left no tetrahedron.

    Two runs need not give the same mesh: keep the file (write_mesh) where a result must be repeatable.

    Reference: Hu, Schneider, Wang, Zorin, Panozzo 2020, ACM Trans. Graph. 39(4):117 (fTetWild, MPL-2.0).
    """
    if find_spec("wildmeshing") is None:
        raise ModuleNotFoundError(
            "`tetrahedralize` needs the package wildmeshing: pip install 'osteon[mesher]', or mesh the "
            "surface with another program and read the file with read_mesh."
        )
    place, faces = np.asarray(points, float), np.asarray(triangles)
    require_closed(faces)
    tolerance = edge_mm / 50.0 if tolerance_mm is None else tolerance_mm
    for name, length in (("edge_mm", edge_mm), ("tolerance_mm", tolerance)):
        if not (np.isfinite(length) and length > 0):
            raise ValueError(f"`{name}` must be positive, mm; got {length}.")
    diagonal = float(np.linalg.norm(np.ptp(place, axis=0)))
    nodes, cells = _run_mesher(place, faces, tolerance / diagonal, edge_mm / diagonal)
    if len(cells) == 0:
        raise ValueError(f"`edge_mm` of {edge_mm:g} left no tetrahedron inside the surface; make it smaller.")
    used, inverse = np.unique(cells, return_inverse=True)
    mesh = make_mesh(nodes[used], {"tet4": inverse.reshape(cells.shape)})
    where, cells = np.array(mesh.points), mesh.cells["tet4"]
    if flat_ends:
        outer = np.unique(boundary_faces(mesh)["tri3"])
        for plane in (place[:, 2].min(), place[:, 2].max()):
            near = outer[np.abs(where[outer, 2] - plane) <= 1.5 * tolerance]
            where[near, 2] = plane
            # a sliver whose four nodes are moved onto the plane has nothing left inside
            cells = cells[~(where[cells, 2] == plane).all(axis=1)]
    used, inverse = np.unique(cells, return_inverse=True)
    mesh = make_mesh(where[used], {"tet4": inverse.reshape(cells.shape)})
    return with_box_sets(replace(mesh, face_sets={"surface": boundary_faces(mesh)}))


def _run_mesher(points, triangles, epsilon, edge):
    """Nodes (nn, 3) and tetrahedra (ne, 4) of fTetWild; lengths relative to the diagonal of the box."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        np.savez(
            place / "surface.npz",
            points=points,
            triangles=triangles.astype(np.int32),
            epsilon=np.float64(epsilon),
            edge=np.float64(edge),
        )
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            last = " ".join(done.stderr.split()[-30:]) or "it gave no reason"
            raise ValueError(f"the mesher failed with exit code {done.returncode}: {last}")
        with np.load(place / "mesh.npz", allow_pickle=False) as result:
            return result["points"], result["cells"]
