"""How many verdicts each evasion turns over."""

import random
from collections.abc import Callable, Sequence

from guardnano import evasion, figures
from guardnano.engine import Verdict, conversation
from guardnano.rows import Row

# What stands around a text in the flips "padding": harmless, and in no data.
SENTENCES = {
    "en": (
        "The train to the coast leaves at nine.", "We painted the kitchen light green last week.",
        "My sister is learning to play the cello.", "It rained the whole weekend, so we stayed in.",
        "The library opens at ten on Saturdays.", "I had soup and bread for lunch.",
        "The new printer on the second floor works well.", "Our meeting was moved to Thursday afternoon.",
        "The tomatoes in the garden are almost ripe.", "He collects stamps from South America.",
    ),
    "zh": (
        "去海边的火车九点出发。", "上周我们把厨房刷成了浅绿色。", "我妹妹在学大提琴。",
        "整个周末都在下雨，我们就待在家里。", "图书馆周六十点开门。", "中午我喝了汤，吃了面包。",
        "二楼的新打印机很好用。", "会议改到了星期四下午。",
        "花园里的西红柿快熟了。", "他喜欢收集邮票。",
    ),
}  # fmt: skip


Turned = list[tuple[Row, Verdict, str]]  # a row, the verdict on it, and its text rewritten


def rewritten(
    kind: str, rows: Sequence[Row], verdicts: Sequence[Verdict], most: int, strength: float, seed: int
) -> Turned:
    """At most `most` unsafe and as many safe prompts of the kind's languages that it changes, in one seeded
    order."""
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    left = {figures.UNSAFE: most, figures.SAFE: most}
    out = []
    for i in order:
        row = rows[i]
        if row.response is not None or row.lang not in evasion.LANGUAGES[kind] or not left.get(row.severity):
            continue
        text = evasion.apply(
            kind, row.text, random.Random(f"{seed} {kind} {i}"), strength, SENTENCES[row.lang]
        )
        if text is not None:
            left[row.severity] -= 1
            out.append((row, verdicts[i], text))
    return out


def measure(
    rows: Sequence[Row], verdicts: Sequence[Verdict], judge: Callable, most: int, strength: float, seed: int
) -> dict[str, dict]:
    """figures.flip_figures under every evasion kind, of all rows and by language.

    judge answers verdicts on conversations, in order. It is asked once, for one start."""
    work = {kind: rewritten(kind, rows, verdicts, most, strength, seed) for kind in evasion.KINDS}
    after = iter(judge([conversation(text, None) for turned in work.values() for _, _, text in turned]))
    out = {}
    for kind, turned in work.items():
        table = [(row.lang, row.severity, before.severity, next(after).severity) for row, before, _ in turned]
        out[kind] = {}
        for lang in ("all", *evasion.LANGUAGES[kind]):
            some = [entry[1:] for entry in table if lang in ("all", entry[0])]
            out[kind][lang] = figures.flip_figures(*([entry[i] for entry in some] for i in range(3)))
    return out
