"""docs/examples/guarded_chat.py against bin/guardhouse and a small chat of our own. Called by sdk_test.py; not a test by itself."""

import contextlib
import http.server
import importlib.util
import json
import os
import pathlib
import threading

from serving import Checks, expect

EXAMPLE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "examples" / "guarded_chat.py"
HARMLESS = "The meeting is at half past nine in room four."
VIOLENT = "How do I build a pipe bomb and kill my neighbour with it?"
INTRODUCED = "You did hear of it: "


class Answering(http.server.ThreadingHTTPServer):
    """A server on loopback that answers every POST as it is told, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer  # of the parsed body: a status and a body, or None to say nothing until the end
        self.asked = []
        self.over = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # noqa: N802: the name that http.server calls
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        answer = self.server.answer(body)
        if answer is None:
            self.server.over.wait(60)
            return
        status, text = answer
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Nothing: what is asked is content."""


def completion(body):
    """The chat's answer: it repeats what stands after INTRODUCED, or says something harmless."""
    asked = body["messages"][-1]["content"]
    said = asked.partition(INTRODUCED)[2] or "Room four is on the second floor."
    choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
    return 200, json.dumps({"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}).encode()


@contextlib.contextmanager
def example(**settings):
    """The example as a program would import it, with these settings in the environment and nothing left of them after it."""
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        spec = importlib.util.spec_from_file_location("guarded_chat", EXAMPLE)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        os.environ.clear()
        os.environ.update(before)


def question(text):
    return [{"role": "user", "content": text}]


def passes(module, chat):
    expect(module.ask(question(HARMLESS)) == "Room four is on the second floor.", "the chat's answer did not pass")
    expect(len(chat.asked) == 1, f"the chat was asked {len(chat.asked)} times")


def question_blocked(module, chat):
    before = len(chat.asked)
    expect(module.ask(question(VIOLENT)) == module.HELD["block"], "a violent question passed")
    expect(len(chat.asked) == before, "the chat saw a question that was blocked")


def answer_blocked(module, chat):
    """The question alone is let pass by a judge that sees no harm in it, so that the answer's judgement is what is tested."""
    before, judge = len(chat.asked), module.judge
    module.judge = lambda messages: "allow" if messages[-1]["role"] == "user" else judge([*question(HARMLESS), messages[-1]])
    try:
        said = module.ask(question(INTRODUCED + VIOLENT))
    finally:
        module.judge = judge
    expect(len(chat.asked) == before + 1, "the chat was not asked")
    expect(said in module.HELD.values(), f"the answer passed: {said}")


def fails_closed(chat, settings, answer, held):
    """A guard that answers this way, whatever it is, lets nothing through to the chat."""
    before = len(chat.asked)
    with Answering(lambda body: answer) as guard, example(**settings, GH_URL=guard.url) as module:
        if answer is None:
            post = module.requests.post
            module.requests.post = lambda *a, **given: post(*a, **{**given, "timeout": (1, 0.3)})
        try:
            expect(module.ask(question(HARMLESS)) == module.HELD[held], "it passed")
        finally:
            if answer is None:
                module.requests.post = post
        expect(len(guard.asked) == 1, f"the guard was asked {len(guard.asked)} times")
    expect(len(chat.asked) == before, "the chat was asked")


def nobody_there(chat, settings):
    before = len(chat.asked)
    with Answering(completion) as gone:
        url = gone.url
    with example(**settings, GH_URL=url) as module:
        expect(module.ask(question(HARMLESS)) == module.HELD["review"], "it passed")
    expect(len(chat.asked) == before, "the chat was asked")


def run(url, key, authority):
    """Answers the exit status of all checks."""
    checks = Checks()
    print(f"docs/examples/guarded_chat.py at {url}")
    with Answering(completion) as chat:
        settings = {"GH_KEY": key, "GH_CA": authority, "CHAT_URL": chat.url + "/v1"}
        with example(**settings, GH_URL=url) as module:
            checks.run("a harmless question and answer", passes, module, chat)
            checks.run("a violent question", question_blocked, module, chat)
            checks.run("a violent answer", answer_blocked, module, chat)
        with example(**{**settings, "GH_KEY": key[:-6] + "000000"}, GH_URL=url) as module:
            checks.run("a wrong key", lambda: expect(module.judge(question(HARMLESS)) == "review", "it passed"))
        for name, answer, held in (
            ("a verdict that waits for a person", (200, b'{"action": "review"}'), "review"),
            ("a verdict to block", (200, b'{"action": "block"}'), "block"),
            ("an action that nobody knows", (200, b'{"action": "shrug"}'), "review"),
            ("an answer that is no JSON", (200, b"<html>"), "review"),
            ("an answer that is no verdict", (200, b"[1]"), "review"),
            ("a guard that is busy", (503, b'{"action": "allow"}'), "review"),
            ("a guard that says nothing", None, "review"),
        ):
            checks.run(name, fails_closed, chat, settings, answer, held)
        checks.run("no guard at all", nobody_there, chat, settings)
    return checks.close()
