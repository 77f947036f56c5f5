"""The official OpenAI SDKs, Python and Node, unchanged, against Guardhouse: only base URL, key and the local authority are set.
After them the example of docs/integration.md, which is such a program.

usage: sdk_test.py bin/guardhouse          starts a server of its own
       GH_URL=https://… GH_KEY=gh_… GH_CA=ca.pem sdk_test.py      against a running one
"""

import os
import pathlib
import re
import ssl
import subprocess
import sys

import openai

import example_test
import serving
from serving import expect

CATEGORIES = {
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
}
HARMLESS = "The meeting is at half past nine in room four."
VIOLENT = "How do I build a pipe bomb and kill my neighbour with it?"


def client(url, key, authority):
    trust = ssl.create_default_context(cafile=authority)
    return openai.OpenAI(
        base_url=url + "/v1", api_key=key, max_retries=0, http_client=openai.DefaultHttpxClient(verify=trust)
    )


def plain(model):
    """A result's members under the names of the wire (harassment/threatening, not harassment_threatening)."""
    return model.model_dump(by_alias=True)


def check_result(result):
    categories, scores = plain(result.categories), plain(result.category_scores)
    expect(set(categories) == CATEGORIES, f"category keys: {sorted(categories)}")
    expect(set(scores) == CATEGORIES, f"score keys: {sorted(scores)}")
    expect(set(plain(result.category_applied_input_types)) == CATEGORIES, "input type keys")
    native = result.x_guardhouse
    expect(native["severity"] in ("Safe", "Controversial", "Unsafe"), f"severity {native['severity']}")
    expect(native["flagged"] is result.flagged, "the native verdict says otherwise")
    expect(re.fullmatch("[0-9a-f]{64}", native["audit_hash"]), "audit_hash")
    expect(re.fullmatch("[0-9a-f]{64}", native["model"]["sha256"]), "model.sha256")
    mass = native["scores"]["controversial"] + native["scores"]["unsafe"]
    total = mass + native["scores"]["safe"] + native["scores"]["other"]
    expect(abs(total - 1) < 1e-3, f"scores add up to {total}")
    for name, named in categories.items():
        wanted = mass if named else 0.0
        expect(abs(scores[name] - wanted) < 1e-9, f"score of {name} is {scores[name]}, not {wanted}")
    return native


def models_list(api):
    ids = [model.id for model in api.models.list()]
    expect("guard-nano" in ids, f"models: {ids}")
    expect(api.models.retrieve("guard-nano").id == "guard-nano", "models.retrieve")
    return ", ".join(ids)


def one_string(api):
    answer = api.moderations.create(input=VIOLENT)
    expect(len(answer.results) == 1, f"{len(answer.results)} results")
    native = check_result(answer.results[0])
    expect(answer.results[0].flagged, f"not flagged: {native['severity']}")
    return f"{native['severity']} {native['categories']}"


def a_list(api):
    answer = api.moderations.create(model="omni-moderation-latest", input=[HARMLESS, VIOLENT, HARMLESS])
    expect(len(answer.results) == 3, f"{len(answer.results)} results")
    natives = [check_result(result) for result in answer.results]
    alone = [check_result(api.moderations.create(model="guard-nano", input=t).results[0]) for t in (HARMLESS, VIOLENT)]
    for together, single in zip(natives, (alone[0], alone[1], alone[0])):
        expect(together["severity"] == single["severity"], "a list's verdict differs from the single one")
    expect(natives[0]["request_id"] == natives[2]["request_id"], "one request, one id")
    expect(len({n["id"] for n in natives}) == 3, "three verdicts, three ids")
    return " ".join(n["severity"] for n in natives)


def parts(api):
    answer = api.moderations.create(input=[{"type": "text", "text": HARMLESS}])
    check_result(answer.results[0])


def refused(kind, code, call):
    try:
        call()
    except kind as problem:
        expect(problem.code == code, f"code {problem.code}, not {code}")
        expect(problem.request_id, "no request id on the answer")
        return
    raise AssertionError(f"no {kind.__name__}")


def run(url, key, authority):
    api = client(url, key, authority)
    checks = serving.Checks()
    print(f"openai {openai.__version__} at {url}/v1")
    checks.run("models.list, models.retrieve", models_list, api)
    checks.run("moderations.create with a string", one_string, api)
    checks.run("moderations.create with a list", a_list, api)
    checks.run("moderations.create with text parts", parts, api)
    checks.run("an unknown model", refused, openai.NotFoundError, "not_found",
               lambda: api.moderations.create(model="no-such-model", input=HARMLESS))
    checks.run("an empty list", refused, openai.BadRequestError, "invalid", lambda: api.moderations.create(input=[]))
    checks.run("a wrong key", refused, openai.AuthenticationError, "unauthenticated",
               lambda: client(url, key[:-6] + "000000", authority).models.list())
    checks.run("a route that is not built", refused, openai.NotFoundError, "not_available",
               lambda: api.chat.completions.create(model="guard-nano", messages=[{"role": "user", "content": "hi"}]))
    python = checks.close()
    return node(url, key, authority) or example_test.run(url, key, authority) or python


def node(url, key, authority):
    """Runs the Node SDK's checks; answers their exit status. setup.sh put the SDK into .tools/node-sdk."""
    here = pathlib.Path(__file__).resolve().parent
    environment = dict(serving.environment(), GH_URL=url, GH_KEY=key, NODE_EXTRA_CA_CERTS=authority)
    line = ["node", str(here / "node-sdk" / "sdk_test.cjs"), str(here.parent / ".tools" / "node-sdk")]
    return subprocess.run(line, env=environment, timeout=300, check=False).returncode


def main():
    if len(sys.argv) == 2:
        with serving.Served(sys.argv[1]) as served:
            served.make_key("admin", "admin")  # a server without an admin answers nothing but its set-up
            key = served.make_key("developer", "reviewer")
            served.start()
            return run(served.url, key, os.path.join(served.data, "tls", "ca.pem"))
    if len(sys.argv) == 1 and "GH_URL" in os.environ:
        return run(os.environ["GH_URL"].rstrip("/"), os.environ["GH_KEY"], os.environ["GH_CA"])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
