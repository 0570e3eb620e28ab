"""CLI for Microsoft 365, as a program that is run, and what it says."""

import json
import subprocess
from pathlib import Path

from checks import contains, environment, equal

HOSTS = ("graph.microsoft.com", "login.microsoftonline.com")
_PROGRAM = Path(__file__).parent / "node_modules" / ".bin" / "m365"
_LONGEST = 100  # seconds for one command; one of them has to wait for a minute


class Failed(Exception):
    """The program ended with a code other than 0. What it says on the way with --debug is not part of it: tokens are."""

    def __init__(self, code, message, answer):
        super().__init__(f"exit code {code}: {message}")
        self.code, self.message, self.answer = code, message, answer


class M365:
    """The program with a home of its own, in which it keeps who is signed in. It is led to a server by the proxy of a relay."""

    def __init__(self, home, relay):
        home.mkdir()
        self._env = environment(
            HOME=str(home),
            XDG_CONFIG_HOME=str(home),
            TMPDIR=str(home),
            HTTPS_PROXY=relay.proxy,
            NODE_EXTRA_CA_CERTS=str(relay.authority_file),
            CLIMICROSOFT365_NOUPDATE="1",
        )
        (home / "configstore").mkdir()
        # What `m365 cli config set --key disableTelemetry --value true` writes.
        (home / "configstore" / "cli-m365-config.json").write_text('{"disableTelemetry": true}')
        self._home = home

    def run(self, *args):
        """Runs a command and returns what it prints, or raises Failed."""
        try:
            done = subprocess.run((_PROGRAM, *args), env=self._env, cwd=self._home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LONGEST)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{args[0]} took longer than {_LONGEST} s") from None  # its own words show the secret
        if done.returncode:
            message = done.stderr[done.stderr.rfind("Error: ") :].strip()
            raise Failed(done.returncode, message, _answer(done.stderr))
        return done.stdout

    def login(self, application, *credential):
        """Signs in and returns what the program says of it."""
        return json.loads(self.run("login", "--appId", application.client, "--tenant", application.tenant, *credential))

    def request(self, method, path, body=None, *options, **headers):
        """Makes a Graph request and returns the answer. Options that the program does not know, it sends as headers."""
        args = ["request", "--method", method, "--url", path if "://" in path else f"@graph{path}"]
        if body is not None:
            # The program reads a value that begins with @ from a file.
            (self._home / "body.json").write_text(json.dumps(body, ensure_ascii=False))
            args += ["--content-type", "application/json", "--body", "@body.json"]
        for name, value in headers.items():
            args += [f"--{name.replace('_', '-')}", value]
        return json.loads(self.run(*args, *options) or "null")

    def want_error(self, method, path, status, code, *texts, body=None, **headers):
        """Checks that a request fails as this program fails, and that it was told Graph's code and words, which it shows with --debug."""
        try:
            self.request(method, path, body, "--debug", **headers)
        except Failed as failed:
            equal((failed.code, failed.message), (1, f"Error: Request failed with status code {status}"), "exit code and message")
            equal(failed.answer["error"]["code"], code, "the code")
            contains(failed.answer["error"]["message"], *texts)
            contains(failed.answer["error"]["innerError"], "request-id", "date")
        else:
            raise AssertionError(f"answered with success, want {status} {code}")


def _answer(debug):
    """The body of the answer that --debug shows."""
    _, mark, rest = debug.partition("Request error:\n")
    return json.JSONDecoder().raw_decode(rest)[0]["error"] if mark else None
