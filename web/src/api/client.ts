import createClient from "openapi-fetch";
import { errorFrom, toApiError, type ApiError } from "./error";
import type { paths } from "./schema";

/** The one client. The cookie travels by itself; no script can read it and none holds a token. */
export const api = createClient<paths>({
  baseUrl: typeof location === "undefined" ? "http://localhost" : location.origin,
  credentials: "same-origin",
  fetch: (request) => globalThis.fetch(request),
});

type Listener = () => void;
let onUnauthenticated: Listener = () => {};
let onAnswer: Listener = () => {};

/** The session store is told when a call that needed a session was refused for want of one, and of each answer that prolonged it. */
export function listen(events: { unauthenticated: Listener; answered: Listener }): void {
  onUnauthenticated = events.unauthenticated;
  onAnswer = events.answered;
}

interface Followers {
  failed: (error: ApiError) => void;
  answered: Listener;
}
let followers: Followers[] = [];

/** Tells of every call: that the server answered, or how it failed. Answers what ends that. */
export function follow(events: Followers): Listener {
  followers = [...followers, events];
  return () => (followers = followers.filter((f) => f !== events));
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Answers the body or throws an ApiError. `quiet` is for calls where 401 is an ordinary answer (signing in). */
export async function unwrap<T>(call: Promise<Answer<T>>, quiet = false): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (thrown) {
    const error = toApiError(thrown);
    if (error.code !== "canceled") followers.forEach((f) => f.failed(error));
    throw error;
  }
  if (!answer.response.ok) {
    const error = errorFrom(answer.response, answer.error);
    followers.forEach((f) => f.failed(error));
    if (error.status === 401 && !quiet) onUnauthenticated();
    throw error;
  }
  followers.forEach((f) => f.answered());
  if (!quiet) onAnswer();
  return answer.data as T;
}
