import { useI18n } from "vue-i18n";

type Shape = readonly [shape: RegExp, key: string, ...names: string[]];

/** What the server says of the log as a whole, of rows and of what cannot be proved. */
const sentences: readonly Shape[] = [
  [/^rebuilt: rows (\d+) to (\d+) could have been computed anew/, "anew", "first", "last"],
  [/^tail-cut: rows could have followed row (\d+)/, "followed", "row"],
  [/^restored-old: the whole database could be an older copy/, "older"],
  [/^the keys are the database's own word/, "ownWord"],
  [/^the keys are those of a folder beside the database/, "besideFolder"],
  [/^the anchor folder holds no copy of a checkpoint/, "noCopy"],
  [/^key (\d+) \((\S+)\) took over without the key before it/, "tookOver", "n", "id"],
  [/^the anchor folder's file (\S+) holds a note that was not written to its end/, "torn", "file"],
  [/^the anchor folder holds two checkpoints (\d+)/, "twoLives", "n"],
  [/^row (\d+) is older than the row before it$/, "back", "row"],
  [/^row (\d+) is right in itself but is not the row that (.+) names$/, "otherRow", "row", "by"],
  [/^row (\d+) does not have the hash that it was written with$/, "hash", "row"],
  [/^row (\d+) was written again together with its hash$/, "rewritten", "row"],
  [/^row (\d+) stands between/, "between", "row"],
  [/^row (\d+) follows no row of the log$/, "orphan", "row"],
  [/^row (\d+) is not the one that followed row (\d+)$/, "notNext", "row", "before"],
  [/^(\d+) rows before row (\d+) are missing/, "renumbered", "n", "row"],
  [/^rows (\d+) to (\d+) are missing/, "missing", "first", "last"],
  [/^(.+) refers to row (\d+) and the log ends at (\d+)/, "beyond", "by", "row", "end"],
  [/^the key that signed checkpoint (\d+) is missing in the database$/, "noKey", "n"],
];

/** Of one signed thing is said: what it is, and what is wrong with it. */
const things: readonly Shape[] = [
  [/^checkpoint (\d+)(?: of the database)?(?= |$)(?! in the anchor)/, "checkpoint", "n"],
  [/^checkpoint (\d+) in the anchor folder(?:'s file \S+)?/, "copy", "n"],
  [/^the row of checkpoint (\d+)/, "checkpoint", "n"],
  [/^(?:the note of |the row of )?key (\d+)(?: (?:in|of) the database)?/, "key", "n"],
  [/^(?:the row of )?the tombstone of row (\d+)/, "tombstone", "row"],
  [/^the confirmation of the clock up to checkpoint (\d+)/, "clock", "n"],
  [/^a verdict/, "verdict"],
  [/^hold (\S+)/, "hold", "id"],
  [/^a hold/, "someHold"],
  [/^the setting (\S+)(?: in the database)?/, "setting", "id"],
  [/^a setting(?: in the database)?/, "someSetting"],
  [/^the scheduled export (\S+)/, "schedule", "id"],
  [/^a scheduled export/, "someSchedule"],
];
const wrongs: readonly Shape[] = [
  [/^is missing$/, "gone"],
  [/^stands in .+ and is missing in the database$/, "goneHere"],
  [/^(?:was set|was added) in the log and is missing in the database$/, "goneHere"],
  [/^is not what (?:its note|(?:a|the) row of .+) says(?: that (?:set|added) it)?$/, "changed"],
  [/^did not end as the row of the log says/, "changed"],
  [/^is in the database, and the log has no row that set it$/, "notLogged"],
  [/^has ended in the database, and the log has no row that ended it$/, "endNotLogged"],
  [/^has ended in the log, and not in the database$/, "notEnded"],
  [/^is not the one in the anchor folder$/, "notTheCopy"],
  [/^does not follow/, "follows"],
  [/^is signed with a key that had been replaced$/, "oldKey"],
  [/^is not signed by a known key$/, "unknownKey"],
  [/^does not have the signature that it was written with$/, "signature"],
  [/^is not in the form in which notes are signed$/, "form"],
  [/^is another installation's/, "foreign"],
  [/^is newer than the last row/, "newer"],
  [/^names an audit row that is not/, "noRow"],
];

/** Lines that begin with the name of what cannot be ruled out, which reads as if it had been found. */
const named = /^(?:rebuilt|tail-cut|restored-old): |^the anchor folder holds two/;

/** What the server says in English of proofs, in the language of the page; what is not known here stays as it is. */
export function useProofTexts() {
  const { t, te, locale } = useI18n();

  const number = (text: string): string | number => (/^\d+$/.test(text) ? Number(text) : (thing(text)?.text ?? text));
  const filled = (found: RegExpExecArray, names: readonly string[]) => Object.fromEntries(names.map((name, i) => [name, number(found[i + 1] ?? "")]));
  function match(text: string, shapes: readonly Shape[], prefix: string): { text: string; rest: string } | null {
    for (const [shape, key, ...names] of shapes) {
      const found = shape.exec(text);
      if (found) return { text: t(prefix + key, filled(found, names)), rest: text.slice(found[0].length).trim() };
    }
    return null;
  }
  const thing = (text: string) => match(text, things, "proof.thing.");

  /** null for what is not known. */
  function translated(text: string): string | null {
    const whole = match(text, sentences, "proof.said.");
    if (whole) return whole.text;
    const one = thing(text);
    const wrong = one && match(one.rest, wrongs, "proof.wrong.");
    return one && wrong ? t("proof.ofThing", { thing: one.text, wrong: wrong.text }) : null;
  }

  return {
    /** A sentence, and its language where that is not the page's. */
    said: (text: string): { text: string; lang?: "en" } => {
      if (locale.value === "en") return { text: named.test(text) ? (translated(text) ?? text) : text };
      const own = translated(text);
      return own === null ? { text, lang: "en" } : { text: own };
    },
    /** Why checkpoints are not written or copied, by its code. */
    why: (code: string, problem: string): string => {
      if (problem && locale.value === "en") return problem;
      return t("proof.why." + (te("proof.why." + code) ? code : "other"));
    },
  };
}
