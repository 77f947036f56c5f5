import { computed, shallowRef } from "vue";
import { useRoute } from "vue-router";
import { api, unwrap } from "@/api/client";
import type { AccessReview, ReviewItem } from "@/api/types";
import { useAsyncAction } from "./useAsyncAction";
import { useFollowed } from "./useFollowed";
import { usePagination } from "./usePagination";

/** The reviews that this person sees: all of them, or those in which rules of his own stand. */
export function useReviews() {
  const list = usePagination<AccessReview>((cursor, signal) => unwrap(api.GET("/api/v1/access/reviews", { params: { query: { limit: 50, cursor: cursor ?? undefined } }, signal })));
  void list.reload();
  useFollowed("review", () => void (list.items.value.length <= 50 && list.reload()));
  const begin = useAsyncAction((signal, body: { title: string; due_at: string; rules?: string[] }) => unwrap(api.POST("/api/v1/access/reviews", { body, signal })));
  return { list, begin };
}

export interface ReviewVerdict {
  decision: "keep" | "remove";
  note?: string;
  fingerprint?: string;
}

/** The review that the address names, a page of its rules at a time. */
export function useReview() {
  const route = useRoute();
  const id = computed(() => (typeof route.params.id === "string" ? route.params.id : ""));
  const review = shallowRef<AccessReview | null>(null);
  const items = usePagination<ReviewItem>(async (cursor, signal) => {
    const page = await unwrap(api.GET("/api/v1/access/reviews/{id}", { params: { path: { id: id.value }, query: { limit: 100, cursor: cursor ?? undefined } }, signal }));
    if (!signal.aborted) review.value = page.review;
    return page;
  });
  useFollowed("review", () => void (id.value && items.items.value.length <= 100 && items.reload()));

  const path = (rule: string) => ({ path: { id: id.value, rule } });
  const decide = useAsyncAction(async (signal, item: ReviewItem, body: ReviewVerdict) => {
    const answer = await unwrap(api.POST("/api/v1/access/reviews/{id}/items/{rule}", { params: path(item.rule_id), body, signal }));
    items.items.value = items.items.value.map((i) => (i.rule_id === answer.rule_id ? answer : i));
    return answer;
  });
  const close = useAsyncAction((signal) => unwrap(api.POST("/api/v1/access/reviews/{id}/close", { params: { path: { id: id.value } }, signal })));
  return { id, review, items, decide, close };
}
