import { IntlMessageFormat } from "intl-messageformat";
import type { MessageCompiler, MessageContext } from "vue-i18n";

type Text = (context: MessageContext) => string;
type Part = { type: number; value?: string; options?: Record<string, { value: Part[] }> };

const compiled = new Map<string, Text>();

/** The names that a text asks for. */
function asked(parts: Part[], into = new Set<string>()): Set<string> {
  for (const part of parts) {
    if (part.type !== 0 && part.value) into.add(part.value);
    for (const option of Object.values(part.options ?? {})) asked(option.value, into);
  }
  return into;
}

function make(message: string, locale: string): Text {
  if (!message.includes("{") && !message.includes("'")) return () => message;
  const format = new IntlMessageFormat(message, locale, undefined, { ignoreTag: true });
  const names = [...asked(format.getAst() as Part[])];
  return (context) => {
    const values: Record<string, unknown> = {};
    // A value that is not there leaves a gap in the sentence, not a page that fails.
    for (const name of names) values[name] = context.named(name) ?? "";
    return String(format.format(values as Record<string, string>));
  };
}

/** Compiles a text once for each language. */
export const compileIcu: MessageCompiler = (message, { locale }) => {
  if (typeof message !== "string") throw new TypeError("texts are strings in ICU MessageFormat");
  const key = locale + "\u0000" + message;
  const known = compiled.get(key) ?? make(message, locale);
  compiled.set(key, known);
  return known;
};
