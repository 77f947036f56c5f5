"""Guardhouse, llama-server and ollama side by side on one GGUF, at each one's best settings, by `guardhouse bench`.

usage: compare.py --guardhouse bin/guardhouse [--llama-server FILE] [--ollama FILE] [--llama-bench FILE] [--gguf FILE] [--texts FILE] …

In each round every program gets the same texts, which no other round sends, and the order of the programs turns. The others are asked both
ways: for twelve greedy tokens, and for one token after the lead-in `Safety:`, which is their quickest. A round ends when its texts are
finished or its time is up; rates are compared over the texts that both finished. Guardhouse runs over HTTPS with key, gate and durable
audit. Every program runs on a folder and a port of its own; all of them, and nothing else, are ended at the end. Standard library only.
"""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import figures
import processes

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TWELVE, ONE = "12 tokens", "1 token"


def options(argv):
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--guardhouse", default=str(ROOT / "bin" / "guardhouse"))
    p.add_argument("--llama-server")
    p.add_argument("--ollama")
    p.add_argument("--llama-bench")
    p.add_argument("--gguf", default=str(ROOT / "models" / "guard-nano.gguf"))
    p.add_argument("--texts", help="one a line, or JSON lines with input or text (default: generated)")
    p.add_argument("--clients", default="1,4,16")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--requests", type=int, default=200, help="texts of a round with one client; with more, up to twice as many")
    p.add_argument("--bound", type=float, default=30, help="seconds after which a round begins no more texts")
    p.add_argument("--timeout", type=float, default=300, help="seconds for one answer")
    p.add_argument("--modes", default=f"{TWELVE},{ONE}")
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--slots", type=int, default=4, help="of the others")
    p.add_argument("--llama-arg", action="append", default=[], help="one more for llama-server (repeat)")
    p.add_argument("--set", action="append", default=[], help="a setting of Guardhouse, KEY=VALUE (repeat)")
    p.add_argument("--skip", type=int, default=0, help="first text")
    p.add_argument("--json", help="where the whole report goes")
    return p.parse_args(argv)


