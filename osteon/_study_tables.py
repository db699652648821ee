"""The tables of a study file, as typed records with limits. Every key is described in docs/study.md."""

# `key` only builds a dataclasses.field, so calling it in a class body is safe.
# ruff: noqa: RUF009

from dataclasses import dataclass

from ._cohort_names import DEFAULT_SPREADS, ENDPOINTS
from ._schema import key

DENSITY_TYPES = ("ha", "k2hpo4", "ash", "apparent")


@dataclass(frozen=True, kw_only=True)
class ThyrotoxicosisRow:
    """Thyroid hormone made without control of TSH."""

    free_t4_ng_dl: float = key(3.5, low=1.3, high=15, unit="ng/dL")
    "Free T4 while it lasts, ng/dL."
    start_day: float | None = key(None, unit="days")
    "First day; absent: it is there at the start."
    end_day: float | None = key(None, low=0, unit="days")
    "Day of the cure; absent: it stays."


@dataclass(frozen=True, kw_only=True)
class InsulinDeficiencyRow:
    """Loss of insulin secretion."""

    remaining: float = key(0.1, low=0.01, high=1)
    "Share of the normal secretion that is left."
    start_day: float | None = key(None, unit="days")
    "First day; absent: it is there at the start."
    end_day: float | None = key(None, low=0, unit="days")
    "Last day; absent: it stays."


