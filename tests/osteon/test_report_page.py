"""The report as a person meets it: opened from disk in Chromium, moved, turned, printed, on a phone."""

import csv
import itertools
import re

import numpy as np
import pytest

from osteon import write_report
from tests.report_browser import (
    PHONE,
    canvas,
    choose,
    in_scene,
    launched,
    move,
    needs_chromium,
    opened,
    picture,
    pixels,
)
from tests.report_folder import (
    HOSTILE,
    LEVELS,
    SHAPES,
    SPACING,
    body,
    change_percent,
    density,
    energy,
    write_folder,
)

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = write_folder(tmp_path_factory.mktemp("page") / "run")
    write_report(made)
    return made


@pytest.fixture(scope="module")
def playwright():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright):
    started = launched(playwright)
    yield started
    started.close()


@pytest.fixture(scope="module")
def shared_page(browser, folder):
    page = opened(browser, folder)
    yield page
    page.context.close()


@pytest.fixture
def page(shared_page):
    """The page on a desk, put back to how it began."""
    shared_page.emulate_media(media="screen")
    shared_page.select_option("#pick-level", "0")
    shared_page.select_option("#pick-arm", "1")
    shared_page.select_option("#pick-month", "6")
    shared_page.select_option("#pick-quantity", "density")
    choose(shared_page, "change")
    for name, axis in (("axial", 2), ("sagittal", 0), ("coronal", 1)):
        where = np.nonzero(body(0))[axis]
        move(shared_page, f"#slice-{name}", round((where.min() + where.max()) / 2))
    return shared_page


def test_it_opens_from_disk_in_silence(browser, folder):
    """No error in the console and no request but for the file itself, the view in space included."""
    page = opened(browser, folder)
    in_scene(page)
    assert page.heard.errors == []
    assert [url for url in page.heard.requests if not url.startswith(("data:", "blob:"))] == [
        (folder / "report.html").as_uri()
    ]
    page.context.close()


def test_research_use_and_the_warning_stand_on_top(page):
    """The notice is the first thing, the banner of what lies outside the data is in the first screen."""
    assert "Research use only, not a medical device" in page.inner_text("body")[:80]
    box = page.locator(".warning").first.bounding_box()
    scrolled = page.evaluate("scrollY")
    assert box["y"] + scrolled < 500


def test_a_hostile_name_is_shown_and_does_nothing(page):
    """The arm is a choice by its literal text; no dialog came."""
    assert page.locator("#pick-arm option").all_inner_texts()[2] == HOSTILE
    assert HOSTILE in page.inner_text("#courses")
    assert page.heard.errors == []


