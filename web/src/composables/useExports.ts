import { api, unwrap } from "@/api/client";
import type { ExportSchedules, NewExportSchedule } from "@/api/types";
import { useAsyncAction } from "./useAsyncAction";
import { useResource } from "./useResource";

/** Exports that are made at set times. */
export function useExportSchedules() {
  const state = useResource<ExportSchedules>((signal) => unwrap(api.GET("/api/v1/audit/export/schedules", { signal })), { everyMs: 30_000 });
  const add = useAsyncAction((signal, body: NewExportSchedule) => unwrap(api.POST("/api/v1/audit/export/schedules", { body, signal })));
  const remove = useAsyncAction((signal, id: string) => unwrap(api.DELETE("/api/v1/audit/export/schedules/{id}", { params: { path: { id } }, signal })).then(() => true));
  return { state, add, remove };
}
