"""Time from process start to HTTP 200, against a hello-world Gradio app. python benchmarks/startup.py [--json]"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from common import row, show

ROOT = Path(__file__).resolve().parent.parent
HELLO = """
import gradio as gr, os
with gr.Blocks() as demo:
    gr.Textbox()
demo.launch(server_port=int(os.environ["RU1_PORT"]), quiet=True, run_history=False, ssr_mode=False)
"""


def seconds(command: list[str]) -> float:
    """From start to the first 200."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        environ = os.environ | {"RU1_PORT": str(port), "RU1_DATA_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False"}
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while time.perf_counter() - began < 120:
                try:
                    if urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).status == 200:
                        return time.perf_counter() - began
                except (urllib.error.URLError, OSError):
                    time.sleep(0.02)
            raise SystemExit("the server did not answer within two minutes")
        finally:
            process.kill()
            process.wait()


pairs = [(seconds([sys.executable, "-c", HELLO]), seconds([sys.executable, "app.py"])) for _ in range(5)]
hello, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
show([row("start to HTTP 200, hello-world Blocks", ours, "s", hello)])
