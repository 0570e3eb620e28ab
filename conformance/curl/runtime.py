"""/runtime/v1 with HTTP Basic: user name and password are an application and its secret."""

from checks import contains, equal

STEP = "/runtime/v1/userFlows/B2X_1_demo/steps/postAttributeCollection"
ADA = {"claims": {"email": "ada@example.com", "displayName": "Ada Lovelace"}}


def runtime(curl, server, check):
    developer = server.developer
    basic = ("-u", f"{developer.tenant}/{developer.client}:{developer.secret}")
    with check("HTTP Basic: a step is decided, and its receipt read"):
        decision = curl(f"{STEP}?receipt=true", *basic, body=ADA).want(200).json
        equal((decision["action"], decision["reason"]), ("Continue", "continued"))
        equal(curl(f"/runtime/v1/invocations/{decision['invocationId']}", *basic).want(200).json["id"], decision["invocationId"])
    with check("--anyauth: curl asks without, is told of Basic, and repeats"):
        equal(curl(STEP, "--anyauth", *basic, body=ADA).want(200).json["action"], "Continue")
    with check("401 for a wrong secret, with WWW-Authenticate for Basic and Bearer"):
        refused = curl(STEP, "-u", f"{developer.tenant}/{developer.client}:wrong", body=ADA).want_error(401, "InvalidAuthenticationToken")
        contains(refused.headers["www-authenticate"], 'Bearer realm="Patchbay"', 'Basic realm="Patchbay"')
    with check("a bearer token is as good"):
        token = curl.token(developer).want(200).json["access_token"]
        equal(curl(STEP, "--oauth2-bearer", token, body=ADA).want(200).json["action"], "Continue")
    with check("403 for an application that may not"):
        nobody = server.add_application("curl nobody")
        curl(STEP, "-u", f"{nobody.tenant}/{nobody.client}:{nobody.secret}", body=ADA).want(403)
    with check("Idempotency-Key: the same decision once more, and 422 for other claims"):
        key = (*basic, "-H", "Idempotency-Key: journey-1")
        first = curl(STEP, *key, body=ADA).want(200).json
        equal(curl(STEP, *key, body=ADA).want(200).json["invocationId"], first["invocationId"], "the invocation of the second answer")
        curl(STEP, *key, body={"claims": {"email": "grace@example.com"}}).want(422)
    with check("HTTP Basic is not for the Graph surface: 401"):
        curl("/v1.0/identity/apiConnectors", *basic).want(401)
