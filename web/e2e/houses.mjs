// Every job has a house of its own, and the people of all are made once: each is a copy of the first, as it was before anybody changed it.
import { rmSync } from "node:fs";
import { copyHouse, moveOut, openHouse } from "./house.mjs";

const good = 5 * 60_000; // a program's token lives 15 minutes, and a job takes some

export function housing(binary) {
  const firsts = [];
  const first = () => {
    if (!(Date.now() - firsts.at(-1)?.since < good)) firsts.push({ since: Date.now(), house: openHouse(binary).then(moveOut) });
    return firsts.at(-1).house;
  };
  return {
    open: async ({ empty = false } = {}) => (empty ? openHouse(binary, { empty }) : copyHouse(binary, await first())),
    close: async () => {
      for (const { house } of firsts) await house.then(({ data }) => rmSync(data, { recursive: true, force: true }), () => {});
    },
  };
}