def digest(name):
    with open(name, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hashlib.sha256(f.read()).hexdigest()


def bench(o, program, lead_in, arguments):
    """Runs guardhouse bench against a program and answers its report."""
    command = [o.guardhouse, "bench", "--url", program.url, *program.arguments(lead_in), "--rounds", "1", "--warmup", "0s", "--timeout", f"{o.timeout}s", "--samples", "--json", *arguments]
    if program.name != "guardhouse":
        command += ["--template-from", o.gguf]
    if o.texts:
        command += ["--texts", o.texts]
    done = subprocess.run(command, capture_output=True, text=True, env=program.environment(), check=False)
    if not done.stdout:
        raise RuntimeError(f"{program.name}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def measure(o, program, clients, mode, number, skip):
    """One round of one program: its samples, and the processor milliseconds a verdict of all its processes."""
    texts = o.requests * min(2, clients)
    before = processes.cpu_seconds(program.pid)
    report = bench(o, program, mode == ONE, ["--clients", str(clients), "--requests", str(texts), "--duration", f"{o.bound}s", "--skip", str(skip)])
    spent = processes.cpu_seconds(program.pid) - before
    program.child.alive()
    found = report["rounds"][0]
    probe = 1  # bench asks for one verdict before
    run = {
        "program": program.name, "clients": clients, "mode": mode, "round": number, "per_second": found["verdicts_per_second"], "errors": found["errors"],
        "cpu_ms": 1000 * spent / (found["verdicts"] + probe), "client_cpu_ms": found["client_cpu_ms_per_verdict"], "samples": found.get("samples", []),
        "prompt_tokens": found["prompt_tokens"], "answer_tokens": found["answer_tokens"], "machine": report["machine"],
    }
    print(f"round {number}, {clients} clients, {mode}: {program.name} {run['per_second']:.2f}/s, {len(run['samples'])} of {texts} texts, {run['cpu_ms']:.2f} CPU ms each", file=sys.stderr, flush=True)
    return run, texts


def rounds(o, programs):
    """All rounds, interleaved; the order of the programs turns with every step."""
    runs, skip, turn = [], o.skip, 0
    for number in range(1, o.rounds + 1):
        for clients in (int(n) for n in o.clients.split(",")):
            for mode in o.modes.split(","):
                order = programs[turn % len(programs):] + programs[:turn % len(programs)]
                for program in order:
                    run, texts = measure(o, program, clients, mode, number, skip)
                    runs.append(run)
                skip, turn = skip + texts, turn + 1
    return runs


def first_answer(o, program):
    """Milliseconds from a program's start to its first verdict. Its own time to become ready is in it, the importing of the model is not."""
    began = program.began if program.name == "guardhouse" else program.child.began
    bench(o, program, False, ["--clients", "1", "--requests", "1", "--duration", "5m", "--skip", str(8_000_000)])
    return 1000 * (processes.time.monotonic() - began)


def prefill(o):
    """llama-bench's tokens a second for prompts of 64, 128 and 512 tokens and 16 decoded ones."""
    if not o.llama_bench:
        return []
    done = subprocess.run(
        [o.llama_bench, "-m", o.gguf, "-p", "64,128,512", "-n", "16", "-fa", "1", "-t", str(o.threads), "-r", "3", "-o", "json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError("llama-bench: " + done.stderr[-500:])
    return [{"test": f"pp{row['n_prompt']}" if row["n_prompt"] else f"tg{row['n_gen']}", "tokens_per_second": row["avg_ts"], "samples": row.get("samples_ts", [])} for row in json.loads(done.stdout)]


def begin(o):
    """Starts the programs, one after the other, and times each one's first answer."""
    embedded = digest(o.gguf) == digest(ROOT / "models" / "guard-nano.gguf")
    makers = [lambda: processes.Guardhouse(o.guardhouse, o.gguf, embedded, o.set)]
    if o.llama_server:
        makers.append(lambda: processes.Llama(o.llama_server, o.gguf, o.threads, o.slots, o.llama_arg))
    if o.ollama:
        makers.append(lambda: processes.Ollama(o.ollama, o.gguf, o.threads, o.slots))
    programs = []
    try:
        for make in makers:
            programs.append(make())
            programs[-1].first_answer_ms = first_answer(o, programs[-1])
    except BaseException:
        end(programs)
        raise
    return programs


def end(programs):
    for program in programs:
        program.stop()


def warm(o, programs):
    """Fills every program's slots with the template's prefix before anything is measured."""
    for program in programs:
        for mode in o.modes.split(","):
            bench(o, program, mode == ONE, ["--clients", str(2 * o.slots), "--requests", str(4 * o.slots), "--duration", f"{o.bound}s", "--skip", str(7_000_000)])


def main():
    o = options(sys.argv[1:])
    for name in ("guardhouse", "gguf", "llama_server", "ollama", "llama_bench", "texts"):
        if getattr(o, name):
            setattr(o, name, os.path.abspath(getattr(o, name)))
    load_before = os.getloadavg()[0]
    bare = prefill(o)  # before anything else runs
    programs = begin(o)
    try:
        warm(o, programs)
        runs = rounds(o, programs)
        about = [{"program": p.name, "settings": p.settings, "first_answer_ms": p.first_answer_ms, "resident_mib": processes.resident_mib(p.pid)} for p in programs]
    finally:
        end(programs)
    clients, modes, peers = [int(n) for n in o.clients.split(",")], o.modes.split(","), [p.name for p in programs[1:]]
    machine = dict(runs[0]["machine"], load_before=load_before, load_after=runs[-1]["machine"]["load_after"])
    report = {
        "model": {"name": os.path.basename(o.gguf), "bytes": os.path.getsize(o.gguf), "sha256": digest(o.gguf)}, "machine": machine, "options": vars(o), "programs": about, "prefill": bare,
        "summary": [figures.summary(runs, p.name, n, m) for n in clients for m in modes for p in programs],
        "comparisons": [c for n in clients for m in modes for peer in peers if (c := figures.compare(runs, n, m, "guardhouse", peer))], "runs": runs,
    }
    if o.json:
        with open(o.json, "w", encoding="utf-8") as out:
            json.dump(report, out)
    print(figures.markdown(report), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
