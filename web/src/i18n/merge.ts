/** Texts under keys, in groups of any depth. */
export interface Texts {
  [key: string]: string | Texts;
}

/** Joins files of texts into one tree; a group may be spread over files, a text stands in one of them (i18n:check holds that). */
export function merge(files: Record<string, Texts>): Texts {
  const all: Texts = {};
  for (const file of Object.values(files)) into(all, file);
  return all;
}

function into(target: Texts, from: Texts): void {
  for (const [key, value] of Object.entries(from)) {
    const there = target[key];
    if (typeof value === "object" && typeof there === "object") into(there, value);
    else target[key] = typeof value === "object" ? structuredClone(value) : value;
  }
}
