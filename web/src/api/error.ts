import type { components } from "./schema";

export interface QueueLine {
  position: number;
  waiting: number;
  capacity: number;
}

/** The limit that refused, as the server tells it. */
export type RefusedBy = components["schemas"]["LimitRefusal"];

/** What a failed call tells: a code that texts are made from, never the server's own words alone. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    readonly requestId: string,
    readonly detail: string,
    readonly retryAfter: number | null = null,
    readonly field: string = "",
    /** With busy and timeout: the line before the model. Position 0 is none. */
    readonly queue: QueueLine | null = null,
    /** With rate_limited: what has no room, where it is a limit and no sign-in that has to wait. */
    readonly limit: RefusedBy | null = null,
  ) {
    super(code);
    this.name = "ApiError";
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function seconds(response: Response): number | null {
  const header = response.headers.get("Retry-After");
  if (header === null) return null;
  const n = Number(header);
  if (Number.isFinite(n) && n >= 0) return Math.ceil(n);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}

const byStatus: Record<number, string> = { 401: "unauthenticated", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 409: "conflict", 412: "precondition_failed", 413: "too_large", 429: "rate_limited", 503: "busy" };

/** Whether what was asked is stored all the same: the server goes by it shortly. */
export const notInForce = (error: ApiError | null | undefined): boolean => error?.code === "not_in_force";

/** Reads an RFC 9457 body; an answer without one (a proxy's page, say) still gets a code from its status. */
export function errorFrom(response: Response, body: unknown): ApiError {
  const b: Record<string, unknown> = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  return new ApiError(
    text(b.code) || byStatus[response.status] || "internal",
    response.status,
    text(b.request_id) || response.headers.get("X-Request-Id") || "",
    text(b.detail),
    seconds(response),
    text(b.field),
    line(b.queue),
    refusedBy(b.limit),
  );
}

function line(value: unknown): QueueLine | null {
  if (typeof value !== "object" || value === null) return null;
  const q: Record<string, unknown> = { ...value };
  const n = (x: unknown) => (typeof x === "number" && Number.isFinite(x) ? x : 0);
  return { position: n(q.position), waiting: n(q.waiting), capacity: n(q.capacity) };
}

function refusedBy(value: unknown): RefusedBy | null {
  if (typeof value !== "object" || value === null) return null;
  const l = value as Partial<RefusedBy>;
  return typeof l.name === "string" && typeof l.max === "number" && typeof l.left === "number" ? (l as RefusedBy) : null;
}

/** Anything thrown becomes an ApiError: no connection is "offline", an abort is "canceled". */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (thrown instanceof DOMException && thrown.name === "AbortError") return new ApiError("canceled", 0, "", "");
  if (thrown instanceof TypeError) return new ApiError("offline", 0, "", "");
  return new ApiError("internal", 0, "", "");
}
