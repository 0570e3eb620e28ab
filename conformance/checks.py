"""What the suites written in Python share: checks and their lines, servers, the relay, and certificates made by OpenSSL.

Only what Patchbay tells everybody is used: its command line, and the dev.env that it writes.
"""

import base64
import contextlib
import json
import os
import shlex
import signal
import ssl
import subprocess
import sys
import threading
import time
import traceback
import urllib.request
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

READY_WITHIN = 20  # seconds
STOP_WITHIN = 10

GRAPH_HOST = "graph.microsoft.com"
FOREIGN_HOST = "nowhere.invalid"


class Checks:
    """The checks of a suite. Each prints what report.mjs reads; none keeps those after it from running."""

    def __init__(self):
        self.failed = False

    @contextlib.contextmanager
    def group(self, name):
        """Yields what makes a check of this group: `with check("title"):`. What fails outside of a check is a line too."""

        @contextlib.contextmanager
        def check(title):
            with self._line(name, title, always=True):
                yield

        with self._line(name, always=False):
            yield check

    @contextlib.contextmanager
    def _line(self, *path, always):
        begun, details = time.monotonic(), ""
        try:
            yield
        except Exception:  # an interrupt and an exit go on
            details = traceback.format_exc()
            self.failed = True
        if details or always:
            line = {"check": path, "passed": not details, "milliseconds": (time.monotonic() - begun) * 1000, "details": details}
            print(json.dumps(line), flush=True)

    def exit(self):
        """Ends the process as the checks went."""
        sys.exit(1 if self.failed else 0)


def equal(got, want, what="it"):
    """Fails unless both are the same, and says what they are."""
    if got != want:
        raise AssertionError(f"{what} is {got!r}, want {want!r}")


def contains(text, *parts):
    """Fails unless every part is in the text."""
    for part in parts:
        if part not in text:
            raise AssertionError(f"{part!r} is not in {text!r}")


