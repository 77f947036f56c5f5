// Without letters and digits that are taken for one another: it is read out, and typed once.
const alphabet = "abcdefghjkmnpqrstuvwxyz23456789";

/** A password for one sign-in: four groups of five signs, 99 bits. */
export function makePassword(random: (bytes: Uint8Array) => void = (b) => void crypto.getRandomValues(b)): string {
  const signs: string[] = [];
  const limit = 256 - (256 % alphabet.length); // what is beyond would favour the first letters
  while (signs.length < 20) {
    const bytes = new Uint8Array(32);
    random(bytes);
    for (const b of bytes) if (b < limit && signs.length < 20) signs.push(alphabet.charAt(b % alphabet.length));
  }
  return [0, 5, 10, 15].map((i) => signs.slice(i, i + 5).join("")).join("-");
}
