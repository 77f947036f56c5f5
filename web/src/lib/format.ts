/** 9c41f2…e07a: enough to compare by eye, the whole stands in the title. */
export function shortHash(hash: string, head = 6, tail = 4): string {
  return hash.length <= head + tail + 1 ? hash : hash.slice(0, head) + "…" + hash.slice(-tail);
}

/** c41e 9a0d … 5be3, as the chain is shown. */
export function chainHash(hash: string): string {
  return hash.length < 12 ? hash : `${hash.slice(0, 4)} ${hash.slice(4, 8)} … ${hash.slice(-4)}`;
}

/** 4A:1F:C0:92 … 7B:E3:05:D8, as browsers print certificates. */
export function fingerprint(hex: string): string {
  const pairs = hex.toUpperCase().match(/../g) ?? [];
  return pairs.length <= 8 ? pairs.join(":") : pairs.slice(0, 4).join(":") + " … " + pairs.slice(-4).join(":");
}

export function fullFingerprint(hex: string): string {
  return (hex.toUpperCase().match(/../g) ?? []).join(":");
}

const browsers: [RegExp, string][] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/HeadlessChrome\/|Chrome\//, "Chrome"],
  [/Version\/.*Safari\//, "Safari"],
  [/^curl\//, "curl"],
  [/OpenAI\/Python/i, "OpenAI Python"],
  [/python-requests|python-httpx|Python-urllib/i, "Python"],
  [/Go-http-client/, "Go"],
];
const systems: [RegExp, string][] = [
  [/Windows/, "Windows"],
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];

/** "Firefox, Windows"; what is not known is shown as it came, cut to forty characters. */
export function shortAgent(agent: string): string {
  const browser = browsers.find(([re]) => re.test(agent))?.[1];
  const system = systems.find(([re]) => re.test(agent))?.[1];
  const known = [browser, system].filter(Boolean).join(", ");
  return known || (agent.length > 40 ? agent.slice(0, 40) + "…" : agent);
}

/** Two letters for the round badge: initials of a dotted or spaced name, else its first two. */
export function initials(name: string): string {
  const parts = name.split(/[\s._@-]+/).filter(Boolean);
  const letters = parts.length > 1 ? [...(parts[0] ?? "")].slice(0, 1).concat([...(parts[1] ?? "")].slice(0, 1)) : [...name].slice(0, 2);
  return letters.join("").toUpperCase();
}

/** Characters as a person counts them, not UTF-16 units. */
export function countCharacters(text: string): number {
  let surrogates = 0;
  for (let i = 0; i + 1 < text.length; i++) if ((text.codePointAt(i) ?? 0) > 0xffff) surrogates++;
  return text.length - surrogates;
}

const units = ["B", "kB", "MB", "GB", "TB"] as const;

/** Bytes as files and disks are sold: the largest unit of 1,000 and a figure with at most one place. */
export function sizeOf(bytes: number): { unit: (typeof units)[number]; n: number } {
  let n = bytes;
  let i = 0;
  while (n >= 999.5 && i < units.length - 1) {
    n /= 1000;
    i++;
  }
  return { unit: units[i] ?? "B", n: n >= 100 || i === 0 ? Math.round(n) : Math.round(n * 10) / 10 };
}