def test_the_policy_stops_scripts_and_requests(browser, folder):
    """A script that was not in the page does not run, and nothing can be fetched."""
    page = opened(browser, folder)
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.stranger = true";
        document.head.append(script);
    }""")
    assert page.evaluate("window.stranger === undefined")
    failed = page.evaluate("fetch('data:text/plain,x').then(() => false, () => true)")
    assert failed
    page.context.close()


@pytest.mark.parametrize(("plane", "axis"), [("axial", 2), ("sagittal", 0), ("coronal", 1)])
def test_a_slider_moves_through_the_volume(page, plane, axis):
    """Other pixels, and the position in mm from the edge of the bone: spacing (n + 1/2)."""
    before = pixels(page, canvas(plane, "change"))
    first = np.nonzero(body(0))[axis].min()
    move(page, f"#slice-{plane}", first)
    assert page.inner_text(f"#where-{plane}") == f"{0.5 * SPACING:.1f} mm"
    assert "slice 1 of" in page.get_attribute(f"#slice-{plane}", "aria-valuetext")
    after = pixels(page, canvas(plane, "change"))
    assert np.any(before != after)


def test_arrow_keys_move_a_slice(page):
    """The slider has a label and answers the keyboard."""
    slider = page.get_by_role("slider", name="Axial slice")
    was = int(slider.input_value())
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert int(slider.input_value()) == was + 1


def test_baseline_follow_up_and_change_differ(page):
    """Three pictures of one slice, and all three side by side."""
    seen = []
    for part in ("baseline", "follow", "change"):
        choose(page, part)
        assert page.locator(canvas("axial", part)).is_visible()
        assert page.locator(".shot:visible").count() == 3
        seen.append(pixels(page, canvas("axial", part)))
    assert np.any(seen[0] != seen[1])
    assert np.any(seen[1] != seen[2])
    choose(page, "all")
    assert page.locator(".shot:visible").count() == 9


def slice_pixel(page, part, i, j):
    """Colour in the middle of voxel (i, j) of the axial slice, off the cross-hair."""
    image = pixels(page, canvas("axial", part))
    where = np.argwhere(body(0))
    left, right = where[:, 0].min() - 1, where[:, 0].max() + 1
    bottom, top = where[:, 1].min() - 1, where[:, 1].max() + 1
    row = (top - j + 0.3) / (top - bottom + 1) * image.shape[0]
    column = (i - left + 0.3) / (right - left + 1) * image.shape[1]
    return image[int(row), int(column)]


def grid_of(values):
    grid = np.full(SHAPES[0], np.nan)
    grid[body(0)] = values
    return grid


def shade(name, share):
    from matplotlib import colormaps

    return np.array(colormaps[name](int(np.clip(256 * share, 0, 255)), bytes=True)[:3])


@pytest.mark.parametrize("quantity", ["density", "energy"])
def test_colours_are_those_of_the_values(page, quantity):
    """Voxels of a slice against matplotlib's maps over the range that the bar states."""
    page.select_option("#pick-quantity", quantity)
    fields = {
        "density": {
            "baseline": density(0),
            "follow": density(0) * (1 + change_percent(0, 1, 6) / 100),
            "change": change_percent(0, 1, 6),
        },
        "energy": {
            "baseline": energy(0, 1, 0),
            "follow": energy(0, 1, 6),
            "change": 100 * (energy(0, 1, 6) / energy(0, 1, 0) - 1),
        },
    }[quantity]
    k = int(page.input_value("#slice-axial"))
    for part, values in fields.items():
        choose(page, part)
        bar = page.locator(".bar")
        low, high = (float(bar.get_attribute(f"data-{end}")) for end in ("low", "high"))
        for i, j in ((2, 3), (4, 2), (6, 4)):
            value = grid_of(values)[i, j, k]
            share = (value - low) / (high - low)
            name = {"density": "cividis", "energy": "magma"}[quantity]
            if part == "change":
                name = "RdBu"
            elif quantity == "energy":
                share = np.log(value / low) / np.log(high / low)
            # one shade beside it, as numbers have 16 bits
            near = [shade(name, share + step / 256) for step in (-1, 0, 1)]
            found = slice_pixel(page, part, i, j)
            assert any(np.abs(found - colour).max() <= 1 for colour in near), (part, i, j, value, found)


@pytest.mark.parametrize("quantity", ["density", "density_absolute", "energy"])
def test_a_change_has_its_zero_in_the_middle(page, quantity):
    """The bar of a change is symmetric, its middle tick is 0, and white is in the middle of the colours."""
    page.select_option("#pick-quantity", quantity)
    for level in ("0", "1"):
        page.select_option("#pick-level", level)
        bar = page.locator(".bar")
        low, high = (float(bar.get_attribute(f"data-{end}")) for end in ("low", "high"))
        assert low == -high < 0
        ticks = bar.locator(".bar-ticks span")
        assert ticks.all_inner_texts()[2] == "0"
        assert bar.get_attribute("data-unit") in bar.inner_text()
    strip = pixels(page, ".bar canvas")
    assert strip[0, 127:129].min() > 240


def test_voxels_held_fixed_are_grey_in_a_change(page):
    """The last bone voxel is held: 122, 122, 122 there, and the words say so."""
    i, j, k = np.argwhere(body(0))[-1]
    move(page, "#slice-axial", k)
    assert slice_pixel(page, "change", i, j).tolist() == [122, 122, 122]


def test_the_pointer_tells_the_value_below_it(page):
    """Density before and after and the change with its interval, of the voxel under the pointer."""
    i, j, k = 6, 4, int(page.input_value("#slice-axial"))
    where = np.argwhere(body(0))
    low, high = where.min(axis=0) - 1, where.max(axis=0) + 1
    page.locator(canvas("axial", "change")).scroll_into_view_if_needed()
    box = page.locator(canvas("axial", "change")).bounding_box()
    page.mouse.move(
        box["x"] + (i - low[0] + 0.5) / (high[0] - low[0] + 1) * box["width"],
        box["y"] + (high[1] - j + 0.5) / (high[1] - low[1] + 1) * box["height"],
    )
    said = page.inner_text("#readout")
    base, change = grid_of(density(0))[i, j, k], grid_of(change_percent(0, 1, 6))[i, j, k]
    assert f"vBMD {base:.1f} → {base * (1 + change / 100):.1f} mg/cm³" in said
    assert f"{change:+.1f} % (± {0.1 * abs(change):.1f}, 95 %" in said
    assert f"{SPACING * (i - low[0] - 0.5):.1f} mm to the right" in said
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    assert page.inner_text("#readout").endswith("outside the bone")
    page.mouse.move(0, 0)


