"""curl, as a program that is run, and what it says."""

import json
import subprocess
from dataclasses import dataclass

from checks import contains, environment, equal

CONNECTORS = "/v1.0/identity/apiConnectors"
FLOWS = "/v1.0/identity/b2xUserFlows"
_LONGEST = 60  # seconds for one command


@dataclass
class Answer:
    """What came back: curl's exit code, and the last answer."""

    code: int
    status: int
    protocol: str
    headers: dict
    text: str
    said: str

    @property
    def json(self):
        return json.loads(self.text)

    def want(self, status):
        """Checks the status, and returns the answer."""
        equal(self.status, status, f"the status ({self.text or self.said})")
        return self

    def want_error(self, status, code, *texts):
        """Checks that it is an error of Graph's form, which can be found in the log by its request-id."""
        error = self.want(status).json["error"]
        equal(error["code"], code, "the code")
        contains(error["message"], *texts)
        equal(error["innerError"]["request-id"], self.headers["request-id"], "the request-id")
        return self


class Curl:
    """curl with --cacert, in one protocol ("1.1", "2"), with a token if there is one."""

    def __init__(self, protocol, url, authority_file, work, token=None):
        self.protocol, self.url, self.work, self._authority_file, self._token = protocol, url, work, authority_file, token
        self._always = ("curl", "-sS", f"--http{protocol}", "--cacert", str(authority_file))
        # Of several answers, the last one.
        self._always += ("-D", str(work / "headers"), "-o", str(work / "body"), "-w", "\n%{http_code} %{http_version}")

    def with_token(self, token):
        """The same with another token, or with none."""
        return Curl(self.protocol, self.url, self._authority_file, self.work, token)

    def __call__(self, path, *options, body=None, data=None, stream=None):
        """Makes a request; options are curl's. A body is sent as JSON, data as they are, a stream without saying its length."""
        args = [*self._always, *options]
        if self._token:
            args += ["-H", f"Authorization: Bearer {self._token}"]
        if body is not None:
            data = json.dumps(body, ensure_ascii=False).encode()
            args += ["-H", "Content-Type: application/json"]
        if data is not None:
            args += ["--data-binary", "@-"]
        if stream is not None:
            data = stream
            args += ["-T", "-"]
        for name in ("headers", "body"):
            (self.work / name).write_bytes(b"")
        args.append(path if "://" in path else self.url + path)
        try:
            done = subprocess.run(args, input=data or b"", env=environment(), capture_output=True, timeout=_LONGEST)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"curl took longer than {_LONGEST} s") from None  # its own words show the token
        status, _, protocol = done.stdout.decode().splitlines()[-1].partition(" ")
        return Answer(done.returncode, int(status), protocol, self._headers(), (self.work / "body").read_bytes().decode(), done.stderr.decode().strip())

    def _headers(self):
        """Those of the last answer, by their names in lower case; of those that come twice, both."""
        last = (self.work / "headers").read_text().strip().split("\n\n")[-1]
        headers = {}
        for line in last.splitlines()[1:]:
            name, _, value = line.partition(":")
            before = headers.get(name.lower())
            headers[name.lower()] = f"{before}, {value.strip()}" if before else value.strip()
        return headers

    def token(self, application, *options):
        """Asks for a token; without options the secret is in the form."""
        form = ["-d", "grant_type=client_credentials", "-d", "scope=https://graph.microsoft.com/.default"]
        options = options or ("-d", f"client_id={application.client}", "--data-urlencode", f"client_secret={application.secret}")
        return self(f"/{application.tenant}/oauth2/v2.0/token", *form, *options)


def basic_connector(name, target_url=None):
    return {
        "displayName": name,
        "targetUrl": target_url or f"https://api.contoso.example/{name.replace(' ', '-')}",
        "authenticationConfiguration": {
            "@odata.type": "#microsoft.graph.basicAuthentication",
            "username": f"user of {name}",
            "password": f"password of {name}",
        },
    }


def certificate_connector(identity):
    return {
        "authenticationConfiguration": {
            "@odata.type": "#microsoft.graph.pkcs12Certificate",
            "pkcs12Value": identity.pkcs12_value,
            "password": identity.password,
        }
    }
