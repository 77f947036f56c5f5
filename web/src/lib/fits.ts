import type { AuditEvent } from "@/api/types";

export interface Wanted {
  from?: string;
  to?: string;
  actor?: string;
  action?: string;
  model?: string;
  decision?: string;
  ip?: string;
  request_id?: string;
  q?: string;
}

/** As the server reads it: a name, user:NAME, an id of a person, an id of a key, key:ID. */
function isActor(event: AuditEvent, actor: string): boolean {
  if (actor.startsWith("user:")) return ["user", "key"].includes(event.actor.type) && isActor(event, actor.slice(5));
  if (actor.startsWith("key:")) return event.key_id === actor.slice(4);
  if (actor.startsWith("key_")) return event.key_id === actor;
  return (actor.startsWith("usr_") ? event.actor.id : event.actor.name) === actor;
}

function holds(event: AuditEvent, words: string): boolean {
  const e = event;
  const text = [e.id, e.request_id, e.actor.name, e.actor.id, e.key_id, e.action, e.resource, e.model, e.reason, e.rule_id, e.ip].join(" ");
  return text.toLowerCase().includes(words.toLowerCase());
}

/** Whether a row that just came belongs to a list that was asked for so. */
export function fits(event: AuditEvent, wanted: Wanted): boolean {
  const at = Date.parse(event.at);
  const same = (value: string | undefined, own: string) => !value || value === own;
  return (
    (!wanted.from || at >= Date.parse(wanted.from)) && (!wanted.to || at < Date.parse(wanted.to)) && (!wanted.actor || isActor(event, wanted.actor)) &&
    same(wanted.action, event.action) && same(wanted.model, event.model) && same(wanted.decision, event.decision) && same(wanted.ip, event.ip) &&
    same(wanted.request_id, event.request_id) && (!wanted.q || holds(event, wanted.q))
  );
}
