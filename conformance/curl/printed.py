"""What README.md and `patchbay dev` print for a shell, pasted into one, word for word."""

import json
import os
import re
import signal
import subprocess
import threading
from pathlib import Path

from checks import READY_WITHIN, STOP_WITHIN, contains, environment, equal, read_environment

_LAST_LINE = "#   NODE_EXTRA_CA_CERTS="
_LONGEST = 60  # seconds for one script
_README = Path(__file__).parents[2] / "README.md"


class Printed:
    """A `patchbay dev` whose printed text is kept: all that it prints, up to the last line of it."""

    def __init__(self, data_dir):
        data_dir.mkdir(mode=0o700)
        command = (os.environ["PATCHBAY_BIN"], "dev", "--data-dir", str(data_dir), "--listen", "127.0.0.1:0", "--health-listen", "")
        self._process = subprocess.Popen(command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        late = threading.Timer(READY_WITHIN, self._process.kill)
        late.start()
        lines = []
        for line in self._process.stdout:
            lines.append(line)
            if line.startswith(_LAST_LINE):
                break
        late.cancel()
        self.script = "".join(lines)
        if _LAST_LINE not in self.script:
            raise RuntimeError("patchbay dev did not print what is to be pasted")
        threading.Thread(target=self._process.stdout.read, daemon=True).start()
        self.env = read_environment(data_dir / "dev.env")
        self.authority_file = self.env["NODE_EXTRA_CA_CERTS"]

    def stop(self):
        self._process.send_signal(signal.SIGINT)
        late = threading.Timer(STOP_WITHIN, self._process.kill)
        late.start()
        code = self._process.wait()
        late.cancel()
        equal(code, 0, "the exit code of patchbay dev")

    def readme(self, beginning):
        """The shell lines of README.md that begin so, with the values of this server where README.md has names for them."""
        blocks = [block for block in re.findall(r"^```sh\n(.*?)^```", _README.read_text(), re.MULTILINE | re.DOTALL) if block.startswith(beginning)]
        equal(len(blocks), 1, f"the number of blocks of README.md that begin with {beginning!r}")
        text = blocks[0]
        for name, value in (
            ("…/patchbay-dev/ca.pem", self.authority_file),
            ("https://localhost:8443", self.env["PATCHBAY_URL"]),
            ("<tenant>", self.env["AZURE_TENANT_ID"]),
            ("<client>", self.env["AZURE_CLIENT_ID"]),
            ("<secret>", self.env["AZURE_CLIENT_SECRET"]),
            ("<id>", self.env["PATCHBAY_CONNECTOR_ID"]),
        ):
            if name in text:
                text = text.replace(name, value)
        return text


def paste(script):
    """Runs a script as a shell does that it is pasted into, and returns what it prints."""
    done = subprocess.run(("bash",), input=script, env=environment(), capture_output=True, text=True, timeout=_LONGEST)
    equal((done.returncode, done.stderr), (0, ""), "exit code and what it complains about")
    return done.stdout


def printed(dev, check):
    changed = ('"displayName":"New Test API"', '"targetUrl":"https://otherapi.com/api/endpoint"', '"username":"<NEW_USERNAME>"', '"password":"******"')
    decided = ('"action":"Continue"', '"reason":"continued"', '"receipt":{')
    with check("all that patchbay dev prints: token, PATCH, GET and step"):
        contains(paste(dev.script), "HTTP/2 204", *changed, *decided)
    with check("README.md, the first PATCH: token, PATCH and GET"):
        contains(paste(dev.readme("# 1. A token")), "HTTP/2 204", *changed)
    step = dev.readme("curl ")
    with check("README.md, the first decision: a step and its receipt"):
        contains(paste(step), *decided)
    for who, action, reason in (
        ("block", "ShowBlockPage", None),
        ("invalid", "ValidationError", None),
        ("html", "Failed", "target_returned_html"),
    ):
        with check(f"README.md, the first decision: {who}@example.com is {action}"):
            contains(step, "ada@example.com")
            decision = json.loads(paste(step.replace("ada@example.com", f"{who}@example.com")))
            equal(decision["action"], action, "the action")
            equal(decision["reason"] if reason else None, reason, "the reason")
