import { api, unwrap } from "@/api/client";
import type { User } from "@/api/types";
import { useAsyncAction } from "./useAsyncAction";

const most = 20;

/** The account of exactly that user name, whatever its case; `run` answers "none" where nobody has it, null where that is not known. */
export function useFindUser() {
  return useAsyncAction(async (signal, username: string): Promise<User | "none"> => {
    const word = username.trim().toLowerCase();
    const page = await unwrap(api.GET("/api/v1/users", { params: { query: { q: word, limit: most } }, signal }));
    return page.items.find((u) => u.username.toLowerCase() === word) ?? "none";
  });
}
