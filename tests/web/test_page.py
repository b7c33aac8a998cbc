#!/usr/bin/env python3
"""The live page in a headless browser, on data that the lens made of a staged conversation.

usage: test_page.py MAKE_LIVE PAGE_DIR
"""
import html
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


class Handler(http.server.BaseHTTPRequestHandler):
    """The page's files, and live.json while `live` is set."""
    live = None
    page = None
    asked = []

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path)
        Handler.asked.append(self.path)
        name = os.path.basename(path.path) or "index.html"
        file = os.path.join(self.page, name)
        if name == "live.json" and self.live is not None:
            self.answer("application/json", self.live)
        elif name in ("index.html", "live.js", "live.css"):
            with open(file, "rb") as f:
                self.answer(TYPES[os.path.splitext(name)[1]], f.read())
        else:
            self.send_error(404)

    def answer(self, kind, body):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        # Nothing from elsewhere, and nothing inline that runs.
        self.send_header("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def browse(port, *options, time=4000):
    """The page as it stands after `time` ms of the browser's own time."""
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--no-first-run", f"--user-data-dir={profile}",
             "--window-size=1280,900", f"--virtual-time-budget={time}", *options, "--dump-dom", f"http://127.0.0.1:{port}/"],
            capture_output=True, text=True, timeout=100, check=False,
            env={k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")})
    assert "</html>" in done.stdout, done.stderr[-800:]
    return done.stdout


def part(dom, tag, ident):
    """The markup of the element with this id."""
    match = re.search(rf'<{tag}[^>]*id="{ident}"[^>]*>.*?</{tag}>', dom, re.S)
    assert match, f"there is no {ident}"
    return match[0]


def words(markup):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", markup))).strip()


def expect(text, *parts):
    for p in parts:
        assert p in text, f"{p!r} is not in {text[-1500:]!r}"


def case_english(port):
    dom = browse(port, "--lang=en-US")
    assert 'lang="en"' in dom
    expect(words(part(dom, "span", "title")), "a <lab> & more")
    expect(words(part(dom, "span", "status")), "live")
    table = words(part(dom, "tbody", "connection-rows"))
    expect(table, "a 10.0.0.1:40000 ESTABLISHED b 10.0.0.2:9528 ESTABLISHED", "13 / 0")
    ladder = part(dom, "ol", "ladder-rows")
    expect(words(ladder), "10.0.0.1:40000 → 10.0.0.2:9528", "SYN seq=x (1000)", "SYN,ACK seq=y (5000) ack=x+1",
           'PSH,ACK seq=1 ack=1 len=13 "<b>hello</b>\\n"', "lost on cable b-s1 (impairment)", "SYN-RCVD")
    assert "<b>hello" not in ladder, "what programs say is markup"
    assert ladder.count("<li ") == 10, ladder.count("<li ")
    assert 'class="cross"' in ladder and ladder.count('class="tip"') == 5
    svg = part(dom, "svg", "map")
    assert svg.count('class="node ') == 5 and svg.count('class="cable') == 4 and 'class="cable faulty"' in svg
    expect(words(part(dom, "ul", "drops")), "1 loss the cable lost it (impairment)")
    expect(words(part(dom, "div", "findings")), "a 10.0.0.1:40000 - b 10.0.0.2:9528: Both receive")
    assert re.search(r'id="ended"[^>]*hidden', dom)


def case_chinese(port):
    dom = browse(port, "--lang=zh-CN", "--accept-lang=zh-CN")
    assert 'lang="zh-Hans"' in dom
    expect(words(dom), "梯形图", "为什么三次握手？", "双方都在接收", "线缆把它丢了", "实时")


def case_keyboard_reaches_everything(port):
    dom = browse(port)
    for markup in re.findall(r"<(?:li|tr|g)\b[^>]*(?:data-n|data-pair|data-node)[^>]*>", dom):
        assert 'tabindex="0"' in markup, markup
    for row in re.findall(r"<li[^>]*data-n[^>]*>", dom):
        assert re.search(r'aria-label="[^"]+"', row), row


def case_lab_ended(port):
    before = len(Handler.asked)
    live, Handler.live = Handler.live, None
    try:
        dom = browse(port, "--lang=en-US", time=20000)
    finally:
        Handler.live = live
    expect(words(part(dom, "span", "status")), "ended")
    assert not re.search(r'id="ended"[^>]*hidden', dom)
    # It asks less and less often.
    asked = sum("live.json" in path for path in Handler.asked[before:])
    assert 3 <= asked <= 9, asked


def case_old_page_new_data(port):
    live = Handler.live
    Handler.live = json.dumps({"version": 2}).encode()
    try:
        dom = browse(port, "--lang=en-US", time=12000)
    finally:
        Handler.live = live
    expect(words(part(dom, "span", "status")), "ended")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if BROWSER is None:
        print("Chromium is not installed")
        sys.exit(77)
    Handler.live = subprocess.run([sys.argv[1]], capture_output=True, check=True).stdout
    Handler.page = sys.argv[2]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cases = {name[5:]: case for name, case in globals().items() if name.startswith("case_")}
    failed = 0
    print(f"1..{len(cases)}")
    for number, (name, case) in enumerate(cases.items(), 1):
        try:
            case(server.server_port)
            print(f"ok {number} - {name}", flush=True)
        except (AssertionError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"not ok {number} - {name}\n# " + str(error).replace("\n", "\n# "), flush=True)
    outside = [path for path in Handler.asked if "://" in path]
    assert not outside, outside
    server.shutdown()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
