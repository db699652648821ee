"""A report in headless Chromium: opened from disk, its sliders moved, its canvases read back as pictures."""

import base64
import io
import shutil
from contextlib import contextmanager

import numpy as np
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: chromium)")
# The software renderer, so that WebGL is the same with and without a graphics card.
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


class Heard:
    """What a page said and asked for."""

    def __init__(self, page):
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: (self.errors.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self.requests.append(request.url))


def launched(playwright, args=FLAGS):
    """A browser of a running playwright."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=args)


@contextmanager
def chromium():
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        started = launched(running)
        yield started
        started.close()


def require_quiet_page_for_every_screen(file):
    """A page without moving parts: silent, asks for nothing, shows its pictures, fits a phone and a desk."""
    with chromium() as browser:
        for viewport in (DESK, PHONE):
            page = _at(browser, file, viewport)
            assert page.heard.errors == []
            asked = [url for url in page.heard.requests if not url.startswith("data:")]
            assert asked == [file.as_uri()]
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
            widths = page.eval_on_selector_all("img", "all => all.map(e => e.complete && e.naturalWidth)")
            assert widths
            assert min(widths) > 300
            page.context.close()


def _at(browser, file, viewport, **options):
    context = browser.new_context(viewport=viewport, reduced_motion="reduce", **options)
    page = context.new_page()
    page.heard = Heard(page)
    page.goto(file.as_uri())
    return page


def opened(browser, folder, viewport=DESK, **options):
    """A new page with the report, its moving parts started."""
    page = _at(browser, folder / "report.html", viewport, **options)
    if options.get("java_script_enabled", True):
        page.wait_for_selector("html[data-ready=yes]", state="attached", timeout=60_000)
    return page


def choose(page, view):
    """Baseline, follow-up, change or all."""
    page.check(f"input[name=view][value={view}]", force=True)


def move(page, slider, value):
    """Put a slider to a value, as a hand would."""
    page.eval_on_selector(
        slider, "(e, value) => { e.value = value; e.dispatchEvent(new Event('input')); }", str(value)
    )


def canvas(plane, part):
    """Selector of one picture."""
    number = ("axial", "sagittal", "coronal").index(plane) + 1
    return f".plane:nth-child({number}) .shot[data-part={part}] canvas"


def pixels(page, selector):
    """RGB of a canvas, (rows, columns, 3)."""
    address = page.eval_on_selector(selector, "e => e.toDataURL()")
    return picture(base64.b64decode(address.partition(",")[2]))


def picture(png):
    """RGB of a PNG, (rows, columns, 3), 0 to 255."""
    from matplotlib.image import imread

    return np.rint(255 * imread(io.BytesIO(png))[..., :3]).astype(int)


def in_scene(page):
    """The view in space, started and drawn, as a picture."""
    page.locator("#scene").scroll_into_view_if_needed()
    page.wait_for_selector("#scene[data-faces]", timeout=60_000)
    page.wait_for_timeout(300)
    return picture(page.locator("#scene").screenshot())
