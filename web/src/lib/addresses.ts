/** Addresses and ranges of them (10.20.0.0/16, fd00::/8), as rules and keys take them. */
export interface Range {
  /** In the spelling that is sent. */
  text: string;
  /** How many addresses it holds; null where that is more than anybody counts (IPv6). */
  size: number | null;
}

/** Four bytes as one number; null for other spellings, a leading 0 among them. */
function four(text: string): number | null {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((p) => /^(0|[1-9]\d{0,2})$/.test(p) && Number(p) <= 255)) return null;
  return parts.reduce((sum, p) => sum * 256 + Number(p), 0);
}

/** Eight groups; null for what is no IPv6 address. The last 32 bits may be written as IPv4. */
function six(text: string): number[] | null {
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const v4 = tail ? four(tail[2] ?? "") : null;
  if (tail && v4 === null) return null;
  const plain = tail && v4 !== null ? `${tail[1]}${Math.floor(v4 / 65_536).toString(16)}:${(v4 % 65_536).toString(16)}` : text;
  const halves = plain.split("::");
  if (halves.length > 2) return null;
  const groups = halves.map((h) => (h === "" ? [] : h.split(":")));
  if (!groups.flat().every((g) => /^[0-9a-f]{1,4}$/i.test(g))) return null;
  const given = groups.flat().length;
  if (halves.length === 1 ? given !== 8 : given > 7) return null;
  const zeros = Array<string>(8 - given).fill("0");
  return [...(groups[0] ?? []), ...zeros, ...(groups[1] ?? [])].map((g) => Number.parseInt(g, 16));
}

/** Whether the bits behind the length are 0: whoever wrote 10.1.2.3/8 meant one of two things. */
function clean(bits: readonly boolean[], length: number): boolean {
  return bits.slice(length).every((bit) => !bit);
}
const bitsOf = (n: number, width: number): boolean[] => Array.from({ length: width }, (_, i) => Math.floor(n / 2 ** (width - 1 - i)) % 2 === 1);

/** Null where it is no address and no range, or one with bits set behind its length: the server refuses the same. */
export function readRange(text: string): Range | null {
  const [address = "", length, ...more] = text.trim().split("/");
  if (more.length > 0 || (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length))) return null;
  const n = four(address);
  const bits = n !== null ? bitsOf(n, 32) : six(address)?.flatMap((g) => bitsOf(g, 16));
  if (!bits) return null;
  const prefix = length === undefined ? bits.length : Number(length);
  if (prefix > bits.length || !clean(bits, prefix)) return null;
  return { text: text.trim().toLowerCase(), size: n !== null ? 2 ** (32 - prefix) : prefix === 128 ? 1 : null };
}

/** What was typed or pasted, taken apart at spaces, commas and lines. */
export const splitRanges = (text: string): string[] => text.split(/[\s,，;；、]+/).filter(Boolean);
