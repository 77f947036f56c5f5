"""schemathesis over internal/httpapi/openapi.yaml against bin/guardhouse: no 5xx, no undocumented answer, nothing let in.

usage: schema_test.py bin/guardhouse [EXAMPLES]          EXAMPLES per operation, 15 if not given

One run per kind of caller: an admin's bearer, an admin's key, a nurse's key, and an admin's own session for the operations
that end sessions. After each the same process must still be ready, and at the end the audit log must verify.
"""

import os
import pathlib
import re
import subprocess
import sys

import serving
from serving import expect

DOCUMENT = pathlib.Path(__file__).resolve().parent.parent / "internal" / "httpapi" / "openapi.yaml"
# Rules that no schema states (a name that is taken, a common password, a blank text) refuse data that is valid by the
# schema; what is refused with which status is the Go tests' business.
NOT_CHECKED = "positive_data_acceptance"
# The stream never ends by itself; it has tests of its own.
ENDLESS = ["streamEvents"]
ENDS_SESSIONS = ["logout", "endSession", "endSessions", "changePassword", "endUserSessions"]
SUMMARY = re.compile(r"^\s*(\d+) generated", re.MULTILINE)


def arguments(served, credential, examples):
    return [
        os.path.join(os.path.dirname(sys.executable), "st"), "run", str(DOCUMENT), "--url", served.url,
        "--header", "Authorization: Bearer " + credential, "--tls-verify", os.path.join(served.data, "tls", "ca.pem"),
        "--checks", "all", "--exclude-checks", NOT_CHECKED, "--max-examples", str(examples), "--generation-deterministic",
        "--continue-on-failure", "--request-timeout", "30", "--no-color",
        "--phases", "examples,coverage,fuzzing,stateful",
    ]


def known(document):
    return set(re.findall(r"operationId: (\w+)", document))


def run(served, credential, examples, only=(), never=()):
    there = known(DOCUMENT.read_text(encoding="utf-8"))
    line = arguments(served, credential, examples)
    for name in only:
        line += ["--include-operation-id", name]
    for name in never:
        if name in there:
            line += ["--exclude-operation-id", name]
    before = served.worker()
    done = subprocess.run(line, capture_output=True, text=True, cwd=served.box.name, timeout=1200, check=False,
                          env=dict(serving.environment(), PYTHONUTF8="1"))
    if done.returncode:
        print(done.stdout[-12000:], done.stderr[-2000:], sep="\n", flush=True)
    expect(done.returncode == 0, f"schemathesis exited {done.returncode}; its words are above")
    generated = SUMMARY.search(done.stdout)
    expect(generated and int(generated.group(1)) > 0, "schemathesis generated nothing")
    expect(served.process.poll() is None and served.worker() == before, "the server is gone")
    expect(served.call("GET", "/readyz")[0] == 200, "the server is not ready any more")
    return f"{generated.group(1)} requests"


def sign_in(served, name):
    status, answer = served.call("POST", "/api/v1/auth/login", body={"username": name, "password": serving.PASSWORD})
    expect(status == 200 and answer.get("access_token"), f"sign-in answered {status}")
    return answer["access_token"]


def ends_sessions(served, examples):
    there = known(DOCUMENT.read_text(encoding="utf-8"))
    said = []
    for name in ENDS_SESSIONS:
        if name in there:
            # One account each: wrong current passwords make the next sign-in of that account wait.
            said.append(name + " " + run(served, sign_in(served, "leaver-" + name.lower()), examples, only=[name]))
    return ", ".join(said)


def verify(served):
    done = served.command("audit", "verify", check=False)
    expect(done.returncode == 0, done.stdout + done.stderr)
    return done.stdout.splitlines()[0]


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    examples = int(sys.argv[2]) if len(sys.argv) == 3 else 15
    checks = serving.Checks()
    with serving.Served(sys.argv[1]) as served:
        admin = served.make_key("admin", "admin")
        nurse = served.make_key("nora", "nurse")
        for name in ENDS_SESSIONS:
            served.make_key("leaver-" + name.lower(), "admin")
        served.start()
        never = ENDLESS + ENDS_SESSIONS
        checks.run("an admin's bearer", lambda: run(served, sign_in(served, "admin"), examples, never=never))
        checks.run("an admin's key", run, served, admin, examples, (), ENDLESS)
        checks.run("a nurse's key", run, served, nurse, examples, (), ENDLESS)
        checks.run("operations that end sessions", ends_sessions, served, examples)
        checks.run("the audit log after all that", verify, served)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