@dataclass(frozen=True, kw_only=True)
class History:
    """Years with the levels of the subject before the start; the bone before them is not known."""

    years: float = key(low=0.1, high=60, unit="years")
    "How long the levels of the subject have lasted, years."
    onset_years: float = key(0.0, low=0, high=60, unit="years")
    "Time constant of the change to them, years; 0: sudden."
    testosterone_ng_dl: float | None = key(None, low=1, high=2000, unit="ng/dL")
    "Testosterone before, ng/dL; absent: typical at 30 years."
    estradiol_pg_ml: float | None = key(None, low=0.5, high=400, unit="pg/mL")
    "Estradiol before, pg/mL; absent: typical at 30 years."
    igf1_ng_ml: float | None = key(None, low=20, high=600, unit="ng/mL")
    "IGF-1 before, ng/mL; absent: that of the subject."


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Who is treated; hormone levels are those before treatment, typical ones where absent."""

    sex: str = key(allowed=("male", "female"))
    "Sex."
    age_years: float = key(low=18, high=100, unit="years")
    "Age at the start, years."
    id: str = key("1")
    "Code of the person in every table, for joining the tables of many runs; a number of yours, never a name."
    weight_kg: float | None = key(None, low=35, high=250, unit="kg")
    "Body mass, kg; absent: 80 for men, 68 for women (assumed)."
    menopause: str | None = key(None, allowed=("premenopausal", "natural", "surgical"))
    "Menopausal status of a woman; absent: by age."
    years_since_menopause: float | None = key(None, low=-40, high=60, unit="years")
    "Years since the final menstrual period or the operation; negative: it lies ahead."
    testosterone_ng_dl: float | None = key(None, low=1, high=2000, unit="ng/dL")
    "Total testosterone, ng/dL."
    testosterone_nmol_l: float | None = key(None, low=0.03, high=70, unit="nmol/L")
    "The same in nmol/L, in its place."
    estradiol_pg_ml: float | None = key(None, low=0.5, high=400, unit="pg/mL")
    "Estradiol, pg/mL."
    estradiol_pmol_l: float | None = key(None, low=1.8, high=1500, unit="pmol/L")
    "The same in pmol/L, in its place."
    shbg_nmol_l: float | None = key(None, low=5, high=250, unit="nmol/L")
    "Sex-hormone-binding globulin, nmol/L."
    albumin_g_l: float = key(43.0, low=20, high=60, unit="g/L")
    "Albumin, g/L."
    lh_iu_l: float | None = key(None, low=0.05, high=100, unit="IU/L")
    "Luteinising hormone, IU/L; absent: what the model expects for `axis`."
    axis: str | None = key(None, allowed=("primary", "secondary", "intact"))
    "Where the axis fails: the gonad (primary), pituitary or hypothalamus (secondary), or nowhere (intact)."
    igf1_ng_ml: float | None = key(None, low=20, high=600, unit="ng/mL")
    "IGF-1, ng/mL; absent: 180, the young reference of the bone equations."
    igf1_nmol_l: float | None = key(None, low=2.6, high=80, unit="nmol/L")
    "The same in nmol/L, in its place."
    free_t4_ng_dl: float | None = key(None, low=0.2, high=2.5, unit="ng/dL")
    "Free T4 apart from thyrotoxicosis, ng/dL; absent: 1.2 (assumed)."
    free_t4_pmol_l: float | None = key(None, low=2.5, high=33, unit="pmol/L")
    "The same in pmol/L, in its place."
    tsh_miu_l: float = key(1.5, low=0.005, high=150, unit="mIU/L")
    "TSH, mIU/L; an index only."
    insulin_sensitivity: float = key(1.0, low=0.05, high=5)
    "Insulin sensitivity, 1 the reference."
    thyrotoxicosis: ThyrotoxicosisRow | None = key(None)
    "Thyrotoxicosis with its dates; absent: none."
    insulin_deficiency: InsulinDeficiencyRow | None = key(None)
    "Insulin deficiency with its dates; absent: none."
    history: History | None = key(None)
    "Years of these levels before the start; absent: the bone is in the steady state of its levels."


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How Hounsfield units become density."""

    method: str = key("linear", allowed=("linear", "phantom", "phantomless"))
    """linear: stated slope and intercept; phantom: rods in the scan; phantomless: from air, fat, muscle and
    blood in the image."""
    slope: float | None = key(None, low=0.01, high=10, unit="mg/cm3 per HU")
    "Slope, mg/cm3 per HU (linear)."
    intercept: float | None = key(None, low=-500, high=500, unit="mg/cm3")
    "Density at 0 HU, mg/cm3 (linear)."
    density_type: str | None = key(None, allowed=DENSITY_TYPES)
    "What the density is the equivalent of (linear and phantom; phantomless: ha or k2hpo4)."
    rods: str | None = key(None)
    "Label image of the phantom's rods on the grid of the CT, numbered 1, 2, 3 and so on (phantom)."
    rod_mg_cm3: tuple[float, ...] = key((), low=-500, high=3000, unit="mg/cm3")
    "Density of rod 1, 2, 3 and so on, mg/cm3 (phantom)."
    rod_labels: tuple[int, ...] = key((), low=1)
    "Numbers of the rods in `rods` in the order of `rod_mg_cm3`, if not 1, 2, 3 and so on (phantom)."
    least_r2: float | None = key(None, low=0.9, high=1)
    "Least share of variance that the line through the rods must explain (phantom); absent: meshes.LEAST_R2."
    air_hu: float | None = key(None, low=-1100, high=-800, unit="HU")
    "Measured air, HU (phantomless; a tissue not given is looked for in the image)."
    fat_hu: float | None = key(None, low=-200, high=0, unit="HU")
    "Measured subcutaneous fat, HU."
    muscle_hu: float | None = key(None, low=0, high=150, unit="HU")
    "Measured skeletal muscle, HU."
    blood_hu: float | None = key(None, low=0, high=150, unit="HU")
    "Measured blood without contrast agent, HU."
    effective_kev: float = key(70.0, low=40, high=120, unit="keV")
    "Effective photon energy of the scan, keV (phantomless; 70 at 120 kV is assumed)."


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """The CT, or the built-in vertebra."""

    builtin: str | None = key(None, allowed=("l3",))
    "The parametric L3 vertebra that needs no file."
    voxel_mm: float = key(1.5, low=0.4, high=3, unit="mm")
    "Voxel edge of the built-in vertebra, mm."
    seed: int = key(0, low=0)
    "Random seed of the built-in vertebra's trabecular density."
    path: str | None = key(None)
    "CT file (NIfTI, MHA), relative to `folder`."
    folder: str = key(".")
    "Folder of every image file, relative to the study file; `--data-dir` replaces it."
    mask: str | None = key(None)
    "Label image of the levels, on the grid of the CT, unless a level names its own."
    subregions: str | None = key(None)
    "Label image of the parts of a vertebra, unless a level names its own."
    bodies: str | None = key(None)
    "Label image whose 1 is vertebral bodies, where `mask` labels whole vertebrae with their arches."
    calibrated: bool = key(False)
    "true: the image already is density in mg/cm3."
    density_type: str | None = key(None, allowed=DENSITY_TYPES)
    "What a calibrated image's density is the equivalent of."
    calibration: Calibration | None = key(None)
    "How HU become density."
    denoise_mm: float = key(0.0, low=0, high=10, unit="mm")
    "Standard deviation of a Gaussian that averages density inside each compartment, mm; 0: none."
    spacing_mm: tuple[float, ...] = key((), low=0.001, high=20, unit="mm")
    "Voxel size of every image, mm, one number or three: for TIFF and NumPy, which state none."
    assume_units: str | None = key(None, allowed=("mm",))
    "Unit of length of files that state none; absent: such files are refused."
    resample_mask: bool = key(False)
    "true: masks on another grid are brought onto that of the CT by nearest neighbour; false: refused."
    labels: str | None = key(
        None, allowed=("verse", "totalsegmentator", "totalsegmentator-v1", "totalsegmentator-v2")
    )
    "Numbering of the mask, for levels named without a label; absent: found out."
    tube_kv: float = key(120.0, low=80, high=140, unit="kV")
    "Tube voltage, kV: the ratio of K2HPO4- to HA-equivalent density depends on it."


