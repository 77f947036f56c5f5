/** What the set-up page says about a password while it is typed. The server decides; these are its floor and our estimate. */
export interface Strength {
  bytes: number;
  longEnough: boolean;
  notTooLong: boolean;
  distinct: boolean;
  notTheName: boolean;
  level: 0 | 1 | 2 | 3;
}

export const minBytes = 12;
export const maxBytes = 1024;

function pool(text: string): number {
  let size = 0;
  if (/[a-z]/.test(text)) size += 26;
  if (/[A-Z]/.test(text)) size += 26;
  if (/[0-9]/.test(text)) size += 10;
  if (/[ -/:-@[-`{-~]/.test(text)) size += 33;
  if (/[^\x20-\x7e]/.test(text)) size += 2000;
  return size;
}

/** Characters that tell something new: repeats and runs such as 1234 or abcd count little. */
function effectiveLength(text: string): number {
  const points = [...text].map((c) => c.codePointAt(0) ?? 0);
  let n = 0;
  points.forEach((p, i) => {
    const step = i === 0 ? 99 : Math.abs(p - (points[i - 1] ?? 0));
    n += step <= 1 ? 0.25 : 1;
  });
  return Math.min(n, new Set(points).size * 2);
}

export function passwordStrength(password: string, username: string): Strength {
  const bytes = new TextEncoder().encode(password).length;
  const longEnough = bytes >= minBytes;
  const notTooLong = bytes <= maxBytes;
  const distinct = new Set(password).size >= 5;
  const name = username.trim().toLowerCase();
  const notTheName = name.length < 3 || !password.toLowerCase().includes(name);
  const bits = password === "" ? 0 : effectiveLength(password) * Math.log2(pool(password));
  let level: Strength["level"] = bits >= 75 ? 3 : bits >= 50 ? 2 : password === "" ? 0 : 1;
  if (!(longEnough && notTooLong && distinct && notTheName) && level > 1) level = 1;
  return { bytes, longEnough, notTooLong, distinct, notTheName, level };
}
