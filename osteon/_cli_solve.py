"""Options of `osteon solve`."""

import argparse
from pathlib import Path

from ._cli_options import add_cache, add_command, add_memory, add_output


def add_solve(commands: argparse._SubParsersAction) -> None:
    """The parser of `osteon solve`."""
    solve = add_command(
        commands,
        "solve",
        "one image, one load, one table row",
        """
A binary micro-CT mask ([x, y, z], loaded along z), a calibrated density image with a label mask
(--mask, --label, --law), or a mesh of tetrahedra or hexahedra (.vtu, .vtk, .inp, .msh). Load cases and
their sizes: docs/loads.md.
""",
        """
osteon solve mask.npz --voxel-mm 0.039 --modulus-mpa 10000 --load axial --strain -0.01
osteon solve mask.npz --voxel-mm 0.039 --load stiffness-kubc --json
osteon solve density.nii.gz --mask labels.nii.gz --label 22 --law kopperdahl-2002 --density-type k2hpo4
""",
    )
    solve.add_argument(
        "image", type=Path, metavar="IMAGE", help="image file, folder of slices or mesh (docs/inputs.md)"
    )
    solve.add_argument("--out", type=Path, metavar="FOLDER", help="new folder for summary.json, log and maps")
    solve.add_argument("--assume-units", choices=("mm",), help="unit of files that state none (else refused)")
    solve.add_argument(
        "--resample-mask", action="store_true", help="bring a mask on another grid onto that of the image"
    )
    solve.add_argument(
        "--maps", action="store_true", help="also write VTU and VTI (or NIfTI) maps; needs --out"
    )
    solve.add_argument(
        "--export",
        action="append",
        default=[],
        choices=("inp", "parosol"),
        metavar="FORMAT",
        help="also write the model for another program: inp (Abaqus, CalculiX) or parosol (HDF5, GPa); "
        "repeatable, needs --out",
    )
    solve.add_argument(
        "--bins", type=int, default=256, help="largest number of materials of --export inp (default 256)"
    )
    bone = solve.add_argument_group("binary mask")
    bone.add_argument("--voxel-mm", type=float, help="voxel edge, mm (read from the file where it says)")
    bone.add_argument(
        "--morphometry",
        action="store_true",
        help="also BV/TV, Tb.Th, Tb.Sp, Conn.D, BS/TV of the mask in summary.json (5 s for 100^3 voxels, "
        "over a minute for 200^3); needs --out",
    )
    bone.add_argument("--modulus-mpa", type=float, help="Young's modulus of bone tissue, MPa (default 10000)")
    density = solve.add_argument_group("calibrated density image")
    density.add_argument("--mask", type=Path, help="label image on the same grid")
    density.add_argument("--label", type=int, help="label of the bone in --mask (default 1)")
    density.add_argument("--law", help="density-modulus law, e.g. kopperdahl-2002")
    density.add_argument(
        "--density-type",
        choices=("ha", "k2hpo4", "ash", "apparent"),
        help="what the density is the equivalent of",
    )
    density.add_argument(
        "--axis",
        choices=("endplates", "image"),
        help="axis that is loaded: from endplate to endplate of a vertebral body (default of loads through "
        "cement), or z of the image (default of all others)",
    )
    mesh = solve.add_argument_group("unstructured mesh")
    mesh.add_argument("--scale-mm", type=float, help="mm per unit of the file: 1 for mm, 1000 for m")
    mesh.add_argument("--modulus-field", metavar="NAME", help="field of the elements with their modulus, MPa")
    load = solve.add_argument_group("load")
    load.add_argument("--poisson", type=float, default=0.3, help="Poisson ratio (default 0.3)")
    load.add_argument(
        "--load",
        default="axial",
        help="load case (default axial); stiffness-kubc and stiffness-periodic give the 6 x 6 stiffness",
    )
    load.add_argument("--strain", type=float, help="apparent strain, compression negative (default -0.01)")
    load.add_argument(
        "--displacement-mm", type=float, help="displacement of the top face, mm, instead of a strain"
    )
    load.add_argument(
        "--angle-deg", type=float, help="angle between the platens, degrees (bending, torsion; default 1)"
    )
    load.add_argument(
        "--force-n", type=float, nargs=3, metavar=("X", "Y", "Z"), help="force on the top face, N (force)"
    )
    load.add_argument("--pressure-mpa", type=float, help="pressure on the top face, MPa (pressure)")
    load.add_argument(
        "--strain-tensor",
        type=float,
        nargs=6,
        metavar=("XX", "YY", "ZZ", "YZ", "XZ", "XY"),
        help="macroscopic strain, engineering shear (kinematic-uniform, periodic)",
    )
    load.add_argument(
        "--cap-thickness-mm", type=float, default=3.0, help="least cap thickness (load pmma-axial)"
    )
    load.add_argument(
        "--rtol", type=float, default=1e-6, help="relative true residual to reach (default 1e-6)"
    )
    load.add_argument("--max-iterations", type=int, default=1000, help="give up after so many (default 1000)")
    strength = solve.add_argument_group("strength")
    strength.add_argument(
        "--strength",
        choices=("linear", "nonlinear"),
        default="linear",
        help="linear: estimates from the one solve (default); nonlinear: also push the body beyond yield "
        "and read strength off its force-displacement curve",
    )
    strength.add_argument(
        "--strength-strain", type=float, default=0.025, help="overall strain at the end (default 0.025)"
    )
    strength.add_argument("--strength-steps", type=int, default=20, help="increments (default 20)")
    add_cache(solve)
    add_memory(solve)
    add_output(solve)