@dataclass(frozen=True, kw_only=True)
class Level:
    """One vertebral body of the image."""

    name: str = key()
    "Name in every output, e.g. L3."
    label: int | None = key(None, low=1)
    "Its number in the mask; absent: by `image.labels`, for a name such as L3."
    mask: str | None = key(None)
    "Its own label image."
    subregions: str | None = key(None)
    "Its own image of parts."
    trabecular_labels: tuple[int, ...] = key((50,), low=1)
    "Numbers of the trabecular core in `subregions` (50: vertebral body of TPTBox/SPINEPS)."
    cortical_labels: tuple[int, ...] = key((49,), low=1)
    "Numbers of the shell in `subregions` (49: border of the vertebral body)."


@dataclass(frozen=True, kw_only=True)
class ActivityLoad:
    """One load of an activity; exactly one of the two sizes."""

    case: str = key()
    "Load case, a name of fem.LOAD_CASES that moves a platen and holds what `mechanics.load` holds."
    force_n: float | None = key(None, low=-20000, high=20000, unit="N")
    "Force, N; compression is negative (load cases whose size is a displacement); 0: free to move."
    moment_n_mm: float | None = key(None, low=-200000, high=200000, unit="N mm")
    "Moment, N mm, by the right-hand rule for the upper platen (bending and torsion); 0: free to turn."


@dataclass(frozen=True, kw_only=True)
class ActivityRow:
    """A habitual activity."""

    name: str = key()
    "Name in every output, such as flexion."
    cycles_per_day: float = key(low=0.01, high=1e6, unit="cycles a day")
    "Cycles a day; only their ratios matter."
    load: tuple[ActivityLoad, ...] = key()
    "Loads that act together; a motion of the platen that no load names is held at zero."


