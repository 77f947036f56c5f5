/** Rates as rules and keys write them (100/min, 100req/min, 10次/分钟), taken apart for a field with a unit. */
export const rateUnits = ["s", "min", "h", "day"] as const;
export type RateUnit = (typeof rateUnits)[number];

const spellings: Record<string, RateUnit> = { s: "s", sec: "s", 秒: "s", min: "min", 分钟: "min", h: "h", hour: "h", 小时: "h", d: "day", day: "day", 天: "day" };

/** The largest number that the server takes. */
export const mostRate = 1_000_000_000;

export interface Rate {
  n: number;
  unit: RateUnit;
}

const whole = (text: string): number | null => (/^[1-9]\d{0,9}$/.test(text) && Number(text) <= mostRate ? Number(text) : null);

/** Null where the text is no rate: the server refuses the same. */
export function readRate(text: string): Rate | null {
  const [, digits = "", word = ""] = /^(\d+)(?:req|次)?\/(.+)$/.exec(text) ?? [];
  const n = whole(digits);
  const unit = spellings[word];
  return n === null || unit === undefined ? null : { n, unit };
}

/** What a field and a unit come to: "" for an empty field, null for what is no number. */
export function writeRate(field: string, unit: RateUnit): string | null {
  if (field.trim() === "") return "";
  const n = whole(field.trim());
  return n === null ? null : `${n}/${unit}`;
}
