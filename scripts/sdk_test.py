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
import time

import openai

import example_test
import serving
from serving import expect

CATEGORIES = {
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
}
SMALL = pathlib.Path(__file__).resolve().parent.parent / ".tools" / "models" / "smollm2-135m-instruct-q4_1.gguf"
CHAT = "smollm2"  # its id here
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


def asked(text):
    return [{"role": "user", "content": text}]


# What this server cannot do is refused by name, and nothing of it is ignored.
REFUSED = {
    "two answers": {"n": 2},
    "too many tokens": {"max_tokens": 1_000_000},
    "tools": {"tools": [{"type": "function", "function": {"name": "f"}}]},
    "a schema": {"response_format": {"type": "json_object"}},
    "a heat beyond 2": {"temperature": 2.5},
}


def says_what_the_verdict_says(api, text, said):
    """The guard's own text, against the verdict of the same text where the model keeps to the format."""
    native = api.moderations.create(model="guard-nano", input=text).results[0].x_guardhouse
    form = re.fullmatch(r"Safety: (\w+)\nCategories: (.+)", said)
    expect(form, f"not the format: {said!r}")
    expect(form[1] == native["severity"], f"{form[1]}, and the verdict is {native['severity']}")
    expect((form[2] == "None") == (not native["categories"]), f"{form[2]}, and the verdict has {native['categories']}")


def a_chat(api):
    for text in (HARMLESS, VIOLENT):
        answer = api.chat.completions.create(model="guard-nano", messages=asked(text), user="somebody")
        choice = answer.choices[0]
        expect(answer.object == "chat.completion" and answer.model == "guard-nano", f"{answer.object} {answer.model}")
        expect(choice.finish_reason == "stop" and choice.message.role == "assistant", f"{choice.finish_reason}")
        expect(answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, "usage")
        expect(re.fullmatch("[0-9a-f]{64}", answer.x_guardhouse["audit_hash"]), "audit_hash")
        says_what_the_verdict_says(api, text, choice.message.content)
        history = [*asked(text), choice.message]  # the answer goes back as it came
        api.chat.completions.create(model="guard-nano", messages=history, max_completion_tokens=4)
    return choice.message.content.replace("\n", ", ")


def a_stream(api):
    whole = api.chat.completions.create(model="guard-nano", messages=asked(VIOLENT)).choices[0].message.content
    parts, finish, usage = [], None, None
    stream = api.chat.completions.create(model="guard-nano", messages=asked(VIOLENT), stream=True, stream_options={"include_usage": True})
    for number, chunk in enumerate(stream):
        expect(chunk.object == "chat.completion.chunk", chunk.object)
        if number == 0:
            expect(chunk.choices[0].delta.role == "assistant", "the role comes first")
        for choice in chunk.choices:
            parts.append(choice.delta.content or "")
            finish = choice.finish_reason or finish
        usage = chunk.usage or usage
    expect("".join(parts) == whole, f"{''.join(parts)!r} is not {whole!r}")
    expect(finish == "stop" and usage.completion_tokens > 0, f"{finish} {usage}")
    with api.chat.completions.create(model="guard-nano", messages=asked(VIOLENT), stream=True) as stream:
        next(iter(stream))  # and leave
    return f"{len(parts)} pieces"


def logprobs(api):
    answer = api.chat.completions.create(model="guard-nano", messages=asked(HARMLESS), logprobs=True, top_logprobs=3, temperature=0)
    tokens = answer.choices[0].logprobs.content
    expect(len(tokens) == answer.usage.completion_tokens, f"{len(tokens)} tokens told")
    text = b"".join(bytes(token.bytes) for token in tokens).decode()
    expect(text == answer.choices[0].message.content, f"{text!r}")
    for token in tokens:
        expect(token.logprob <= 0 and len(token.top_logprobs) == 3, f"{token}")
        expect(abs(token.top_logprobs[0].logprob - token.logprob) < 1e-6, "greedy is the likeliest")


def a_chat_model(api):
    """A model that chats: greedy text is the same whole, streamed and again; a seed is kept; a stop string ends it."""
    question = asked("What is the capital of France? Answer in one short sentence.")
    for _ in range(600):  # it is loaded behind the guard
        try:
            whole = api.chat.completions.create(model=CHAT, messages=question, temperature=0, max_tokens=24)
            break
        except openai.InternalServerError as problem:
            expect(problem.code == "loading", f"{problem.code}")
            time.sleep(0.1)
    text = whole.choices[0].message.content
    expect("Paris" in text, f"{text!r}")
    stream = api.chat.completions.create(model=CHAT, messages=question, temperature=0, max_tokens=24, stream=True)
    told = "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)
    expect(told == text, f"{told!r} is not {text!r}")
    one = api.chat.completions.create(model=CHAT, messages=question, max_tokens=1, temperature=0)
    expect(one.choices[0].finish_reason == "length" and one.usage.completion_tokens == 1, f"{one.choices[0]}")
    drawn = [
        api.chat.completions.create(model=CHAT, messages=question, seed=7, temperature=1.2, top_p=0.9, max_tokens=12).choices[0].message.content
        for _ in range(2)
    ]
    expect(drawn[0] == drawn[1], f"one seed, two texts: {drawn}")
    cut = api.chat.completions.create(model=CHAT, messages=question, temperature=0, max_tokens=24, stop=["Paris"]).choices[0]
    expect(cut.finish_reason == "stop" and cut.message.content == text[: text.index("Paris")], f"{cut}")
    again = api.chat.completions.create(model=CHAT, messages=[*question, whole.choices[0].message, *asked("And of Spain?")], max_tokens=8)
    expect(again.usage.prompt_tokens_details.cached_tokens > 0, "a conversation that goes on is found computed")
    refused(openai.BadRequestError, "invalid", lambda: api.moderations.create(model=CHAT, input=HARMLESS))
    return text


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
    checks.run("chat.completions.create", a_chat, api)
    checks.run("chat.completions.create with stream", a_stream, api)
    checks.run("chat.completions.create with logprobs", logprobs, api)
    checks.run("a chat with a model that is not there", refused, openai.NotFoundError, "not_found",
               lambda: api.chat.completions.create(model="no-such-model", messages=asked(HARMLESS), stream=True))
    for name, more in REFUSED.items():
        checks.run(f"a chat with {name}", refused, openai.BadRequestError, "invalid",
                   lambda more=more: api.chat.completions.create(model="guard-nano", messages=asked(HARMLESS), **more))
    checks.run("a route that is not built", refused, openai.NotFoundError, "not_available",
               lambda: api.images.generate(prompt=HARMLESS))
    if CHAT in [model.id for model in api.models.list()]:
        checks.run("a chat model", a_chat_model, api)
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
            if SMALL.exists():  # scripts/setup.sh test puts it there
                served.command("model", "import", str(SMALL), "--id", CHAT, "--allow", "role:reviewer")
            served.start()
            return run(served.url, key, os.path.join(served.data, "tls", "ca.pem"))
    if len(sys.argv) == 1 and "GH_URL" in os.environ:
        return run(os.environ["GH_URL"].rstrip("/"), os.environ["GH_KEY"], os.environ["GH_CA"])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