@dataclass(frozen=True, kw_only=True)
class DailySettings:
    """The activities of a day, in place of the one axial load."""

    preset: str | None = key(None, allowed=("lumbar",))
    "A ready set of activities; lumbar: standing, flexion and extension of a lumbar vertebra."
    activity: tuple[ActivityRow, ...] = key(())
    "Activities of one's own."
    exponent: float = key(4.0, low=1, high=20)
    "Weight of magnitude against number of cycles, m of the daily stress stimulus."


@dataclass(frozen=True, kw_only=True)
class MechanicsSettings:
    """How the bone is loaded and how stiff it is."""

    law: str = key("kopperdahl-2002")
    "Density-modulus law, a name of fem.DENSITY_LAWS."
    material: str = key("isotropic", allowed=("isotropic", "transversely-isotropic"))
    "Symmetry of bone tissue at the voxel scale."
    load: str = key("pmma-axial")
    "Load case, a name of fem.LOAD_CASES."
    strain: float = key(-0.01, low=-0.2, high=-1e-6)
    "Apparent strain of the test load; compression is negative. The model is linear in it."
    voxel_mm: float | None = key(None, low=0.3, high=5, unit="mm")
    "Edge of the cubic voxels of the model, mm; absent: the finest edge of the image."
    axis: str = key("endplates", allowed=("endplates", "image"))
    "Axis that is loaded: from endplate to endplate of every body, or the head-foot axis of the image."
    cap_thickness_mm: float = key(3.0, low=0.1, high=30, unit="mm")
    "Least thickness of the PMMA caps, mm."
    fe_every_months: float = key(3.0, low=0.05, high=24, unit="months")
    "Months between finite-element solves."
    habitual_force_n: float = key(800.0, low=1, high=20000, unit="N")
    "Axial force of daily life held constant through the run, N (assumed); `daily` replaces it."
    daily: DailySettings | None = key(None)
    "Habitual activities; absent: the one load case at its habitual force."
    set_point: str = key("local", allowed=("local", "uniform"))
    "Whether a voxel's own baseline stimulus or the body's mean is what the bone defends."
    rtol: float = key(1e-6, low=1e-12, high=1e-3)
    "Relative true residual at which a solve stops."
    strength: str = key("linear", allowed=("linear", "nonlinear"))
    "nonlinear: push the body beyond yield as well, at baseline and at the last month of every arm."
    strength_strain: float = key(0.025, low=0.004, high=0.2)
    "Overall strain at the end of the force-displacement curve (nonlinear)."
    strength_steps: int = key(20, low=5, high=1000)
    "Increments of the curve (nonlinear)."


@dataclass(frozen=True, kw_only=True)
class Time:
    """How long and how fine."""

    months: int = key(24, low=1, high=600, unit="months")
    "Months simulated; a month is 365.25/12 days."
    steps_per_month: int = key(2, low=1, high=60)
    "Remodeling steps a month."
    report_months: tuple[int, ...] = key((), low=0)
    "Months reported beside baseline; absent: quarters of the time and every six months."


@dataclass(frozen=True, kw_only=True)
class DoseRow:
    """A drug given at a stated rhythm."""

    drug: str = key()
    "Drug, a name of remodeling.DRUGS."
    amount_mg: float = key(low=0, high=20000, unit="mg")
    "Amount of one dose, mg, or in the unit of the drug (hCG: IU; insulin: U; patches and pumps: mg/day)."
    every_days: float | None = key(None, low=0.04, high=3650, unit="days")
    "Days between doses; absent: once."
    start_day: float = key(0.0, low=0, unit="days")
    "Day of the first dose."
    stop_day: float | None = key(None, low=0, unit="days")
    "No dose on or after this day; absent: to the end."


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A treatment; an untreated arm always runs beside."""

    name: str = key()
    "Name in every output."
    dose: tuple[DoseRow, ...] = key(())
    "Doses."
    events: str | None = key(None)
    "CSV file of doses with NONMEM's columns, from the folder of the study; added to `dose`."
    events_id: str | None = key(None)
    "Subject of that table, its column ID; absent: the only one."
    events_time: str | None = key(None, allowed=("days", "hours"))
    "Unit of its TIME and II; absent: days."
    trials: tuple[str, ...] = key(())
    "Arms of the trial table (docs/trials.md) whose results are shown beside this arm."


@dataclass(frozen=True, kw_only=True)
class SpreadRow:
    """How one property differs between virtual people: lognormal about the subject's, between limits."""

    of: str = key(allowed=tuple(DEFAULT_SPREADS))
    "The property; its mean is that of the subject, of the two densities that of the levels."
    sd: float = key(low=0, high=1000)
    "Standard deviation between people before the limits cut, in the unit of the property; 0: none."
    low: float | None = key(None, low=0, high=10000)
    "Nobody lies below; absent: what the program accepts."
    high: float | None = key(None, low=0, high=10000)
    "Nobody lies above; absent: what the program accepts."


