import type { AuditEvent } from "@/api/types";

export interface Wanted {
  from?: string;
  to?: string;
  actor?: string;
  action?: string;
  model?: string;
  decision?: string;
  ip?: string;
  rule?: string;
  reason?: string;
  purpose?: string;
  key?: string;
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

const small = (text: string): string => text.replace(/[A-Z]/g, (c) => c.toLowerCase());

/** A part of what names things, or an id whole, as the server looks for it. */
function holds(event: AuditEvent, words: string): boolean {
  const e = event;
  if (words.startsWith("evt_")) return e.id === words;
  if (words.startsWith("req_")) return e.request_id === words;
  if (words === e.actor.id || words === e.key_id) return true;
  const text = [e.actor.name, e.action, e.resource, e.model, e.reason, e.rule_id, e.purpose, e.operation, e.ip].join(" ");
  return small(text).includes(small(words));
}

/** Whether a row that just came belongs to a list that was asked for so. */
export function fits(event: AuditEvent, wanted: Wanted): boolean {
  const at = Date.parse(event.at);
  const same = (value: string | undefined, own: string) => !value || value === own;
  return (
    (!wanted.from || at >= Date.parse(wanted.from)) && (!wanted.to || at < Date.parse(wanted.to)) && (!wanted.actor || isActor(event, wanted.actor)) &&
    same(wanted.action, event.action) && same(wanted.model, event.model) && same(wanted.decision, event.decision) && same(wanted.ip, event.ip) &&
    same(wanted.rule, event.rule_id) && same(wanted.reason, event.reason) && same(wanted.purpose, event.purpose) && same(wanted.key, event.key_id) &&
    same(wanted.request_id, event.request_id) && (!wanted.q || holds(event, wanted.q))
  );
}
