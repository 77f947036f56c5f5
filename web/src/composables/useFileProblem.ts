import { useI18n } from "vue-i18n";

const shapes: readonly [RegExp, string, string?][] = [
  [/^the field "(.+)" is unknown$/, "field", "what"],
  [/^the field "(.+)" stands there twice$/, "twice", "what"],
  [/^the rule of line (\d+) has the same id$/, "sameId", "line"],
  [/^there is no such (user|group|role|key)$/, "nobody", "kind"],
  [/^it looks cut off/, "cut"],
  [/^it is being written$/, "writing"],
];

/** What the server says of a rules file, in the language of the page: the place always, the sentence where it is a known one. */
export function useFileProblem() {
  const { t } = useI18n();
  return (problem: string): string => {
    const at = /^(?:line (\d+): )?(?:(rules\[\d+\](?:\.[\w.[\]]+)?): )?(.*)$/s.exec(problem);
    const [, line, place, said] = at ?? ["", "", "", problem];
    let text = said ?? "";
    for (const [shape, key, name] of shapes) {
      const found = shape.exec(text);
      if (!found) continue;
      text = t("versions.file.problem." + key, name ? { [name]: name === "line" ? Number(found[1]) : name === "kind" ? t("versions.file.kind." + found[1]) : (found[1] ?? "") } : {});
      break;
    }
    if (place) text = t("versions.file.place", { place, text });
    return line ? t("versions.file.line", { line: Number(line), text }) : text;
  };
}