def test_level_arm_and_month_change_the_picture(page):
    """Each choice gives another picture; without treatment every change is white."""
    seen = [pixels(page, canvas("axial", "change"))]
    page.select_option("#pick-month", "3")
    seen.append(pixels(page, canvas("axial", "change")))
    page.select_option("#pick-arm", "2")
    seen.append(pixels(page, canvas("axial", "change")))
    assert all(np.any(one != other) for one, other in itertools.pairwise(seen))
    page.select_option("#pick-arm", "0")
    assert slice_pixel(page, "change", 4, 2).min() > 240
    page.select_option("#pick-level", "1")
    assert page.input_value("#pick-course-level") == "1"


def exposed_faces(bone):
    """Faces between kept and other voxels."""
    padded = np.pad(bone, 1).astype(int)
    return sum(int(np.abs(np.diff(padded, axis=axis)).sum()) for axis in range(3))


def test_the_body_in_space_is_drawn_and_turns(page):
    """Not blank, gain blue and loss red, all faces of the kept part, other pixels after a drag."""
    image = in_scene(page)
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 50
    blue = (image[..., 2] > image[..., 0] + 40).mean()
    red = (image[..., 0] > image[..., 2] + 40).mean()
    assert blue > 0.01
    assert red > 0.01
    kept = body(0).copy()
    where = np.nonzero(kept)[1]
    kept[:, np.ceil(where.min() + 0.6 * (where.max() - where.min() + 1)).astype(int) :] = False
    assert int(page.get_attribute("#scene", "data-faces")) == exposed_faces(kept)
    move(page, "#cut", 100)
    assert int(page.get_attribute("#scene", "data-faces")) == exposed_faces(body(0))
    box = page.locator("#scene").bounding_box()
    before = picture(page.locator("#scene").screenshot())
    page.mouse.move(box["x"] + 500, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 600, box["y"] + 180, steps=4)
    page.mouse.up()
    page.wait_for_timeout(300)
    after = picture(page.locator("#scene").screenshot())
    assert (np.abs(before - after).max(axis=-1) > 20).mean() > 0.01
    move(page, "#cut", 60)


def test_small_changes_can_be_hidden_in_space(page):
    """Voxels below the threshold go: faces of what is beyond 0.45 of the range."""
    in_scene(page)
    move(page, "#cut", 100)
    move(page, "#beyond", 45)
    reach = float(page.get_attribute(".bar", "data-high"))
    kept = grid_of(np.abs(change_percent(0, 1, 6))) >= 0.45 * reach
    assert int(page.get_attribute("#scene", "data-faces")) == exposed_faces(kept)
    assert "only beyond" in page.inner_text("#beyond-words")
    move(page, "#beyond", 0)
    move(page, "#cut", 60)


def test_it_turns_by_itself_when_asked(page):
    """The button starts and stops; at rest two pictures are the same."""
    still = in_scene(page)
    assert np.array_equal(still, in_scene(page))
    page.click("#turn")
    page.wait_for_timeout(700)
    page.click("#turn")
    assert page.get_attribute("#turn", "aria-pressed") == "false"
    assert np.any(still != in_scene(page))
    page.click("#reset-view")


def test_without_webgl_a_sentence_takes_its_place(playwright, folder):
    """Slices and charts stay; the view in space says what is missing."""
    browser = launched(playwright, ["--no-sandbox", "--disable-3d-apis"])
    page = opened(browser, folder)
    page.locator("#scene").scroll_into_view_if_needed()
    page.wait_for_selector("#scene.missing", timeout=60_000)
    assert "no WebGL 2" in page.inner_text("#scene")
    assert not page.locator("#scene-controls").is_visible()
    before = pixels(page, canvas("axial", "change"))
    move(page, "#slice-axial", 1)
    assert np.any(before != pixels(page, canvas("axial", "change")))
    assert page.locator(".course canvas").count() > 0
    browser.close()


def course_value(folder, level, arm, quantity, month):
    """% change of timecourse.csv."""
    with (folder / "timecourse.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    value = {
        int(row["month"]): float(row["value"])
        for row in rows
        if (row["level"], row["arm"], row["quantity"]) == (level, arm, quantity)
    }
    return 100 * (value[month] / value[0] - 1)