def environment(**more):
    """This process's own environment without what would become a setting of Patchbay, and without a proxy."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PATCHBAY_") and not name.lower().endswith("_proxy")}
    return kept | more


def read_environment(path):
    """Reads KEY=VALUE lines whose values are single words of a POSIX shell."""
    lines = [line.partition("=") for line in Path(path).read_text().splitlines() if "=" in line]
    return {name: "".join(shlex.split(word)) for name, _, word in lines}


@dataclass(frozen=True)
class Application:
    """An app registration with a secret."""

    tenant: str
    client: str
    secret: str


class Process:
    """A program that prints a first line when it is ready, and ends in good order when it is interrupted."""

    def __init__(self, *command, **env):
        self.name = Path(command[0]).name
        self._process = subprocess.Popen(command, env=environment(**env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        late = threading.Timer(READY_WITHIN, self._process.kill)
        late.start()
        self.first_line = self._process.stdout.readline().decode()
        late.cancel()
        if not self.first_line:
            raise RuntimeError(f"{self.name} was not ready within {READY_WITHIN} s, or ended at once with {self._process.wait()}")
        # What it prints after that is not kept: a secret may be among it.
        threading.Thread(target=self._process.stdout.read, daemon=True).start()

    def stop(self):
        """Ends it in good order, and fails if that does not happen."""
        late = threading.Timer(STOP_WITHIN, self._process.kill)
        late.start()
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait()
        late.cancel()
        if code != 0:
            raise RuntimeError(f"{self.name} did not end in good order, but with {code}")


class Server(Process):
    """A running `patchbay dev` in an empty directory, on any free port, and the local commands on that directory."""

    def __init__(self, data_dir, *flags):
        self._binary, self._data_dir = os.environ["PATCHBAY_BIN"], data_dir
        data_dir.mkdir(mode=0o700)
        super().__init__(self._binary, "dev", "--data-dir", str(data_dir), "--listen", "127.0.0.1:0", "--health-listen", "", *flags)
        self.env = read_environment(data_dir / "dev.env")
        self.url = self.env["PATCHBAY_URL"]
        self.connector = self.env["PATCHBAY_CONNECTOR_ID"]
        self.developer = Application(self.env["AZURE_TENANT_ID"], self.env["AZURE_CLIENT_ID"], self.env["AZURE_CLIENT_SECRET"])

    @property
    def authority_file(self):
        """The certificate of the authority that the server made, as PEM."""
        return Path(self.env["NODE_EXTRA_CA_CERTS"])

    def _local(self, *args):
        command = [self._binary, *args, "--data-dir", str(self._data_dir), "--output", "json"]
        return json.loads(subprocess.run(command, env=environment(), check=True, stdout=subprocess.PIPE).stdout)

    def add_application(self, name, *roles, tenant=None):
        """Registers an application with these permissions."""
        tenant = tenant or self.developer.tenant
        granted = [word for role in roles for word in ("--role", role)]
        client = self._local("app", "create", name, "--tenant", tenant, *granted)["client_id"]
        return Application(tenant, client, self._local("app", "secret", "add", client, "--tenant", tenant)["secret"])

    def add_tenant(self, name):
        """Makes another tenant and returns its id."""
        return self._local("tenant", "create", name)["id"]

    def add_certificate(self, application, file):
        """Lets an application prove itself by the certificate in a PEM file."""
        self._local("app", "certificate", "add", application.client, str(file), "--tenant", application.tenant)


class Relay(Process):
    """The relay of ../relay in front of a server: a proxy for hosts that are compiled in, and a front that injects faults."""

    def __init__(self, server, *hosts):
        mapped = [word for host in hosts for word in ("--map", f"{host}:443")]
        super().__init__(
            os.environ["RELAY_BIN"], "--listen", "127.0.0.1:0", "--to", server.url, "--ca", str(server.authority_file), *mapped
        )
        facts = json.loads(self.first_line)
        self.url, self.proxy, self.authority_file = facts["url"], facts["proxy"], Path(facts["ca"])

    def _control(self, method, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.proxy}/__relay", data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return answer.read()

    def inject(self, **fault):
        """Asks for a fault: status and retryAfter, or redirect, and how many times."""
        self._control("POST", fault)

    def forget(self):
        """Forgets what was seen, and the faults that were not met."""
        self._control("DELETE")

    def seen(self):
        """What came by since forget: requests, by status, host, target and headers, and tunnels."""
        return json.loads(self._control("GET"))


class Identity:
    """A self-signed certificate and its key, and a PKCS#12 file of them; options go to `openssl pkcs12`."""

    def __init__(self, work, name, password="", *options):
        self.password = password
        directory = work / f"identity-{name.replace(' ', '-')}"
        directory.mkdir()

        def openssl(*args):
            subprocess.run(("openssl", *args), cwd=directory, env=environment(PFX_PASSWORD=password), check=True, capture_output=True)

        openssl(
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-noenc",
            "-sha256",
            "-days",
            "365",
            "-subj",
            f"/CN={name}",
            "-keyout",
            "key.pem",
            "-out",
            "certificate.pem",
        )
        openssl(
            "pkcs12",
            "-export",
            "-inkey",
            "key.pem",
            "-in",
            "certificate.pem",
            "-out",
            "identity.pfx",
            "-passout",
            "env:PFX_PASSWORD",
            *options,
        )
        self.certificate_file = directory / "certificate.pem"
        self.pem_file = directory / "both.pem"  # key and certificate
        self.pem_file.write_text((directory / "key.pem").read_text() + self.certificate_file.read_text())
        self.pfx = (directory / "identity.pfx").read_bytes()
        self.pkcs12_value = base64.b64encode(self.pfx).decode()
        self.thumbprint = sha1(ssl.PEM_cert_to_DER_cert(self.certificate_file.read_text())).hexdigest().upper()
        dates = subprocess.run(
            ("openssl", "x509", "-in", self.certificate_file, "-noout", "-startdate", "-enddate"),
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        self.not_before, self.not_after = (ssl.cert_time_to_seconds(line.partition("=")[2]) for line in dates)


def certificate_list(*identities):
    """What Graph shows of identities, the oldest upload first, of which the last one is active."""
    return [
        {
            "thumbprint": identity.thumbprint,
            "notAfter": identity.not_after,
            "notBefore": identity.not_before,
            "isActive": identity is identities[-1],
        }
        for identity in identities
    ]


def bundle(path, *files):
    """Joins files of certificate authorities: clients read one file, and each server has its own authority."""
    path.write_text("\n".join(Path(file).read_text() for file in files))
    return str(path)
