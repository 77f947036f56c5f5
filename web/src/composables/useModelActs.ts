import { api, unwrap } from "@/api/client";
import { stored } from "@/api/stored";
import type { Model } from "@/api/types";
import { useAsyncAction } from "./useAsyncAction";

/** What those who look after models do to one. Loading goes on behind the answer: the page follows it by events. */
export function useModelActs() {
  const of = (m: Model) => ({ params: { path: { id: m.id } } });
  return {
    load: useAsyncAction((signal, m: Model) => unwrap(api.POST("/api/v1/models/{id}/load", { ...of(m), signal }))),
    unload: useAsyncAction((signal, m: Model) => unwrap(api.POST("/api/v1/models/{id}/unload", { ...of(m), signal }))),
    makeDefault: useAsyncAction((signal, m: Model, wish: { replace: boolean; interrupt: boolean }) => unwrap(api.PUT("/api/v1/models/{id}/default", { ...of(m), body: wish, signal }))),
    verify: useAsyncAction((signal, m: Model) => unwrap(api.POST("/api/v1/models/{id}/verify", { ...of(m), signal }))),
    remove: useAsyncAction((signal, m: Model) => stored(unwrap(api.DELETE("/api/v1/models/{id}", { ...of(m), signal })).then(() => true), () => true)),
  };
}
