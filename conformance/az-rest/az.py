"""The Azure CLI with a configuration folder of its own, on the way through the relay, and the look at its errors."""

import json
import re
import shutil
import subprocess
import sys

from checks import GRAPH_HOST, contains, environment, equal

LOGIN_HOST = "login.microsoftonline.com"
MANAGEMENT_HOST = "management.azure.com"

GRAPH = f"https://{GRAPH_HOST}"
CONNECTORS = "/v1.0/identity/apiConnectors"
DEMO_FLOW = "B2X_1_demo"  # which dev makes

TAKES_NO_LONGER_THAN = 60  # seconds


class Refused(Exception):
    """What az says when it fails."""

    def __init__(self, code, message):
        super().__init__(f"az ended with {code}: {message}")
        self.code, self.message = code, message


class Az:
    """The program az, with HTTPS_PROXY and REQUESTS_CA_BUNDLE if it is to take the way through a relay's proxy."""

    def __init__(self, config_dir, relay, proxy=True):
        self.relay = relay
        config_dir.mkdir()
        self._work = config_dir
        self._environment = environment(
            AZURE_CONFIG_DIR=str(config_dir),
            AZURE_CORE_COLLECT_TELEMETRY="false",
            AZURE_CORE_SURVEY_MESSAGE="false",
            AZURE_CORE_NO_COLOR="true",
            AZURE_CORE_ONLY_SHOW_ERRORS="true",
            AZURE_CORE_INSTANCE_DISCOVERY="true" if proxy else "false",
            REQUESTS_CA_BUNDLE=str(relay.authority_file),
        )
        if proxy:
            self._environment["HTTPS_PROXY"] = relay.proxy

    def __call__(self, *args):
        """Runs a command of az and returns what it prints, decoded."""
        command = (sys.executable, "-m", "azure.cli", *args, "--output", "json")  # as the script az does
        run = subprocess.run(
            command, env=self._environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TAKES_NO_LONGER_THAN
        )
        if run.returncode != 0:
            raise Refused(run.returncode, run.stderr.strip())
        return json.loads(run.stdout) if run.stdout.strip() else None

    def file(self, name, text):
        """Writes a file and returns it as az takes the value of an option from a file."""
        path = self._work / name
        path.write_text(text)
        path.chmod(0o600)
        return f"@{path}"

    def point(self, pointed=None):
        """Lets az login ask for a token for Microsoft Graph, and not for Azure, which Patchbay is not; as another az did, if
        there is one already."""
        name = "clouds.config"
        if pointed:
            shutil.copy(pointed._work / name, self._work / name)
        else:
            self("cloud", "update", "--name", "AzureCloud", "--endpoint-active-directory-resource-id", f"{GRAPH}/")

    def login(self, app, certificate=None, **options):
        """Logs in as an application: with its secret, or with the PEM file of a certificate and its key."""
        # What az asks of Azure, once it has a token: which subscriptions there are.
        self.relay.inject(path="/subscriptions", status=200, body={"value": []}, times=1)
        proof = ("--certificate", str(certificate)) if certificate else ("--password", self.file("secret", app.secret))
        more = [f"--{name.replace('_', '-')}" for name in options]
        return self(
            "login", "--service-principal", "--username", app.client, *proof, "--tenant", app.tenant, "--allow-no-subscriptions", *more
        )

    def rest(self, method, path, body=None, headers=None, **query):
        """Runs `az rest`; query options are given without their $."""
        args = ["--method", method, "--url", path if "://" in path else GRAPH + path]
        if body is not None:
            args += ["--body", self.file("body.json", json.dumps(body, indent=2))]
        if headers:
            args += ["--headers", *(f"{name}={value}" for name, value in headers.items())]
        if query:
            args += ["--uri-parameters", *(f"${name}={value}" for name, value in query.items())]
        return self("rest", *args)


def want_error(reason, code, *texts):
    """Makes a check of what follows: `with want_error("Not Found", "ResourceNotFound"):` az must end with 1, and say Graph's
    error after HTTP's reason."""
    return _WantError(reason, code, texts)


class _WantError:
    def __init__(self, reason, code, texts):
        self._want, self._texts = (reason, code), texts

    def __enter__(self):
        return self

    def __exit__(self, kind, refused, _traceback):
        if kind is None:
            raise AssertionError(f"az went well, want {self._want}")
        if kind is not Refused:
            return False
        equal(refused.code, 1, "the exit code")
        said = re.match(r"ERROR: ([A-Za-z ]+)\((\{.*\})\)$", refused.message, re.MULTILINE)
        if not said:
            raise AssertionError(f"az says {refused.message!r}")
        error = json.loads(said[2])["error"]
        equal((said[1], error["code"]), self._want, f"the error ({error['message']})")
        contains(error["message"], *self._texts)
        equal(len(error["innerError"]["request-id"]), 36, "the length of request-id")
        return True