def test_a_chart_tells_the_number_of_the_month_under_the_pointer(page, folder):
    """That of timecourse.csv, in every panel by the nearest month it knows."""
    chart = page.locator(".course[data-quantity=trabecular_vbmd_mg_cm3]")
    chart.scroll_into_view_if_needed()
    area = chart.locator(".u-over").bounding_box()
    for month in (2, 5):
        page.mouse.move(area["x"] + area["width"] * month / 6, area["y"] + area["height"] / 2)
        page.wait_for_timeout(200)
        expected = course_value(folder, "L2", "weekly", "trabecular_vbmd_mg_cm3", month)
        assert f"month {month}" in chart.inner_text()
        assert f"weekly {expected:+.2f} % (" in chart.inner_text()
        strength = page.locator(".course[data-quantity=strength_pistoia_n]")
        near = {2: 3, 5: 6}[month]
        expected = course_value(folder, "L2", "weekly", "strength_pistoia_n", near)
        assert f"weekly {expected:+.2f} %" in strength.inner_text()
        assert strength.get_attribute("data-month") == str(near)
    assert "trial trial-1 +7.00 % (+5.00 to +9.00) at month 6" in chart.inner_text()
    page.mouse.move(0, 0)


def test_the_months_of_the_charts_have_a_slider(page, folder):
    """Keyboard and touch reach the same numbers; hormones are values, not changes."""
    slider = page.get_by_role("slider", name="Numbers of")
    slider.focus()
    page.keyboard.press("Home")
    assert page.inner_text("#course-month-words") == "month 0"
    page.keyboard.press("ArrowRight")
    expected = course_value(folder, "L2", "weekly", "resorption_percent", 1)
    assert f"weekly {expected:+.2f} %" in page.inner_text(".course[data-quantity=resorption_percent]")
    page.select_option("#pick-group", label="Hormones")
    move(page, "#course-month", 6)
    assert f"weekly {100 * (1 + 0.0123 * 6):.4g} ng/dL" in page.inner_text("#courses")
    page.select_option("#pick-group", "0")


def test_charts_draw_lines_bands_and_trials(page):
    """The blue of the second arm as a line and paler as a band."""
    image = pixels(page, ".course[data-quantity=trabecular_vbmd_mg_cm3] canvas")
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 30


@pytest.mark.parametrize("view", ["change", "all"])
def test_a_phone_shows_it_without_scrolling_sideways(browser, folder, view):
    """390 pixels wide: nothing sticks out, pictures below each other, a tap moves the cross-hair."""
    page = opened(browser, folder, viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2)
    choose(page, view)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    boxes = [page.locator(f".plane:nth-child({n})").bounding_box() for n in (1, 2, 3)]
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"] < boxes[2]["y"]
    was = page.inner_text("#where-sagittal")
    shot = page.locator(canvas("axial", "change"))
    shot.scroll_into_view_if_needed()
    area = shot.bounding_box()
    page.touchscreen.tap(area["x"] + 0.3 * area["width"], area["y"] + 0.5 * area["height"])
    page.wait_for_timeout(200)
    assert page.inner_text("#where-sagittal") != was
    page.context.close()


def test_print_has_the_still_pictures_instead(page):
    """Moving parts go, still ones come; the PDF has their pages and pictures."""
    assert not page.locator("figure.still").first.is_visible()
    page.emulate_media(media="print")
    assert page.locator("figure.still").count() == 2 * len(LEVELS)
    assert all(page.locator("figure.still").nth(n).is_visible() for n in range(2 * len(LEVELS)))
    assert page.locator(".moving:visible").count() == 0
    content = page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= 3
    assert len(re.findall(rb"/Subtype\s*/Image", content)) >= 1


def test_without_scripts_the_still_pictures_stand(browser, folder):
    """Every figure and table shows, no moving part does."""
    page = opened(browser, folder, java_script_enabled=False)
    assert page.locator("figure.still").first.is_visible()
    assert page.locator("#inside").is_hidden()
    assert page.locator("#no-script").is_visible()
    page.context.close()


def test_the_still_pictures_can_be_called_up(page):
    """A button shows them beside the moving parts and hides them again."""
    page.click("#show-stills")
    assert page.locator("figure.still").first.is_visible()
    page.click("#show-stills")
    assert not page.locator("figure.still").first.is_visible()


def test_a_run_without_maps_has_charts_alone(browser, tmp_path):
    """Like the runs of a gallery: no slices, no errors, levels to pick for the charts."""
    folder = write_folder(tmp_path / "run", slices=False)
    write_report(folder)
    page = opened(browser, folder)
    page.select_option("#pick-course-level", "1")
    assert page.locator("#planes").count() == 0
    assert page.locator("figure.still").count() == len(LEVELS)
    assert page.heard.errors == []
    page.context.close()
