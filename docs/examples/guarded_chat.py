"""A guard in front of an OpenAI-compatible chat: the question is judged before it, the answer after it. Needs openai and requests.

GH_URL=https://guard.example.org:8443 GH_KEY=gh_… GH_CA=ca.pem CHAT_URL=http://chat.example.org:8000/v1 python guarded_chat.py
"""
import os

import openai
import requests

chat = openai.OpenAI(base_url=os.environ["CHAT_URL"], api_key=os.environ.get("CHAT_KEY", "none"), timeout=60)
HELD = {"block": "I cannot help with that.", "review": "A person has to look at this first. Please try again later."}


def judge(messages):
    """Answers allow, block or review. No answer in time, an error, anything else: review, so that nothing passes unjudged."""
    headers = {"Authorization": "Bearer " + os.environ["GH_KEY"], "Prefer": "wait=8"}
    try:
        answer = requests.post(os.environ["GH_URL"] + "/api/v1/moderations", json={"input": messages}, headers=headers,
                               timeout=(2, 10), verify=os.environ["GH_CA"])
        return answer.json()["action"] if answer.status_code == 200 else "review"
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return "review"


def ask(messages):
    """Answers what the chat says, or the sentence that stands in its place."""
    before = judge(messages)
    if before != "allow":
        return HELD.get(before, HELD["review"])
    said = chat.chat.completions.create(model=os.environ.get("CHAT_MODEL", "default"), messages=messages).choices[0].message.content or ""
    after = judge([*messages, {"role": "assistant", "content": said}])
    return said if after == "allow" else HELD.get(after, HELD["review"])


if __name__ == "__main__":
    while question := input("> "):
        print(ask([{"role": "user", "content": question}]))
