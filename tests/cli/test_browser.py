#!/usr/bin/env python3
"""A real browser at the lab's page: through the port forward, and by name through the SOCKS port.

usage: test_browser.py VITRO [CASE...]

Skipped without Chromium. VT_TEST_SCREENSHOTS=DIR keeps the screenshots.
"""
import os
import re
import shutil
import struct
import subprocess
import sys

import running
from running import Place, interrupt

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def browse(place, url, *options):
    """What a headless browser makes of the page, after three seconds of its own time."""
    profile = os.path.join(place.dir, "profile")
    # No calls home, no proxy of the environment's: the browser talks to the lab alone.
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    return subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
         "--disable-extensions", "--no-first-run", "--no-default-browser-check", "--metrics-recording-only",
         "--disable-features=OptimizationHints,MediaRouter,DialMediaRouteProvider", "--password-store=basic",
         "--hide-scrollbars", "--window-size=1280,1600", "--virtual-time-budget=3000", "--run-all-compositor-stages-before-draw",
         *options, url],
        env=env, capture_output=True, text=True, timeout=60, check=False).stdout


def check_page(dom):
    text = re.sub(r"<[^>]+>", " ", dom)
    assert "<title>" in dom and "Vitro" in dom, dom[:500]
    for word in ("ESTABLISHED", "SYN-SENT", "TIME-WAIT", "10.0.0.1", "9528", "hello"):
        assert word in text, f"the page does not show {word}: " + text[-1500:]
    # It does not watch itself.
    assert "127.0.0.1:80" not in text, text


def check_png(path):
    with open(path, "rb") as f:
        head = f.read(24)
    assert head[:8] == b"\x89PNG\r\n\x1a\n", "no PNG"
    width, height = struct.unpack(">II", head[16:24])
    assert width >= 1000 and height >= 1000, (width, height)
    assert os.path.getsize(path) > 20_000, "a page with so little on it is empty"
    keep = os.environ.get("VT_TEST_SCREENSHOTS")
    if keep:
        shutil.copy(path, keep)


def case_page_through_the_forward():
    with Place() as p:
        lab = p.lab()
        check_page(browse(p, f"http://127.0.0.1:{p.page}/", "--dump-dom"))
        picture = os.path.join(p.dir, "forward.png")
        browse(p, f"http://127.0.0.1:{p.page}/", f"--screenshot={picture}")
        check_png(picture)
        interrupt(lab)


def case_page_by_name_through_socks():
    with Place() as p:
        lab = p.lab()
        proxy = [f"--proxy-server=socks5://127.0.0.1:{p.socks}", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
        check_page(browse(p, "http://www.lab/", "--dump-dom", *proxy))
        picture = os.path.join(p.dir, "socks.png")
        browse(p, "http://www.lab/", f"--screenshot={picture}", *proxy)
        check_png(picture)
        # A name that the lab does not know leads nowhere, and not around the proxy.
        assert "ESTABLISHED" not in browse(p, "http://nowhere.lab/", "--dump-dom", *proxy)
        interrupt(lab)


if __name__ == "__main__":
    if BROWSER is None and len(sys.argv) > 1:
        print("Chromium is not installed")
        sys.exit(77)
    running.main(globals(), __doc__)
