"""JupyterLab in a real Chromium: a server with folders of its own, and what a person does in a notebook."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-quic",  # from here on: nothing that asks the network
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    # All cells in the page, also those that are out of sight: what is not there cannot be looked at.
    "notebook-extension/tracker": {"windowingMode": "none"},
}
MINUTE = 60_000  # ms; under load a kernel's imports alone may take a third of it
NOTEBOOK = ".jp-NotebookPanel:not(.lm-mod-hidden)"
# JupyterLab shows a traceback as it does what goes to stderr: either is a complaint.
ERROR = f'{NOTEBOOK} .jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]'


def chromium() -> str | None:
    """Return the path of a Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def lab(folder: Path, root: Path) -> Iterator[str]:
    """Start JupyterLab on the notebooks of `root`, with configuration and settings of its own; yield its address."""
    homes = {name: folder / name for name in ("config", "data", "settings", "workspaces")}
    for name, settings in SETTINGS.items():
        path = homes["settings"] / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(homes["config"]),
        "JUPYTER_DATA_DIR": str(homes["data"]),
        "JUPYTERLAB_SETTINGS_DIR": str(homes["settings"]),
        "JUPYTERLAB_WORKSPACES_DIR": str(homes["workspaces"]),
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip", "127.0.0.1"]
    command += ["--port", str(port), "--ServerApp.port_retries=0", f"--ServerApp.root_dir={root}"]
    with open(folder / "lab.log", "w") as log:
        server = subprocess.Popen(
            [*command, "--IdentityProvider.token=secret"], env=environment, stdout=log, stderr=log
        )
    try:
        _wait_for(server, f"http://127.0.0.1:{port}/api/status?token=secret", folder / "lab.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()  # which ends its kernels first
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for(server: subprocess.Popen, url: str, log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


class Browser:
    """A page of Chromium; `complaints` are the errors that its console showed."""

    def __init__(self, playwright, address: str):
        self.address = address
        self.chromium = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        self.page = self.chromium.new_page(viewport={"width": 1400, "height": 1100})
        self.page.set_default_timeout(3 * MINUTE)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("pageerror", lambda error: self._heard("error", str(error)))

    def _heard(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def open(self, name: str) -> None:
        """Open a notebook and wait until its kernel is there."""
        self.page.goto(f"{self.address}/lab/tree/{name}?token=secret&reset", wait_until="domcontentloaded")
        self.ready(name)

    def ready(self, name: str) -> None:
        """Wait until a notebook is in front and has an idle kernel: with none, running all is lost without a word."""
        self.page.wait_for_selector(f"{NOTEBOOK} .jp-Notebook .jp-Cell")
        self.page.wait_for_function(
            "([panel, tab, name]) => { const kernel = document.querySelector(`${panel} .jp-KernelName`);"
            " const shown = document.querySelector(`${panel} .jp-Notebook-ExecutionIndicator`);"
            " return document.querySelector(tab)?.innerText == name && kernel && kernel.innerText != 'No Kernel'"
            " && shown?.dataset.status == 'idle' }",
            arg=[NOTEBOOK, "#jp-main-dock-panel .lm-TabBar-tab.jp-mod-current .lm-TabBar-tabLabel", name],
        )

    def run_all(self) -> None:
        """Choose Run, Run All Cells."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()

    def finished(self) -> None:
        """Wait until every code cell has run."""
        self.page.wait_for_function(
            "selector => { const all = [...document.querySelectorAll(selector)].map(one => one.innerText.trim());"
            r" return all.length && all.every(text => /^\[\d+\]:$/.test(text)) }",
            arg=f"{NOTEBOOK} .jp-CodeCell .jp-InputPrompt",
            timeout=6 * MINUTE,
        )

    def stop(self) -> None:
        """Press the stop button, and wait for an error and an idle kernel: until then it drops what it is asked."""
        self.page.locator(f'{NOTEBOOK} [data-command="notebook:interrupt-kernel"]').first.click()
        self.page.wait_for_selector(ERROR)
        self.page.wait_for_function(
            "([panel, prompts]) => [...document.querySelectorAll(prompts)].every(one => !one.innerText.includes('*'))"
            " && document.querySelector(`${panel} .jp-Notebook-ExecutionIndicator`)?.dataset.status == 'idle'",
            arg=[NOTEBOOK, f"{NOTEBOOK} .jp-CodeCell .jp-InputPrompt"],
        )

    def errors(self) -> list[str]:
        """Return what cells raised."""
        return self.page.locator(ERROR).all_inner_texts()

    def outputs(self) -> str:
        """Return the text of all outputs."""
        return "\n".join(self.page.locator(f"{NOTEBOOK} .jp-OutputArea-output").all_inner_texts())

    def shows(self, selector: str, pattern: str) -> None:
        """Wait until an element's text matches a regular expression."""
        self.page.wait_for_function(
            "([selector, pattern]) => new RegExp(pattern).test(document.querySelector(selector)?.innerText ?? '')",
            arg=[selector, pattern],
        )

    def source_of(self, selector: str) -> str:
        """Return an image's address."""
        return self.page.locator(selector).get_attribute("src") or ""

    def screenshot(self, path: Path) -> Path:
        """Take a picture of the page."""
        self.page.screenshot(path=path)
        return path

    def close(self) -> None:
        """Close the browser."""
        self.chromium.close()


def with_parameters(notebook: dict, **values) -> dict:
    """Change defaults in a notebook's parameters cell, as a person edits it."""
    for cell in notebook["cells"]:
        if "parameters" in cell["metadata"].get("tags", []):
            source = "".join(cell["source"])
            for name, value in values.items():
                source, found = re.subn(rf"(?m)^({name}: [^=]+ = )\S+", lambda m, v=value: f"{m[1]}{v!r}", source)
                assert found == 1, name
            cell["source"] = source
    return notebook
