import { computed } from "vue";
import { useI18n } from "vue-i18n";
import { sizeOf } from "@/lib/format";
import { usePrefs } from "@/stores/prefs";

/** Numbers and moments in the person's language, local time, 24 hours. */
export function useFormat() {
  const prefs = usePrefs();
  const { t } = useI18n();
  const locale = computed(() => (prefs.language === "zh-CN" ? "zh-CN" : "en-GB"));
  const make = (o: Intl.DateTimeFormatOptions) => computed(() => new Intl.DateTimeFormat(locale.value, { hour12: false, ...o }));
  const minute = make({ hour: "2-digit", minute: "2-digit" });
  const second = make({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const dayMonth = make({ day: "numeric", month: "short" });
  const dayYear = make({ day: "numeric", month: "short", year: "numeric" });
  const numbers = computed(() => new Intl.NumberFormat(locale.value));
  const tenths = computed(() => new Intl.NumberFormat(locale.value, { minimumFractionDigits: 1, maximumFractionDigits: 1 }));
  const weekdays = computed(() => new Intl.DateTimeFormat(locale.value, prefs.language === "zh-CN" ? { month: "long", day: "numeric", weekday: "long" } : { weekday: "long", day: "numeric", month: "long" }));

  const today = (d: Date) => d.toDateString() === new Date().toDateString();

  /** One figure after the point: finer than that nobody reads a duration. */
  const rounded = (n: number) => Math.round(n * 10) / 10;

  function iso(d: Date): string {
    const p = (n: number) => String(n).padStart(2, "0");
    return `${d.getFullYear()}-${p(d.getMonth() + 1)}-${p(d.getDate())}`;
  }

  function day(d: Date): string {
    if (prefs.language === "zh-CN") return iso(d);
    return dayYear.value.format(d);
  }

  return {
    locale,
    number: (n: number) => numbers.value.format(n),
    time: (at: string) => minute.value.format(new Date(at)),
    seconds: (at: string) => second.value.format(new Date(at)),
    /** Time today, else day and time. */
    moment: (at: string) => {
      const d = new Date(at);
      return today(d) ? second.value.format(d) : `${dayMonth.value.format(d)} ${minute.value.format(d)}`;
    },
    /** The same to the second, as rows of a log are told apart by it. */
    stamp: (at: string) => {
      const d = new Date(at);
      if (today(d)) return second.value.format(d);
      return `${prefs.language === "zh-CN" ? iso(d).slice(5) : dayMonth.value.format(d)} ${second.value.format(d)}`;
    },
    full: (at: string) => {
      const d = new Date(at);
      return prefs.language === "zh-CN" ? `${iso(d)} ${second.value.format(d)}` : `${day(d)}, ${second.value.format(d)}`;
    },
    utc: (at: string) => at.replace("T", " ").replace(/\.\d+Z$|Z$/, ""),
    utcTime: (at: string) => at.slice(11, 19),
    ms: (n: number) => (n >= 10_000 ? t("unit.seconds", { n: rounded(n / 1000) }) : t("unit.ms", { n: n >= 100 ? Math.round(n) : rounded(n) })),
    day: (at: string) => day(new Date(at)),
    /** Saturday 21 November */
    weekday: (at: string) => weekdays.value.format(new Date(at)).replace(/(\d+)月(\d+)日\s*/, "$1 月 $2 日 "),
    /** A share of one; small ones with a figure after the point. */
    percent: (share: number) => `${share > 0 && share < 0.0995 ? tenths.value.format(share * 100) : numbers.value.format(Math.round(share * 100))}\u00a0%`,
    /** A size in its largest unit of 1,000. */
    bytes: (n: number) => {
      const size = sizeOf(n);
      return `${numbers.value.format(size.n)}\u00a0${size.unit}`;
    },
    /** How long something takes or is old, in its largest unit. */
    span: (ms: number) => {
      const s = Math.max(0, Math.round(ms / 1000));
      if (s < 90) return t("span.seconds", { n: s });
      if (s < 90 * 60) return t("span.minutes", { n: Math.round(s / 60) });
      if (s < 48 * 3600) return t("span.hours", { n: Math.round(s / 3600) });
      return t("span.days", { n: Math.round(s / 86400) });
    },
    ago: (from: number, now: number) => {
      const s = Math.max(0, Math.round((now - from) / 1000));
      if (s < 60) return t("ago.now");
      const m = Math.floor(s / 60);
      if (m < 60) return t("ago.minutes", { n: m });
      const h = Math.floor(m / 60);
      if (h < 48) return t("ago.hours", { n: h });
      return t("ago.days", { n: Math.floor(h / 24) });
    },
  };
}