@dataclass(frozen=True, kw_only=True)
class CohortSettings:
    """Virtual people about the subject, and the trial whose power is asked for (osteon cohort)."""

    people: int = key(1000, low=10, high=100_000)
    "Virtual people; everybody is followed under every arm."
    seed: int = key(0, low=0, high=2**31 - 1)
    "Seed of everything drawn."
    endpoint: str = key("spine_areal_bmd", allowed=tuple(ENDPOINTS))
    "What the trial measures: its change in percent of the start."
    month: int | None = key(None, low=1, high=600, unit="months")
    "Month of the measurement; absent: the end of the study."
    reference: str = key("no treatment")
    "Arm that the others are compared with."
    response_cv: float = key(0.2, low=0, high=1)
    "Coefficient of variation of every learned biological parameter between people (assumed)."
    doses_taken: float = key(1.0, low=0.05, high=1)
    "Mean share of the doses that a person takes."
    dropout_per_year: float = key(0.1, low=0, high=0.9)
    "Share of the people who leave the trial in a year and are not measured (assumed)."
    precision_percent: float | None = key(None, low=0, high=20, unit="%")
    "Error of one measurement, % of the value; absent: that of the method (docs/cohort.md)."
    own_change_percent: float | None = key(None, low=0, high=40, unit="%")
    "Standard deviation of changes from other causes until the month, % of the start; absent: docs/cohort.md."
    alpha: float = key(0.05, low=0.0001, high=0.5)
    "Two-sided level of the test."
    persons: tuple[int, ...] = key((), low=2, high=100_000)
    "Sizes of an arm for which power is told; absent: 10 to 500."
    trials: int = key(2000, low=100, high=100_000)
    "Trials that are run for every size."
    spread: tuple[SpreadRow, ...] = key(())
    "How people differ; a property without its own table has the spread of docs/cohort.md."


@dataclass(frozen=True, kw_only=True)
class Study:
    """A whole study file."""

    subject: Subject = key()
    "Who."
    image: ImageSource = key()
    "Which bone."
    title: str = key("Lumbar bone under hormone therapy")
    "Title of the report."
    levels: tuple[Level, ...] = key(())
    "Vertebral bodies; the built-in vertebra needs none."
    mechanics: MechanicsSettings = key(MechanicsSettings())
    "Loading and stiffness."
    time: Time = key(Time())
    "Duration."
    arm: tuple[Arm, ...] = key(())
    "Treatment arms."
    trials_from_month: float = key(0.0, low=0, high=600, unit="months")
    "Month of the trials at which this study begins; their earlier results are left out."
    untreated_trials: tuple[str, ...] = key(())
    "Arms of the trial table whose results are shown beside the untreated arm."
    cohort: CohortSettings | None = key(None)
    "Virtual people of `osteon cohort`; absent: the defaults of every key."
    biology: dict[str, float] | None = key(None)
    "Biological parameters set away from their defaults, by name (remodeling.PARAMETERS)."
