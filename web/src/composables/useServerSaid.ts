import { useI18n } from "vue-i18n";

/** Sentences of refusals around the log's keeping, as the server says them. The numbers in them are not said again. */
const known: readonly (readonly [shape: RegExp, key: string])[] = [
  [/^A removal is going on/, "removal"],
  [/^(?:Holds or times|holds) were changed meanwhile/, "holdsChanged"],
  [/^Nothing is asked about the clock/, "noQuestion"],
  [/^This hold has ended already/, "holdEnded"],
  [/^A hold is about a person/, "holdOfNothing"],
  [/^A time lies between 1970/, "farTime"],
  [/^to must be after from$/, "reversed"],
  [/^(?:from|to) must be within a century$/, "farTime"],
  [/^A reason is one line/, "reason"],
  [/^There is no such person\.$/, "nobody"],
  [/^\d+ holds are in force/, "manyHolds"],
  [/^There are \d+ targets already/, "manyTargets"],
  [/^There is a target of that name already/, "targetNamed"],
  [/^A webhook's address begins with https/, "hookAddress"],
  [/^What is shown of a webhook's address/, "hookHidden"],
  [/^An address is a host and a port/, "address"],
  [/^The host of the address is none/, "address"],
  [/^The configuration does not let the server connect there/, "notAllowed"],
  [/^The CA is no certificate/, "ca"],
  [/^A client certificate and its key go together/, "pair"],
  [/^The client certificate and its key are no pair/, "noPair"],
  [/^A name is one line/, "name"],
  [/^The target was changed meanwhile/, "targetChanged"],
  [/^There are \d+ schedules/, "manySchedules"],
  [/^There is a schedule of this name/, "scheduleNamed"],
  [/^A name has 1 to 40 lower-case letters/, "scheduleName"],
  [/^The folder for scheduled exports is not set or not safe/, "folder"],
  [/^The key was changed a moment ago/, "keyChanged"],
  [/^No kind has a time after which it goes/, "nothingGoes"],
  [/^The clock has moved in a way/, "clock"],
  [/^No signed checkpoint is old enough/, "young"],
  [/^A checkpoint that would decide what goes/, "unproved"],
];

/** Of these the page's words are the better ones in English too. */
const reworded = new Set(["noQuestion", "reversed"]);

/** What the server says of a refusal, to follow the page's own words: in the page's language where the sentence is a known one. */
export function useServerSaid() {
  const { t, locale } = useI18n();
  return (detail: string): string => {
    const key = known.find(([shape]) => shape.test(detail))?.[1];
    return key && (locale.value !== "en" || reworded.has(key)) ? t("serverSaid." + key) : t("error.server", { detail });
  };
}
